package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"math/big"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// sec1 is an ECPrivateKey on P-256 with its scalar as given.
func sec1(scalar []byte) []byte {
	return encode(seq(integer(big.NewInt(1)), octets(scalar), tagged(asn1.Tag(0).ContextSpecific().Constructed(), oidValue("1.2.840.10045.3.1.7"))))
}

func TestSEC1ScalarsOfOddLengthAreRead(t *testing.T) {
	whole := append(make([]byte, 29), 1, 2, 3)
	want, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, scalar := range map[string][]byte{"whole": whole, "without zeros": {1, 2, 3}, "with more zeros": append(make([]byte, 9), whole...)} {
		if key, err := parseSEC1(sec1(scalar), nil); err != nil || !want.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	order := elliptic.P256().Params().N.Bytes()
	for name, scalar := range map[string][]byte{"zero": make([]byte, 32), "nothing": {}, "the order": order, "too long": append([]byte{1}, whole...)} {
		before := bytes.Clone(scalar)
		if key, err := parseSEC1(sec1(scalar), nil); !errors.Is(err, &RuleError{Rule: RuleBadKey}) {
			t.Errorf("%s: %v, %v", name, key != nil, err)
		} else if text := err.Error(); bytes.Contains([]byte(text), before) && len(before) > 0 {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

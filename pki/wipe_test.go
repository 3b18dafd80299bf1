package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"math/big"
	"testing"
)

func TestWipeOverwritesDecodedKeysAndSparesCertificates(t *testing.T) {
	pair, err := GenerateAgent(AgentOptions{})
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := readBlocks(pair.EncodePEM())
	if err != nil || len(blocks) != 2 {
		t.Fatal(blocks, err)
	}
	blocks.wipe()
	if !bytes.Equal(blocks[0].der, pair.leaf.Raw) {
		t.Error("the certificate was overwritten")
	}
	if key := blocks[1].der; len(bytes.Trim(key[:cap(key)], "\x00")) != 0 {
		t.Error("the key is still there")
	}
}

func TestWipePrivateKeyReachesEveryNumber(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(readFixture(t, "leaf.key"))
	parsed, err := parsePKCS8(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	r := parsed.(*rsa.PrivateKey)
	//lint:ignore SA1019 no arithmetic is done with D; its words are looked at
	numbers := map[string]*big.Int{"scalar": ec.D, "d": r.D, "p": r.Primes[0], "q": r.Primes[1],
		"dp": r.Precomputed.Dp, "dq": r.Precomputed.Dq, "qinv": r.Precomputed.Qinv}
	for name, n := range numbers {
		if n.Sign() == 0 {
			t.Fatalf("%s is zero before", name)
		}
	}
	wipePrivateKey(ec)
	wipePrivateKey(ed)
	wipePrivateKey(r)
	for name, n := range numbers {
		for _, word := range n.Bits() {
			if word != 0 {
				t.Errorf("%s is still there", name)
				break
			}
		}
	}
	if len(bytes.Trim(ed, "\x00")) != 0 {
		t.Error("the Ed25519 key is still there")
	}
}

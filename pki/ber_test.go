package pki

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDERFromBER(t *testing.T) {
	for _, c := range []struct{ name, ber, der string }{
		{"DER stays", "3006020103040161", "3006020103040161"},
		{"indefinite length", "30800201030000", "3003020103"},
		{"nested indefinite", "3080308002010300000000", "30053003020103"},
		{"long length", "308200030201033a", ""},
		{"long length, minimal after", "30820003020103", "3003020103"},
		{"octets in pieces", "240704016104026263", "0403616263"},
		{"octets in pieces, indefinite", "2480040161040262630000", "0403616263"},
		{"pieces of pieces", "2480248004016100000401620000", "04026162"},
		{"context tag", "a0800401610000", "a003040161"},
		{"empty", "", ""},
		{"tag alone", "30", ""},
		{"length beyond the end", "3005020103", ""},
		{"length of five octets", "30850000000003020103", ""},
		{"length of no octets before the end", "3082", ""},
		{"primitive of indefinite length", "0480610000", ""},
		{"never ends", "3080020103", ""},
		{"high tag", "1f8101020103", ""},
		{"piece of another kind", "2403020103", ""},
		{"something after", "300002", ""},
	} {
		der, err := derFromBER(unhex(t, c.ber))
		if c.der == "" {
			if !errors.Is(err, errBER) {
				t.Errorf("%s: got %x, %v", c.name, der, err)
			}
		} else if err != nil || !bytes.Equal(der, unhex(t, c.der)) {
			t.Errorf("%s: got %x, %v; want %s", c.name, der, err, c.der)
		}
	}
}

func TestDERFromBERBoundsNesting(t *testing.T) {
	for _, step := range [][]byte{{0x30, 0x80}, {0xa0, 0x80}, {0x24, 0x80}} {
		deep := append(bytes.Repeat(step, maxBERDepth+2), bytes.Repeat([]byte{0, 0}, maxBERDepth+2)...)
		if _, err := derFromBER(deep); !errors.Is(err, errBER) {
			t.Errorf("%x: got %v", step, err)
		}
		fine := append(bytes.Repeat(step, maxBERDepth), bytes.Repeat([]byte{0, 0}, maxBERDepth)...)
		if _, err := derFromBER(fine); err != nil {
			t.Errorf("%x: got %v", step, err)
		}
	}
}

// The vectors of RFC 2268 section 5 whose effective length is that of the key.
func TestRC2MatchesItsRFC(t *testing.T) {
	for _, c := range []struct{ key, plain, cipher string }{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		got := make([]byte, 8)
		newRC2(unhex(t, c.key)).Decrypt(got, unhex(t, c.cipher))
		if !bytes.Equal(got, unhex(t, c.plain)) {
			t.Errorf("key %s: got %x, want %s", c.key, got, c.plain)
		}
	}
}

// Vectors for RFC 7292 appendix B as other implementations publish them, with a key longer than one hash.
func TestKeyDerivationMatchesOthers(t *testing.T) {
	for _, c := range []struct {
		name string
		d    derivation
		pw   []byte
		want string
	}{
		{"SHA-1, key", derivation{newHash: sha1.New, salt: unhex(t, "0a58cf64530d823f"), iterations: 1, purpose: purposeKey, size: 24},
			newPFXPassword("smeg").bmp, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"},
		{"SHA-1, IV", derivation{newHash: sha1.New, salt: unhex(t, "0a58cf64530d823f"), iterations: 1, purpose: purposeIV, size: 8},
			newPFXPassword("smeg").bmp, "79993dfe048d3b76"},
		{"SHA-1, MAC", derivation{newHash: sha1.New, salt: unhex(t, "3d83c0e4546ac140"), iterations: 1, purpose: purposeMAC, size: 20},
			newPFXPassword("smeg").bmp, "8d967d88f6caa9d714800ab3d48051d63f73a312"},
		{"SHA-1, 1000 iterations", derivation{newHash: sha1.New, salt: unhex(t, "05dec959acff72f7"), iterations: 1000, purpose: purposeKey, size: 24},
			newPFXPassword("queeg").bmp, "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4"},
	} {
		got, err := c.d.run(pfxPassword{bmp: c.pw})
		if err != nil || !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s: got %x, %v; want %s", c.name, got, err, c.want)
		}
	}
	if got := newPFXPassword("\u00e4\U0001f511").bmp; !bytes.Equal(got, unhex(t, "00e4d83ddd110000")) {
		t.Errorf("password became %x", got)
	}
	if _, err := (derivation{pbkdf2: true, newHash: sha256.New, salt: []byte("salt"), iterations: 1, size: 32}).run(newPFXPassword("")); err != nil {
		t.Error(err)
	}
}

func FuzzDERFromBER(f *testing.F) {
	for _, name := range []string{"nss.pfx", "openssl-ec.pfx"} {
		f.Add(readFixture(f, name))
	}
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 4, 1, 'a', 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, ber []byte) {
		der, err := derFromBER(ber)
		if err != nil {
			return
		}
		if len(der) > len(ber)+6*maxBERDepth*len(ber) {
			t.Errorf("%d octets became %d", len(ber), len(der))
		}
		if again, err := derFromBER(der); err != nil || !bytes.Equal(der, again) {
			t.Errorf("not stable: %x, %x, %v", der, again, err)
		}
	})
}

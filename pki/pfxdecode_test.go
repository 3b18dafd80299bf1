package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

const (
	pfxDir         = "pkitest/testdata/pfx"
	fixturePass    = "pässwörd"
	fixtureForeign = "changeit" // of containers that OpenSSL did not write
)

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(pfxDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// countingReader counts the derivations that a container makes it run.
func countingReader(runs *int) *pfxReader {
	return &pfxReader{derive: func(d derivation, p pfxPassword) ([]byte, error) {
		*runs++
		return d.run(p)
	}}
}

func TestDecodePFXReadsWhatOthersWrite(t *testing.T) {
	block, _ := pem.Decode(readFixture(t, "leaf.crt"))
	leaf := FingerprintOf(block.Bytes)
	cases := []struct {
		file, password string
		derivations    int
	}{
		{"openssl-modern.pfx", fixturePass, 3},
		{"openssl-modern-empty.pfx", "", 3},
		{"openssl-modern-chain.pfx", fixturePass, 3},
		{"openssl-aes128.pfx", fixturePass, 3},
		{"openssl-pbes2-3des.pfx", fixturePass, 3},
		{"openssl-noiter.pfx", fixturePass, 3},
		{"openssl-cert-plain.pfx", fixturePass, 2},
		{"openssl-all-plain.pfx", fixturePass, 1},
		{"openssl-nomac-empty.pfx", "", 1}, // OpenSSL leaves the certificate open then
		{"openssl-nomac-plain.pfx", "", 0},
		{"openssl-legacy.pfx", fixturePass, 5},
		{"openssl-legacy-empty.pfx", "", 5},
		{"openssl-legacy-3des.pfx", fixturePass, 5},
		{"openssl-legacy-rc2-128.pfx", fixturePass, 5},
		{"java.pfx", fixtureForeign, 3},
		{"java-legacy.pfx", fixtureForeign, 5},
		{"nss.pfx", fixtureForeign, 3},
		{"nss-3des.pfx", fixtureForeign, 5},
		{"python-plain.pfx", "", 1},
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			runs := 0
			pair, err := countingReader(&runs).read(readFixture(t, c.file), c.password)
			if err != nil {
				t.Fatal(err)
			}
			if pair.Fingerprint() != leaf {
				t.Errorf("leaf is %s, want %s", pair.Fingerprint(), leaf)
			}
			if !belongs(pair.Leaf(), pair.key) {
				t.Error("the key does not belong to the leaf")
			}
			if want := map[bool]int{true: 2, false: 1}[strings.Contains(c.file, "chain")]; len(pair.Chain()) != want {
				t.Errorf("%d certificates, want %d", len(pair.Chain()), want)
			}
			if runs != c.derivations {
				t.Errorf("%d derivations ran, want %d", runs, c.derivations)
			}
		})
	}
	if files, _ := filepath.Glob(pfxDir + "/*.pfx"); len(files) != len(cases)+6 {
		t.Errorf("%d fixtures, tests know %d", len(files), len(cases)+6)
	}
}

func TestDecodePFXAgreesWithAnotherReader(t *testing.T) {
	for _, file := range []string{"openssl-modern.pfx", "openssl-legacy.pfx", "openssl-legacy-3des.pfx", "java.pfx", "openssl-ec.pfx"} {
		password := fixturePass
		if strings.HasPrefix(file, "java") {
			password = fixtureForeign
		}
		data := readFixture(t, file)
		pair, err := DecodePFX(data, password)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		key, leaf, _, err := pkcs12.DecodeChain(data, password)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if !bytes.Equal(leaf.Raw, pair.Leaf().Raw) || !pair.key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
			t.Errorf("%s: the two readers found different pairs", file)
		}
	}
}

func TestDecodePFXReadsEveryEncodingOfAnotherWriter(t *testing.T) {
	pair, err := GenerateAgent(AgentOptions{Name: "agent"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		encoder  *pkcs12.Encoder
		password string
	}{
		"RC2": {pkcs12.LegacyRC2, "p"}, "RC2, empty": {pkcs12.LegacyRC2, ""}, "3DES": {pkcs12.LegacyDES, "p"}, "PBES2": {pkcs12.Modern2023, "p"},
		"PBMAC1": {pkcs12.Modern2026, "p"}, "PBMAC1, empty": {pkcs12.Modern2026, ""}, "open": {pkcs12.Passwordless, ""},
	} {
		data, err := c.encoder.Encode(pair.key, pair.leaf, nil, c.password)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodePFX(data, c.password); err != nil || back.Fingerprint() != pair.Fingerprint() {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := DecodePFX(data, "guess"); !errors.Is(err, ErrPFXPassword) && name != "open" {
			t.Errorf("%s, wrong password: %v", name, err)
		}
	}
}

func TestDecodePFXRefuses(t *testing.T) {
	modern := readFixture(t, "openssl-modern.pfx")
	cases := []struct {
		name, password string
		data           []byte
		want           error
	}{
		{"wrong password", "guess", modern, ErrPFXPassword},
		{"no password given", "", modern, ErrPFXPassword},
		{"wrong password, legacy", "guess", readFixture(t, "openssl-legacy.pfx"), ErrPFXPassword},
		{"password where none is set", "guess", readFixture(t, "openssl-modern-empty.pfx"), ErrPFXPassword},
		{"no check under a password", fixturePass, readFixture(t, "openssl-nomac.pfx"), ErrPFXMalformed},
		{"no check, encrypted, no password given", "", readFixture(t, "openssl-nomac.pfx"), ErrPFXPassword},
		{"no key", fixturePass, readFixture(t, "openssl-nokey.pfx"), ErrPFXNoKey},
		{"no key, no password", "", readFixture(t, "openssl-nokey-empty.pfx"), ErrPFXNoKey},
		{"iterations", fixturePass, readFixture(t, "openssl-iterations.pfx"), ErrPFXIterations},
		{"RC4", fixturePass, readFixture(t, "openssl-rc4.pfx"), ErrPFXMalformed},
		{"too large", "", make([]byte, MaxFileSize+1), ErrPFXTooLarge},
		{"empty", "", nil, ErrPFXMalformed},
		{"a certificate", "", readFixture(t, "leaf.crt"), ErrPFXMalformed},
		{"cut off", fixturePass, modern[:len(modern)-1], ErrPFXMalformed},
		{"trailing octet", fixturePass, append(bytes.Clone(modern), 0), ErrPFXMalformed},
		{"hostile nesting", "", bytes.Repeat([]byte{0x30, 0x80}, MaxFileSize/2), ErrPFXMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pair, err := DecodePFX(c.data, c.password)
			if !errors.Is(err, c.want) || pair != nil {
				t.Errorf("got %v, %v; want %v", pair, err, c.want)
			}
			if c.password != "" && err != nil && strings.Contains(err.Error(), c.password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestDecodePFXNoticesAnyChangedOctet(t *testing.T) {
	original, err := GenerateAgent(AgentOptions{Name: "agent"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(original.key)
	if err != nil {
		t.Fatal(err)
	}
	once := pbes2(count(1))
	content := safeOf(encryptedPart(once, pbes2Encrypt(encode(seq(certificateBag(original.leaf.Raw))), "p")),
		openPart(shroudedBag(once, pbes2Encrypt(key, "p"))))
	data := pfxOf(content, macOf(content, count(1), newPFXPassword("p")))
	if _, err := DecodePFX(data, "p"); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[i] ^= 1 << bit
			runs := 0
			if _, err := countingReader(&runs).read(changed, "p"); err == nil {
				t.Errorf("octet %d, bit %d: the change went unnoticed", i, bit)
			}
		}
	}
}

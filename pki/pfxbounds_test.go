package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
)

// TestPFXIterationsAreRefusedBeforeAnyDerivation asks for too much work in every place where a container can, and
// counts the derivations that ran: none.
func TestPFXIterationsAreRefusedBeforeAnyDerivation(t *testing.T) {
	over := count(maxIterations + 1)
	huge := new(big.Int).Lsh(big.NewInt(1), 31)
	absurd := new(big.Int).Lsh(big.NewInt(1), 20_000)
	junk := make([]byte, 32)
	check := func(content []byte) asn1Value { return macOf(content, count(1), newPFXPassword("")) }
	whole := func(parts ...asn1Value) []byte {
		content := safeOf(parts...)
		return pfxOf(content, check(content))
	}
	full := pbes2(count(maxIterations))
	cases := []struct {
		name string
		data []byte
		want error
	}{
		{"integrity check", pfxOf(safeOf(), macOf(nil, over, newPFXPassword(""))), ErrPFXIterations},
		{"integrity check, 2^31", pfxOf(safeOf(), macOf(nil, huge, newPFXPassword(""))), ErrPFXIterations},
		{"integrity check, absurd", pfxOf(safeOf(), macOf(nil, absurd, newPFXPassword(""))), ErrPFXIterations},
		{"integrity check, zero", pfxOf(safeOf(), macOf(nil, count(0), newPFXPassword(""))), ErrPFXMalformed},
		{"integrity check, negative", pfxOf(safeOf(), macOf(nil, count(-5), newPFXPassword(""))), ErrPFXMalformed},
		{"PBMAC1", pfxOf(safeOf(), pbmac1(over, 32)), ErrPFXIterations},
		{"PBMAC1, short key", pfxOf(safeOf(), pbmac1(count(1), 8)), ErrPFXMalformed},
		{"PBMAC1, long key", pfxOf(safeOf(), pbmac1(count(1), 1<<30)), ErrPFXMalformed},
		{"encrypted part, PBES1", whole(encryptedPart(pbes1(over), junk)), ErrPFXIterations},
		{"encrypted part, PBES2", whole(encryptedPart(pbes2(huge), junk)), ErrPFXIterations},
		{"second encrypted part", whole(encryptedPart(pbes2(count(1)), junk), encryptedPart(pbes2(huge), junk)), ErrPFXIterations},
		{"shrouded key, PBES1", whole(openPart(shroudedBag(pbes1(huge), junk))), ErrPFXIterations},
		{"shrouded key, PBES2", whole(openPart(shroudedBag(pbes2(over), junk))), ErrPFXIterations},
		{"shrouded key in a later part", whole(encryptedPart(pbes2(count(1)), junk), openPart(shroudedBag(pbes2(over), junk))), ErrPFXIterations},
		{"together too many", whole(encryptedPart(full, junk), encryptedPart(full, junk), openPart(shroudedBag(full, junk))), ErrPFXIterations},
		{"scrypt", whole(encryptedPart(pbes2With(seq(oidValue("1.3.6.1.4.1.11591.4.11"),
			seq(octets(testSalt), integer(huge), integer(count(8)), integer(count(1))))), junk)), ErrPFXMalformed},
		{"PBKDF2 key length", whole(encryptedPart(pbes2With(pbkdf2Value(count(1), integer(count(1<<30)))), junk)), ErrPFXMalformed},
		{"many parts", whole(repeatValue(openPart(), maxParts+1)...), ErrPFXMalformed},
		{"many bags", whole(openPart(repeatValue(shroudedBag(pbes2(count(1)), junk), maxBags+1)...)), ErrPFXMalformed},
		{"bags within bags", whole(openPart(bag("1.2.840.113549.1.12.10.1.6", seq(shroudedBag(pbes2(huge), junk))))), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			runs := 0
			_, err := countingReader(&runs).read(c.data, "")
			if c.want == nil { // refused by kind, after the check
				if !errors.Is(err, ErrPFXMalformed) || runs != 1 {
					t.Errorf("got %v after %d derivations", err, runs)
				}
				return
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if runs != 0 {
				t.Errorf("%d derivations ran", runs)
			}
		})
	}
}

func repeatValue(v asn1Value, n int) []asn1Value {
	var out []asn1Value
	for range n {
		out = append(out, v)
	}
	return out
}

// TestPFXIterationsInsideEncryptionAreRefusedBeforeTheirDerivation hides the demand in an encrypted part, where no
// reading ahead can see it.
func TestPFXIterationsInsideEncryptionAreRefusedBeforeTheirDerivation(t *testing.T) {
	hidden := encode(seq(shroudedBag(pbes2(count(1<<31)), make([]byte, 32))))
	content := safeOf(encryptedPart(pbes2(count(1)), pbes2Encrypt(hidden, "p")))
	runs := 0
	_, err := countingReader(&runs).read(pfxOf(content, macOf(content, count(1), newPFXPassword("p"))), "p")
	if !errors.Is(err, ErrPFXIterations) {
		t.Errorf("got %v, want %v", err, ErrPFXIterations)
	}
	if runs != 2 { // the check and the part around
		t.Errorf("%d derivations ran, want 2", runs)
	}
}

func TestPFXIterationsUpToTheLimitAreRun(t *testing.T) {
	r := &pfxReader{derive: func(d derivation, _ pfxPassword) ([]byte, error) {
		if d.iterations != maxIterations {
			t.Errorf("asked for %d iterations", d.iterations)
		}
		return make([]byte, d.size), nil
	}}
	if _, err := r.read(pfxOf(safeOf(), macOf(nil, count(maxIterations), newPFXPassword("p"))), "p"); !errors.Is(err, ErrPFXPassword) {
		t.Errorf("got %v, want %v", err, ErrPFXPassword)
	}
}

// TestDecodePFXReadsTheAbsentPassword covers writers for whom no password is no octets at all, not one zero character.
func TestDecodePFXReadsTheAbsentPassword(t *testing.T) {
	for name, form := range map[string]pfxPassword{"absent": {}, "empty": newPFXPassword("")} {
		cert, _ := pem.Decode(readFixture(t, "leaf.crt"))
		key, _ := pem.Decode(readFixture(t, "leaf.key"))
		content := safeOf(openPart(certificateBag(cert.Bytes), bag(oidKeyBag, raw(key.Bytes))))
		pair, err := DecodePFX(pfxOf(content, macOf(content, count(1), form)), "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if pair.Fingerprint() != FingerprintOf(cert.Bytes) {
			t.Errorf("%s: wrong leaf", name)
		}
	}
}

func TestDecodePFXRefusesOddContents(t *testing.T) {
	cert, _ := pem.Decode(readFixture(t, "leaf.crt"))
	issuer, _ := pem.Decode(readFixture(t, "ca.crt"))
	key, _ := pem.Decode(readFixture(t, "leaf.key"))
	keyBag, certBag := bag(oidKeyBag, raw(key.Bytes)), certificateBag(cert.Bytes)
	cases := []struct {
		name string
		bags []asn1Value
		want error
	}{
		{"two keys", []asn1Value{certBag, keyBag, keyBag}, ErrPFXMalformed},
		{"no certificate", []asn1Value{keyBag}, ErrPFXMalformed},
		{"nothing", nil, ErrPFXNoKey},
		{"a key of another certificate", []asn1Value{certificateBag(issuer.Bytes), keyBag}, &RuleError{Rule: RuleKeyMismatch}},
		{"the certificate twice", []asn1Value{certBag, certBag, keyBag}, &RuleError{Rule: RuleAmbiguous}},
		{"no X.509", []asn1Value{bag(oidCertBag, bag("1.2.840.113549.1.9.22.2", octets(nil))), keyBag}, ErrPFXMalformed},
		{"damaged certificate", []asn1Value{certificateBag(cert.Bytes[:50]), keyBag}, &RuleError{Rule: RuleBadCertificate}},
		{"damaged key", []asn1Value{certBag, bag(oidKeyBag, octets(key.Bytes))}, &RuleError{Rule: RuleBadKey}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodePFX(pfxOf(safeOf(openPart(c.bags...)), nil), ""); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}

	// An issuer before the leaf is no fault in a container, whose order means nothing.
	pair, err := DecodePFX(pfxOf(safeOf(openPart(certificateBag(issuer.Bytes), certBag, keyBag)), nil), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := x509.ParseCertificate(cert.Bytes); !pair.Leaf().Equal(got) || !bytes.Equal(pair.Chain()[1], issuer.Bytes) {
		t.Error("the key's certificate is not first")
	}
}

// FuzzDecodePFX starts from small containers with elliptic curve keys and one iteration, so that it gets deep and fast;
// iterations beyond one are counted and not run.
func FuzzDecodePFX(f *testing.F) {
	pair, err := GenerateAgent(AgentOptions{Name: "agent"})
	if err != nil {
		f.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.key)
	if err != nil {
		f.Fatal(err)
	}
	const password = "p"
	cert, once := certificateBag(pair.leaf.Raw), pbes2(count(1))
	shrouded := shroudedBag(once, pbes2Encrypt(key, password))
	for _, parts := range [][]asn1Value{
		{openPart(cert, bag(oidKeyBag, raw(key)))},
		{openPart(cert, shrouded)},
		{encryptedPart(once, pbes2Encrypt(encode(seq(cert)), password)), openPart(shrouded)},
		{encryptedPart(once, pbes2Encrypt(encode(seq(cert, shrouded)), password))},
		{openPart(cert)},
		{openPart(shroudedBag(pbes1(count(1<<31)), nil))},
	} {
		content := safeOf(parts...)
		f.Add(pfxOf(content, macOf(content, count(1), newPFXPassword(password))), password)
		f.Add(pfxOf(content, pbmac1(count(1), 32)), password)
		f.Add(pfxOf(content, nil), "")
		f.Add(content, "")
	}
	for _, name := range []string{"openssl-ec.pfx", "nss.pfx", "java-legacy.pfx"} {
		f.Add(readFixture(f, name), fixturePass)
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		// Once as a container, once as the content of one without a check, since no mutation gets past a check.
		for _, file := range [][]byte{data, pfxOf(data, nil)} {
			total := 0
			r := &pfxReader{derive: func(d derivation, p pfxPassword) ([]byte, error) {
				if d.iterations < 1 || d.iterations > maxIterations || d.size > 64 {
					t.Fatalf("asked for %d iterations, %d octets", d.iterations, d.size)
				}
				total += d.iterations
				d.iterations = 1
				return d.run(p)
			}}
			pair, err := r.read(file, password)
			if (pair == nil) == (err == nil) {
				t.Errorf("got %v, %v", pair, err)
			}
			if total > 2*maxAllIterations { // the check may run twice, an IV is derived beside its key
				t.Errorf("%d iterations", total)
			}
			password = ""
		}
	})
}

package pki_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
)

// material is what the cases below are put together from.
type material struct {
	cert, key, pkcs1, sec1, issuer, otherKey []byte // PEM; key belongs to cert
	certDER, keyDER, pfx                     []byte
}

func newMaterial(t testing.TB) material {
	t.Helper()
	signer := pkitest.ECDSAKey(t)
	pair := pkitest.PairFor(t, signer)
	var m material
	m.cert, m.key = pair.CertificatePEM(), pkitest.KeyPEM(t, signer)
	m.issuer = pkitest.Pair(t, pki.KeyECDSAP256).CertificatePEM()
	m.otherKey = pkitest.KeyPEM(t, pkitest.ECDSAKey(t))
	m.sec1 = pkitest.SEC1PEM(t, signer)
	m.pkcs1 = pkitest.PKCS1PEM(t, pkitest.Key(t, "rsa2048"))
	m.certDER = pair.Leaf().Raw
	block, _ := pem.Decode(m.key)
	m.keyDER = block.Bytes
	pfx, err := pki.EncodePFX(pair, pki.PFXOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.pfx = pfx
	return m
}

func join(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			out = append(out, p...)
		case string:
			out = append(out, p...)
		}
	}
	return out
}

func TestParsePairTakesWhatTheRuleAllows(t *testing.T) {
	m := newMaterial(t)
	crlf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }
	const bagText = "Bag Attributes\n    localKeyID: 01 02\n    friendlyName: h\u00f6st\nsubject=CN = host\n\nissuer=CN = host\n\n"
	ecParameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}})
	rsaCert := pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "rsa2048")))
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name  string
		file  []byte
		chain int
	}{
		{"certificate, key", join(m.cert, m.key), 1},
		{"key, certificate", join(m.key, m.cert), 1},
		{"chain", join(m.cert, m.key, m.issuer), 2},
		{"CRLF", crlf(join(m.cert, m.key)), 1},
		{"byte order mark", join("\xef\xbb\xbf", m.cert, m.key), 1},
		{"no last newline", bytes.TrimSpace(join(m.cert, m.key)), 1},
		{"blank lines after", join(m.cert, m.key, " \r\n\n\t\n"), 1},
		{"OpenSSL's text", join(bagText, m.cert, bagText, m.key), 1},
		{"trailing spaces", bytes.ReplaceAll(join(m.cert, m.key), []byte("\n"), []byte("  \n")), 1},
		{"SEC 1", join(m.cert, m.sec1), 1},
		{"SEC 1 with EC PARAMETERS", join(m.cert, ecParameters, m.sec1), 1},
		{"PKCS #1", join(rsaCert, m.pkcs1), 1},
		{"X509 CERTIFICATE", join(bytes.ReplaceAll(m.cert, []byte("CERTIFICATE"), []byte("X509 CERTIFICATE")), m.key), 1},
		{"RSA 8192", join(pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "rsa8192"))), pkitest.KeyPEM(t, pkitest.Key(t, "rsa8192"))), 1},
		{"Ed25519", join(pkitest.CertificatePEM(pkitest.SelfSigned(t, edKey)), pkitest.KeyPEM(t, edKey)), 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := bytes.Clone(c.file)
			pair, warnings, err := pki.ParsePair(c.file, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(warnings) != 0 {
				t.Errorf("warnings %v", warnings)
			}
			if len(pair.Chain()) != c.chain || !bytes.Equal(pair.Chain()[0], pair.Leaf().Raw) {
				t.Errorf("chain of %d, want %d", len(pair.Chain()), c.chain)
			}
			if !bytes.Equal(before, c.file) {
				t.Error("the file was changed")
			}
			clear(c.file) // a pair owns its memory
			again, _, err := pki.ParsePair(pair.EncodePEM(), time.Now())
			if err != nil || again.Fingerprint() != pair.Fingerprint() {
				t.Errorf("EncodePEM is not read back: %v", err)
			}
		})
	}
}

func TestParsePairNamesTheBrokenRule(t *testing.T) {
	m := newMaterial(t)
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	fixture := func(name string) []byte { return pkitest.File(t, name) }
	hugeKey := pkitest.ECDSAKey(t)
	huge := pkitest.SelfSigned(t, hugeKey, pkitest.Huge)
	fits := join(m.cert, m.key)
	cases := []struct {
		name string
		file []byte
		rule pki.Rule
		text string
	}{
		{"over 64 KiB", join(fits, strings.Repeat("\n", pki.MaxFileSize)), pki.RuleSize, "64 KiB"},
		{"empty", nil, pki.RuleEmpty, "empty"},
		{"only white space", []byte("\r\n \t"), pki.RuleEmpty, "empty"},
		{"DER certificate", m.certDER, pki.RuleFormat, "certificate in DER form"},
		{"DER key", m.keyDER, pki.RuleFormat, "private key in DER form"},
		{"PFX", m.pfx, pki.RuleFormat, "PFX"},
		{"PFX in BER", fixture("pfx/nss.pfx"), pki.RuleFormat, "PFX"},
		{"PKCS #7, DER", fixture("odd/bundle.p7b"), pki.RuleFormat, "PKCS #7"},
		{"PKCS #7, PEM", fixture("odd/bundle-pem.p7b"), pki.RuleFormat, "PKCS #7"},
		{"HTML", []byte("<!DOCTYPE html><html>login</html>"), pki.RuleFormat, "HTML"},
		{"plain text", []byte("please see attachment\n"), pki.RuleFormat, "plain text"},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00-\x00"), pki.RuleFormat, "UTF-16"},
		{"SSH public key", []byte("ssh-ed25519 AAAAC3NzaC1lZDI1 admin"), pki.RuleFormat, "SSH"},
		{"binary", []byte{0x7f, 'E', 'L', 'F', 0, 1}, pki.RuleFormat, "unknown binary"},
		{"no certificate", m.key, pki.RuleNoCertificate, "no certificate"},
		{"no key", m.cert, pki.RuleNoKey, "no private key"},
		{"two keys", join(m.cert, m.key, m.otherKey), pki.RuleSeveralKeys, "2 private keys"},
		{"the same key twice", join(m.cert, m.key, m.sec1), pki.RuleSeveralKeys, "2 private keys"},
		{"key of another certificate", join(m.cert, m.otherKey), pki.RuleKeyMismatch, "does not belong"},
		{"key of another kind", join(m.cert, m.pkcs1), pki.RuleKeyMismatch, "RSA 2048"},
		{"encrypted PKCS #8", join(m.cert, fixture("odd/encrypted-pkcs8.key")), pki.RuleEncryptedKey, "encrypted"},
		{"encrypted by headers", join(m.cert, fixture("odd/encrypted-rfc1421.key")), pki.RuleEncryptedKey, "encrypted"},
		{"RSA 1024", join(m.cert, pkitest.KeyPEM(t, pkitest.Key(t, "rsa1024"))), pki.RuleKeyTooShort, "1024 bits, at least 2048"},
		{"RSA 512", join(m.cert, fixture("odd/rsa512.key")), pki.RuleKeyTooShort, "512 bits"},
		{"RSA 2047", join(m.cert, fixture("odd/rsa2047.key")), pki.RuleKeyTooShort, "2047 bits"},
		{"RSA 8200", join(m.cert, block("RSA PRIVATE KEY", pkitest.RSAShape(8200))), pki.RuleKeyTooLong, "8200 bits, at most 8192"},
		{"P-224", join(m.cert, pkitest.KeyPEM(t, pkitest.Key(t, "p224"))), pki.RuleCurve, "P-224"},
		{"secp256k1", join(m.cert, fixture("odd/secp256k1.key")), pki.RuleCurve, "secp256k1"},
		{"curve by its parameters", join(m.cert, fixture("odd/explicit.key")), pki.RuleCurve, "names no curve"},
		{"DSA, PKCS #8", join(m.cert, fixture("odd/dsa.key")), pki.RuleKeyAlgorithm, "DSA"},
		{"DSA, own block", join(m.cert, block("DSA PRIVATE KEY", []byte{0x30, 0})), pki.RuleKeyAlgorithm, "dsa"},
		{"Ed448", join(m.cert, fixture("odd/ed448.key")), pki.RuleKeyAlgorithm, "Ed448"},
		{"X25519", join(m.cert, fixture("odd/x25519.key")), pki.RuleKeyAlgorithm, "X25519"},
		{"RSA-PSS", join(m.cert, fixture("odd/rsa-pss.key")), pki.RuleKeyAlgorithm, "RSA-PSS"},
		{"OpenSSH key", join(m.cert, block("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00"))), pki.RuleKeyAlgorithm, "openssh"},
		{"RSA with an endless prime", join(m.cert, block("RSA PRIVATE KEY", pkitest.RSAWithPrime(300_000))), pki.RuleBadKey, "cannot be read"},
		{"RSA of nothing", join(m.cert, block("RSA PRIVATE KEY", pkitest.RSAShape(2048))), pki.RuleBadKey, "cannot be read"},
		{"damaged key", join(m.cert, block("PRIVATE KEY", m.keyDER[:40])), pki.RuleBadKey, "cannot be read"},
		{"PKCS #1 in a PKCS #8 block", join(m.cert, bytes.ReplaceAll(m.pkcs1, []byte("RSA PRIVATE"), []byte("PRIVATE"))), pki.RuleBadKey, "cannot be read"},
		{"damaged certificate", join(block("CERTIFICATE", m.certDER[:100]), m.key), pki.RuleBadCertificate, "certificate 1"},
		{"damaged issuer", join(m.cert, m.key, block("CERTIFICATE", []byte{0x30, 0})), pki.RuleBadCertificate, "certificate 2"},
		{"leaf over 8 KiB", join(pkitest.CertificatePEM(huge), pkitest.KeyPEM(t, hugeKey)), pki.RuleLeafSize, "at most 8192"},
		{"leaf not first", join(m.issuer, m.cert, m.key), pki.RuleLeafOrder, "number 2"},
		{"leaf twice", join(m.cert, m.cert, m.key), pki.RuleAmbiguous, "more than one"},
		{"eleven certificates", join(m.cert, bytes.Repeat(m.issuer, 10), m.key), pki.RuleManyCertificates, "11 certificates"},
		{"certificate request", join(m.cert, m.key, block("CERTIFICATE REQUEST", []byte{0x30, 0})), pki.RuleBlock, "request"},
		{"public key", join(m.cert, m.key, block("PUBLIC KEY", []byte{0x30, 0})), pki.RuleBlock, "PUBLIC KEY"},
		{"trusted certificate", join(block("TRUSTED CERTIFICATE", m.certDER), m.key), pki.RuleBlock, "TRUSTED"},
		{"text after", join(fits, "-- \nSent from my phone\n"), pki.RuleTrailing, "after the last block"},
		{"NUL after", join(fits, "\x00\x00\x00"), pki.RuleTrailing, "outside of the blocks"},
		{"binary between", join(m.cert, "\x01\x02\n", m.key), pki.RuleTrailing, "outside of the blocks"},
		{"binary before", join("PK\x03\x04\n", fits), pki.RuleTrailing, "line 1"},
		{"cut off", fits[:len(fits)-30], pki.RuleBlock, "damaged"},
		{"cut off in the first block", join(m.cert[:200], "\n", m.key), pki.RuleBlock, "line 1"},
		{"not base64", join(m.cert, bytes.Replace(m.key, []byte("M"), []byte("*"), 1)), pki.RuleBlock, "damaged"},
		{"indented", join(m.cert, bytes.ReplaceAll(m.key, []byte("-----BEGIN"), []byte("  -----BEGIN"))), pki.RuleBlock, "indented"},
		{"END alone", join("-----END CERTIFICATE-----\n", fits), pki.RuleBlock, "line 1"},
		{"END of another", bytes.Replace(fits, []byte("END CERTIFICATE"), []byte("END CERTIFICAT"), 1), pki.RuleBlock, "line 1"},
	}
	seen := map[pki.Rule]bool{}
	for _, c := range cases {
		seen[c.rule] = true
		t.Run(c.name, func(t *testing.T) {
			pair, _, err := pki.ParsePair(c.file, time.Now())
			var broken *pki.RuleError
			if !errors.As(err, &broken) || pair != nil {
				t.Fatalf("got %v, %v", pair, err)
			}
			if broken.Rule != c.rule || !strings.Contains(broken.Text, c.text) {
				t.Errorf("got %s: %q; want %s: %q", broken.Rule, broken.Text, c.rule, c.text)
			}
			if broken.Hint == "" || c.rule == pki.RuleSeveralKeys && broken.Hint != "leave only the server's own key in the file" {
				t.Errorf("the next step is %q", broken.Hint)
			}
			if !errors.Is(err, &pki.RuleError{Rule: c.rule}) || errors.Is(err, &pki.RuleError{Rule: "other"}) {
				t.Error("errors.Is does not tell the rules apart")
			}
		})
	}
	for _, rule := range []pki.Rule{
		pki.RuleSize, pki.RuleEmpty, pki.RuleFormat, pki.RuleBlock, pki.RuleTrailing, pki.RuleNoCertificate, pki.RuleManyCertificates,
		pki.RuleNoKey, pki.RuleSeveralKeys, pki.RuleEncryptedKey, pki.RuleBadKey, pki.RuleKeyAlgorithm, pki.RuleKeyTooShort,
		pki.RuleKeyTooLong, pki.RuleCurve, pki.RuleBadCertificate, pki.RuleLeafSize, pki.RuleKeyMismatch, pki.RuleLeafOrder, pki.RuleAmbiguous,
	} {
		if !seen[rule] {
			t.Errorf("no case breaks %s", rule)
		}
	}
}

func TestParsePairWarnsOfDatesAndTakesThem(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		edit func(*x509.Certificate)
		want pki.WarningCode
	}{{pkitest.Expired, pki.WarnExpired}, {pkitest.Future, pki.WarnNotYetValid}} {
		key := pkitest.ECDSAKey(t)
		file := join(pkitest.CertificatePEM(pkitest.SelfSigned(t, key, c.edit)), pkitest.KeyPEM(t, key))
		pair, warnings, err := pki.ParsePair(file, now)
		if err != nil || pair == nil {
			t.Fatal(err)
		}
		if len(warnings) != 1 || warnings[0].Code != c.want {
			t.Errorf("got %v, want %s", warnings, c.want)
		}
	}
}

func TestParseCertificateTakesOneInAnyForm(t *testing.T) {
	m := newMaterial(t)
	want := pki.FingerprintOf(m.certDER)
	for name, file := range map[string][]byte{
		"PEM": m.cert, "DER": m.certDER, "text before": join("subject=CN = a\n", m.cert), "pasted without newline": bytes.TrimSpace(m.cert),
	} {
		cert, err := pki.ParseCertificate(file)
		if err != nil || pki.FingerprintOf(cert.Raw) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		file []byte
		rule pki.Rule
	}{
		"with its key":   {join(m.cert, m.key), pki.RuleUnwantedKey},
		"two":            {join(m.cert, m.issuer), pki.RuleManyCertificates},
		"text":           {[]byte("AA:BB:CC"), pki.RuleFormat},
		"PFX":            {m.pfx, pki.RuleFormat},
		"key alone":      {m.key, pki.RuleUnwantedKey},
		"DER key":        {m.keyDER, pki.RuleFormat},
		"nothing":        {nil, pki.RuleEmpty},
		"too large":      {make([]byte, pki.MaxFileSize+1), pki.RuleSize},
		"weak":           {pkitest.SelfSigned(t, pkitest.Key(t, "rsa1024")), pki.RuleKeyTooShort},
		"weak curve":     {pkitest.SelfSigned(t, pkitest.Key(t, "p224")), pki.RuleCurve},
		"parameters":     {pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: []byte{0x30, 0}}), pki.RuleBlock},
		"trailing octet": {append(bytes.Clone(m.certDER), 0), pki.RuleFormat},
	} {
		cert, err := pki.ParseCertificate(c.file)
		if !errors.Is(err, &pki.RuleError{Rule: c.rule}) || cert != nil {
			t.Errorf("%s: got %v, %v; want %s", name, cert != nil, err, c.rule)
		}
	}
}

func FuzzParsePair(f *testing.F) {
	m := newMaterial(f)
	for _, seed := range [][]byte{
		join(m.cert, m.key), join(m.key, m.cert), join(m.cert, m.sec1), join(m.cert, m.pkcs1), join("subject=a\r\n", m.cert, "b\n", m.key),
		m.cert, m.certDER, m.pfx, []byte("-----BEGIN "), []byte("-----BEGIN A-----\n-----END A-----"), []byte("<html>"), nil,
		join(m.cert, m.key, "-----BEGIN PRIVATE KEY-----\n"), pkitest.File(f, "odd/encrypted-rfc1421.key"),
	} {
		f.Add(seed)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, file []byte) {
		pair, _, err := pki.ParsePair(file, now)
		if err != nil {
			if broken := (*pki.RuleError)(nil); !errors.As(err, &broken) || broken.Text == "" {
				t.Errorf("%v is no rule", err)
			}
			return
		}
		if again, _, err := pki.ParsePair(pair.EncodePEM(), now); err != nil || again.Fingerprint() != pair.Fingerprint() {
			t.Errorf("not read back: %v", err)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	m := newMaterial(f)
	for _, seed := range [][]byte{m.cert, m.certDER, m.keyDER, m.pfx, pkitest.SelfSigned(f, pkitest.ECDSAKey(f), pkitest.Hostile), []byte("text"),
		pkitest.SelfSigned(f, pkitest.Key(f, "rsa1024")), pkitest.SelfSigned(f, pkitest.Key(f, "p224")), pkitest.File(f, "odd/bundle.p7b")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		cert, err := pki.ParseCertificate(file)
		if broken := (*pki.RuleError)(nil); err != nil && (!errors.As(err, &broken) || cert != nil) {
			t.Errorf("got %v, %v", cert != nil, err)
		}
		if err == nil && len(cert.Raw) > pki.MaxLeafSize {
			t.Errorf("%d octets were taken", len(cert.Raw))
		}
	})
}

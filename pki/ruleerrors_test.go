package pki_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
)

// TestEveryBrokenRuleIsNamed: whoever mends one fault at a time comes back for
// each.
func TestEveryBrokenRuleIsNamed(t *testing.T) {
	m := newMaterial(t)
	weak := pkitest.Key(t, "rsa1024")
	weakCert := pkitest.CertificatePEM(pkitest.SelfSigned(t, weak))
	hugeCert := pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.ECDSAKey(t), pkitest.Huge))
	encrypted := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"
	request := "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
	damaged := "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	for name, c := range map[string]struct {
		file  []byte
		rules []pki.Rule
	}{
		"a weak certificate without key":          {weakCert, []pki.Rule{pki.RuleNoKey, pki.RuleKeyTooShort}},
		"a weak pair is one fault":                {join(weakCert, pkitest.KeyPEM(t, weak)), []pki.Rule{pki.RuleKeyTooShort}},
		"a weak certificate, an encrypted key":    {join(weakCert, encrypted), []pki.Rule{pki.RuleEncryptedKey, pki.RuleKeyTooShort}},
		"two keys, one of them encrypted":         {join(m.cert, m.key, encrypted), []pki.Rule{pki.RuleSeveralKeys, pki.RuleEncryptedKey}},
		"another key, a large certificate":        {join(hugeCert, m.key), []pki.Rule{pki.RuleKeyMismatch, pki.RuleLeafSize}},
		"a request, and neither of the two":       {[]byte(request), []pki.Rule{pki.RuleBlock, pki.RuleNoCertificate, pki.RuleNoKey}},
		"a request beside a certificate":          {join(request, m.cert), []pki.Rule{pki.RuleBlock, pki.RuleNoKey}},
		"a damaged certificate, a weak key":       {join(damaged, pkitest.KeyPEM(t, weak)), []pki.Rule{pki.RuleKeyTooShort, pki.RuleBadCertificate}},
		"eleven certificates and no key":          {slices.Concat(slices.Repeat([][]byte{m.cert}, 11)...), []pki.Rule{pki.RuleManyCertificates, pki.RuleNoKey}},
		"only what can be told: a damaged issuer": {join(m.cert, damaged, m.otherKey), []pki.Rule{pki.RuleBadCertificate}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := pki.ParsePair(c.file, time.Now())
			var all pki.RuleErrors
			var one *pki.RuleError
			switch {
			case errors.As(err, &all):
			case errors.As(err, &one):
				all = pki.RuleErrors{one}
			}
			var got []pki.Rule
			for _, broken := range all {
				got = append(got, broken.Rule)
				if broken.Hint == "" || !strings.Contains(err.Error(), broken.Text) || !errors.Is(err, &pki.RuleError{Rule: broken.Rule}) {
					t.Errorf("%s: hint %q, error %q", broken.Rule, broken.Hint, err)
				}
			}
			if !slices.Equal(got, c.rules) {
				t.Errorf("named %q, want %q: %v", got, c.rules, err)
			}
			file := slices.Clone(c.file)
			if _, _, dropErr := pki.VerifyAndDropKey(file, time.Now()); fmt.Sprint(dropErr) != fmt.Sprint(err) {
				t.Errorf("for the list of agents it is said differently: %v", dropErr)
			}
		})
	}
}

// TestAFileOfFaultsIsAnsweredShortly: 64 KiB hold a thousand of them.
func TestAFileOfFaultsIsAnsweredShortly(t *testing.T) {
	request := "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
	_, _, err := pki.ParsePair([]byte(strings.Repeat(request, 800)), time.Now())
	var all pki.RuleErrors
	if !errors.As(err, &all) || len(all) != 16 || len(err.Error()) > 4096 {
		t.Errorf("%d faults, %d characters", len(all), len(err.Error()))
	}
}

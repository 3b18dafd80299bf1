package servercert_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

func TestThePreviewOfACertificateSaysWhatIsSeldomMeant(t *testing.T) {
	d := newDeeds(t)
	odd := func(edits ...func(*x509.Certificate)) []byte {
		return pkitest.PairFor(t, pkitest.ECDSAKey(t), edits...).EncodePEM()
	}
	other := pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "another"} }))
	for name, c := range map[string]struct {
		pem  []byte
		says string // empty: none of all these
	}{
		"usual":   {odd(), ""},
		"no name": {odd(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), "It has no name and no address"},
		"of a CA": {odd(func(c *x509.Certificate) { c.IsCA = true }), "of a certification authority"},
		"clients": {odd(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "It is not made for servers"},
		"any use": {odd(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), ""},
		"another": {slices.Concat(odd(), other), "Certificate 2 of the file (CN=another) did not issue the one before it"},
	} {
		p, err := d.PreviewInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: c.pem})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		told := strings.Join(p.Lines, "\n")
		for _, doubt := range []string{"It has no name and no address", "of a certification authority", "It is not made for servers", "did not issue"} {
			if strings.Contains(told, doubt) != strings.Contains(c.says, doubt) {
				t.Errorf("%s: %q in\n%s", name, doubt, told)
			}
		}
		if !strings.Contains(told, c.says) || !strings.Contains(told, "It is valid from 20") {
			t.Errorf("%s:\n%s", name, told)
		}
	}
}

// TestNamesThatTheNextCertificateLacksAreTold, since whoever opened the web
// interface by such a name cannot come back.
func TestNamesThatTheNextCertificateLacksAreTold(t *testing.T) {
	d := newDeeds(t)
	named := func(names ...string) []byte {
		return pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names, nil }).EncodePEM()
	}
	if _, err := d.InstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: named("cn.example.test", "localhost")}); err != nil {
		t.Fatal(err)
	}
	p, err := d.PreviewGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{})
	if err != nil || !slices.Equal(p.Lost, []string{"cn.example.test"}) || !strings.Contains(strings.Join(p.Lines, "\n"), "lacks names of the one in use: cn.example.test.") || !strings.Contains(p.Lines[0], "A new key (ECDSA P-256)") {
		t.Errorf("generated: %v %v, %v", p.Lost, p.Lines, err)
	}
	p, err = d.PreviewGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{Names: []string{"CN.example.test"}, Key: pki.KeyRSA3072})
	if err != nil || len(p.Lost) != 0 || strings.Contains(strings.Join(p.Lines, "\n"), "lacks") || !strings.Contains(p.Lines[0], "A new key (RSA 3072)") {
		t.Errorf("generated with it: %v %v, %v", p.Lost, p.Lines, err)
	}
	p, err = d.PreviewInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: named("other.test")})
	if err != nil || !slices.Equal(p.Lost, []string{"cn.example.test", "localhost"}) || !strings.Contains(strings.Join(p.Lines, "\n"), "lacks names of the certificate in use: cn.example.test, localhost.") {
		t.Errorf("supplied: %v %v, %v", p.Lost, p.Lines, err)
	}
	p, err = d.PreviewInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: named("*.example.test", "localhost")})
	if err != nil || len(p.Lost) != 0 || !slices.Contains(p.Lines, "It is for *.example.test, localhost.") {
		t.Errorf("a star stands for it: %v %v, %v", p.Lost, p.Lines, err)
	}
}

// TestNamesOfTheCertificateInUseAreKept has names that were chosen once, one of
// which a certificate of ours cannot have.
func TestNamesOfTheCertificateInUseAreKept(t *testing.T) {
	d := newDeeds(t)
	old := pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.DNSNames = []string{"cn.example.test", "localhost", "not a name"} })
	if _, err := d.InstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: old.EncodePEM()}); err != nil {
		t.Fatal(err)
	}
	in := acts.GenerateServerCertificate{Keep: true, Names: []string{"more.example.test"}}
	p, err := d.PreviewGenerateServerCertificate(t.Context(), anna, in)
	if err != nil || !slices.Contains(p.Lines, "Kept from the certificate in use: cn.example.test.") || !slices.Equal(p.Lost, []string{"not a name"}) {
		t.Fatalf("%q, lost %q, %v", p.Lines, p.Lost, err)
	}
	in.Revision = p.Revision
	now, err := d.GenerateServerCertificate(t.Context(), anna, in)
	if err != nil || !slices.Contains(now.Names, "cn.example.test") || !slices.Contains(now.Names, "more.example.test") {
		t.Fatalf("%q, %v", now.Names, err)
	}
	now, err = d.GenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{})
	if err != nil || slices.Contains(now.Names, "cn.example.test") {
		t.Errorf("left out on purpose: %q, %v", now.Names, err)
	}
}

func TestCertificateInUseIsNotInstalledOnceMore(t *testing.T) {
	d := newDeeds(t)
	in := acts.InstallServerCertificate{PEM: pkitest.Pair(t, pki.KeyECDSAP256).EncodePEM()}
	if _, err := d.InstallServerCertificate(t.Context(), anna, in); err != nil {
		t.Fatal(err)
	}
	if _, err := d.PreviewInstallServerCertificate(t.Context(), anna, in); acts.CodeOf(err) != acts.Invalid || !strings.Contains(err.Error(), "is in use already") {
		t.Errorf("asked: %v", err)
	}
	if _, err := d.InstallServerCertificate(t.Context(), anna, in); acts.CodeOf(err) != acts.Invalid || d.cut != 1 {
		t.Errorf("done: %v, cut %d times", err, d.cut)
	}
}

package certificates_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
)

func TestDownloadGivesTheServedCertificateAndNoKey(t *testing.T) {
	w := start(t)
	p := w.as(acts.SecurityAuditor).Get(front).Click("Download")
	block, rest := pem.Decode([]byte(p.Body))
	if p.Status != http.StatusOK || block == nil || len(rest) != 0 || pki.FingerprintOf(block.Bytes) != w.Pin() {
		t.Fatalf("status %d: %s", p.Status, p.Body)
	}
	begin := strings.ReplaceAll(w.Pin().String(), ":", "")[:8]
	if got := p.Header.Get("Content-Disposition"); got != "attachment; filename=vedette-"+begin+".crt" || p.Header.Get("Content-Type") != "application/x-pem-file" {
		t.Errorf("headers %v", p.Header)
	}
}

// TestGenerateAsksWithAllConsequencesAndAnswersWithTheNewFingerprint goes the
// documented way: Generate, Yes.
func TestGenerateAsksWithAllConsequencesAndAnswersWithTheNewFingerprint(t *testing.T) {
	w := start(t)
	if _, err := w.Agent(nil).Sync(t.Context(), &agentv1.SyncRequest{AgentId: admintest.AgentID, QueueId: admintest.QueueID, Host: &agentv1.Host{Name: "web-<1>"}}); err != nil {
		t.Fatal(err)
	}
	before := w.Pin()
	ask := w.Get(front).Click("Generate")
	for _, want := range []string{
		"The certificate in use, " + before.String(), "must be entered everywhere", "Traffic forwarding from Endpoint Agents", "Sandbox", "Active Directory", "isolation rules", "not in use here", "web-<1>", "Yes", "Cancel",
	} {
		if !ask.Contains(want) {
			t.Errorf("the window does not say %q:\n%s", want, ask.Text())
		}
	}
	if w.Pin() != before {
		t.Fatal("asking has replaced the certificate")
	}
	values := ask.Values(front + "/server/generate")
	done := ask.Submit(nil)
	after := w.Pin()
	if done.Status != http.StatusOK || done.From != "" || after == before {
		t.Fatalf("status %d from %q, certificate before %s, now %s", done.Status, done.From, before, after)
	}
	for _, want := range []string{after.String(), before.String(), "What to do next", "The browser asks again", "Endpoint Agents that connect directly: 1", "web-<1>", "Sensors: 0", "Nothing is to be done"} {
		if !done.Contains(want) {
			t.Errorf("the answer does not say %q:\n%s", want, done.Text())
		}
	}
	// The same form again: a second click, or a page that is loaded again.
	again := w.Browser.Send(front+"/server/generate", values)
	if again.Status != http.StatusOK || !again.Contains(after.String()) || w.Pin() != after {
		t.Errorf("sent again: status %d, certificate %s, want %s", again.Status, w.Pin(), after)
	}
}

func TestGenerateTakesNamesAndKeyAndSaysWhichNameIsNone(t *testing.T) {
	w := start(t)
	before := w.Pin()
	bad := w.Submit(front+"/server/generate", map[string]string{"names": "fine.example\nnot_a name!", "key": "rsa-3072"})
	if bad.Status != http.StatusUnprocessableEntity || w.Pin() != before || bad.Find("#names").Attr["aria-invalid"] != "true" || !bad.Has("details[open]") {
		t.Fatalf("status %d:\n%s", bad.Status, bad.Body)
	}
	if kept := bad.Values(front + "/server/generate"); kept.Get("key") != "rsa-3072" || !strings.Contains(kept.Get("names"), "fine.example") {
		t.Errorf("the form forgot what was entered: %v", kept)
	}
	done := bad.Submit(map[string]string{"names": "fine.example, 198.51.100.7"})
	served, err := w.ServerCertificate(t.Context(), admintest.Local())
	if err != nil || done.Status != http.StatusOK || served.Key != "RSA 3072" || !slices.Contains(served.Names, "fine.example") || !slices.Contains(served.Names, "198.51.100.7") {
		t.Errorf("status %d, %+v, %v", done.Status, served, err)
	}
}

func TestWhoSawAnOlderCertificateIsToldWhoReplacedIt(t *testing.T) {
	w := start(t)
	other := w.as(acts.Administrator)
	ask := w.Get(front + "/server/generate")
	if p := other.Submit(front+"/server/generate", nil); p.Status != http.StatusOK {
		t.Fatal(p.Status)
	}
	now := w.Pin()
	p := ask.Submit(nil)
	if p.Status != http.StatusConflict || w.Pin() != now || !p.Contains("administrator") || !p.Contains("certificate generate") {
		t.Errorf("status %d: %s", p.Status, p.Text())
	}
}

func uploadFile(t *testing.T, p *pagetest.Page, action, field string, files ...pagetest.File) *pagetest.Page {
	t.Helper()
	return p.SubmitFiles(action, url.Values{}, map[string][]pagetest.File{field: files})
}

func TestUploadedCertificateIsUsedAfterYes(t *testing.T) {
	w := start(t)
	before, pair := w.Pin(), pkitest.Pair(t, pki.KeyECDSAP256)
	const hostile = `<img src=x onerror=alert(1)>.pem`
	ask := uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: hostile, Data: pair.EncodePEM()})
	if ask.Status != http.StatusOK || w.Pin() != before || !ask.Contains(pair.Fingerprint().String()) || !ask.Contains("satisfies every rule") || strings.Contains(ask.Body, "<img") {
		t.Fatalf("status %d:\n%s", ask.Status, ask.Body)
	}
	// It can be looked at again, and by nobody else.
	if p := w.Get(ask.Path); p.Status != http.StatusOK {
		t.Errorf("looked at again: status %d", p.Status)
	}
	if p := w.as(acts.LocalAdministrator).Get(ask.Path); p.Status != http.StatusNotFound {
		t.Errorf("another session: status %d", p.Status)
	}
	done := ask.Submit(nil)
	if done.Status != http.StatusOK || w.Pin() != pair.Fingerprint() || !done.Contains("What to do next") {
		t.Fatalf("status %d, certificate %s:\n%s", done.Status, w.Pin(), done.Text())
	}
	if p := w.Get(ask.Path); p.Status != http.StatusNotFound || !p.Contains("Upload it again") {
		t.Errorf("used already: status %d, %s", p.Status, p.Text())
	}
}

func TestUploadedFileIsForgottenAfterTenMinutes(t *testing.T) {
	w := start(t)
	before := w.Pin()
	ask := uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: "kata.pem", Data: pkitest.Pair(t, pki.KeyECDSAP256).EncodePEM()})
	w.pass(10*time.Minute + time.Second)
	if p := ask.Submit(nil); p.Status != http.StatusNotFound || w.Pin() != before {
		t.Errorf("status %d, certificate %s", p.Status, w.Pin())
	}
}

// TestRefusedUploadStaysHeld: a file that nobody replaced need not be sent
// again.
func TestRefusedUploadStaysHeld(t *testing.T) {
	w := start(t)
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	ask := uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: "kata.pem", Data: pair.EncodePEM()})
	if p := w.Submit(front+"/server/generate", nil); p.Status != http.StatusOK {
		t.Fatal(p.Status)
	}
	if p := ask.Submit(nil); p.Status != http.StatusConflict {
		t.Fatalf("on a stale page: status %d", p.Status)
	}
	if p := w.Get(ask.Path).Submit(nil); p.Status != http.StatusOK || w.Pin() != pair.Fingerprint() {
		t.Errorf("looked at again: status %d, certificate %s", p.Status, w.Pin())
	}
}

// TestEveryViolatedRuleIsNamedOnThePage sends what people send.
func TestEveryViolatedRuleIsNamedOnThePage(t *testing.T) {
	w := start(t)
	before, pair := w.Pin(), pkitest.Pair(t, pki.KeyECDSAP256)
	weak := pkitest.Key(t, "rsa1024")
	weakCert := pkitest.CertificatePEM(pkitest.SelfSigned(t, weak))
	pfx, err := pki.EncodePFX(pair, pki.PFXOptions{})
	if err != nil {
		t.Fatal(err)
	}
	huge := pkitest.SelfSigned(t, pkitest.ECDSAKey(t), pkitest.Huge)
	for name, c := range map[string]struct {
		data []byte
		says []string
	}{
		"a certificate without key":     {pair.CertificatePEM(), []string{"no private key", "cat server.crt server.key"}},
		"a key without certificate":     {pkitest.PrivateKeyPEM(pair), []string{"no certificate"}},
		"a PFX":                         {pfx, []string{"PFX (PKCS #12)", "openssl pkcs12 -in file.pfx"}},
		"DER":                           {pair.Leaf().Raw, []string{"a certificate in DER form, not PEM", "openssl x509 -inform DER"}},
		"nothing":                       {[]byte{}, []string{"the file is empty"}},
		"white space":                   {[]byte(" \n"), []string{"the file is empty"}},
		"a page":                        {[]byte("<html><script>alert(1)</script>"), []string{"an HTML or XML page"}},
		"a short key":                   {slices.Concat(weakCert, pkitest.KeyPEM(t, weak)), []string{"1024 bits", "2048"}},
		"a short key, several reasons":  {weakCert, []string{"for these reasons", "no private key", "1024 bits"}},
		"a curve that is too weak":      {slices.Concat(pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "p224"))), pkitest.KeyPEM(t, pkitest.Key(t, "p224"))), []string{"curve"}},
		"the key of another":            {slices.Concat(pair.CertificatePEM(), pkitest.PrivateKeyPEM(pkitest.Agent(t, "other"))), []string{"does not belong to the certificate"}},
		"too large":                     {bytes.Repeat([]byte("x"), pki.MaxFileSize+1), []string{"too large"}},
		"a large certificate, no key":   {pkitest.CertificatePEM(huge), []string{"octets", "no private key"}},
		"an encrypted key, a weak pair": {slices.Concat(weakCert, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")), []string{"encrypted", "openssl pkey -in server.key", "1024 bits"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: "server.pem", Data: c.data})
			if p.Status != http.StatusUnprocessableEntity || p.Find("#server-file").Attr["aria-invalid"] != "true" || strings.Contains(p.Body, "<script>alert") {
				t.Fatalf("status %d:\n%s", p.Status, p.Body)
			}
			told := p.Find("#server-file-error").Text()
			for _, want := range c.says {
				if !strings.Contains(told, want) {
					t.Errorf("the page does not say %q: %s", want, told)
				}
			}
		})
	}
	if w.Pin() != before {
		t.Error("a refused file is served")
	}
	if p := w.Browser.Send(upload, url.Values{}); p.Status == http.StatusOK {
		t.Errorf("a form of nobody: status %d", p.Status)
	}
}

func TestKataPEMThatWaitsIsInstalledOrDiscarded(t *testing.T) {
	w := start(t)
	pair, before := pkitest.Pair(t, pki.KeyECDSAP256), w.Pin()
	copied := func(data []byte) {
		t.Helper()
		if _, err := w.UploadServerCertificate(t.Context(), admintest.Local(), data); err != nil {
			t.Fatal(err)
		}
	}
	copied(pair.CertificatePEM())
	if p := w.Get(front); !p.Contains("It cannot be used: the file holds no private key") || strings.Contains(p.Body, front+"/server/install") {
		t.Errorf("one that cannot be used: %s", p.Find("#server-certificate").Text())
	}
	if p := w.Get(front).Click("Discard").Submit(nil); !p.Contains("kata.pem was discarded") || strings.Contains(p.Find("#server-facts").Text(), "kata.pem") {
		t.Errorf("discarded: %s", p.Text())
	}
	if p := w.Get(front + "/server/discard"); p.Status != http.StatusNotFound {
		t.Errorf("discarded twice: status %d", p.Status)
	}
	copied(pair.CertificatePEM())
	seen := w.Get(front).Click("Discard")
	copied(pair.EncodePEM())
	if p := seen.Submit(nil); p.Status != http.StatusConflict || !p.Contains("certificate upload") {
		t.Errorf("another one was uploaded meanwhile: %d %s", p.Status, p.Text())
	}
	p := w.Get(front)
	if !p.Contains("kata.pem is waiting") || !p.Contains(pair.Fingerprint().String()) || w.Pin() != before {
		t.Fatalf("the page: %s", p.Text())
	}
	if p = p.Click("Install").Submit(nil); p.Status != http.StatusOK || w.Pin() != pair.Fingerprint() || !p.Contains("What to do next") {
		t.Errorf("installed: status %d, %s", p.Status, p.Text())
	}
}

// TestNamesOfTheCertificateInUseAreOfferedAgain: whoever opened the page by one
// of them could not come back.
func TestNamesOfTheCertificateInUseAreOfferedAgain(t *testing.T) {
	w := start(t)
	named := func(names ...string) []byte {
		return pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.DNSNames = names }).EncodePEM()
	}
	if _, err := w.InstallServerCertificate(t.Context(), admintest.Local(), acts.InstallServerCertificate{PEM: named("example.com", "*.cn.test")}); err != nil {
		t.Fatal(err)
	}
	// The browser of tests calls every server example.com.
	ask := uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: "x.pem", Data: named("other.test")})
	if !ask.Contains("Your browser uses the name example.com, which the new certificate does not have") || !ask.Contains("It lacks names of the certificate in use: example.com, *.cn.test.") {
		t.Errorf("a file without them: %s", ask.Text())
	}
	ask = uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: "x.pem", Data: named("example.com")})
	if ask.Contains("Your browser uses the name") {
		t.Errorf("a file with the browser's: %s", ask.Text())
	}
	// Addresses are answered whatever the certificate says.
	bare := pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.IPAddresses = nil }).EncodePEM()
	if _, err := w.UploadServerCertificate(t.Context(), admintest.Local(), bare); err != nil {
		t.Fatal(err)
	}
	for host, warned := range map[string]bool{"127.0.0.1:8443": false, "[::1]:8443": false, "example.com:8443": true} {
		ask := w.Get("https://" + host + front + "/server/install")
		if !ask.Contains("127.0.0.1") || ask.Contains("Your browser uses the name") != warned {
			t.Errorf("asked at %s: %s", host, ask.Text())
		}
	}
	ask = w.Get(front).Click("Generate")
	if got := ask.Values(front + "/server/generate").Get("names"); got != "example.com\n*.cn.test" || !ask.Has("details[open]") || ask.Contains("lacks names") {
		t.Errorf("offered %q: %s", got, ask.Text())
	}
	if p := ask.Submit(nil); p.Status != http.StatusOK {
		t.Fatal(p.Status)
	}
	served, err := w.ServerCertificate(t.Context(), admintest.Local())
	if err != nil || !slices.Contains(served.Names, "example.com") || !slices.Contains(served.Names, "*.cn.test") {
		t.Errorf("%v, %v", served.Names, err)
	}
}

package certificates_test

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// generated clicks Generate and gives the page that comes back, and the one-use
// link on it.
func generated(t *testing.T, b *pagetest.Browser, fields map[string]string) (p *pagetest.Page, link string) {
	t.Helper()
	if p = b.Get(front).SubmitTo(generate, fields); p.Status != http.StatusOK || p.From != generate {
		t.Fatalf("status %d from %q:\n%s", p.Status, p.From, p.Body)
	}
	return p, p.Attr(".notice a[data-download]", "href")
}

func TestOneClickGivesAContainerThatLetsAnAgentInAndOnlyOnce(t *testing.T) {
	w := start(t)
	w.Validation(true)
	p, link := generated(t, w.Browser, nil)
	made := w.list().Certificates
	if len(made) != 1 || !p.Contains(made[0].Fingerprint.String()) || !p.Has(`tr[data-key=`+hex.EncodeToString(made[0].Fingerprint[:])+`]`) {
		t.Fatalf("list %v", made)
	}
	head := w.Do(httptest.NewRequestWithContext(t.Context(), http.MethodHead, link, nil))
	if head.Status != http.StatusOK || head.Body != "" {
		t.Errorf("who only looks: status %d, %d bytes", head.Status, len(head.Body))
	}
	if p := w.as(acts.LocalAdministrator).Get(link); p.Status != http.StatusNotFound || len(w.list().Certificates) != 1 {
		t.Errorf("another session: status %d", p.Status)
	}
	file := w.Get(link)
	if file.Status != http.StatusOK || file.Header.Get("Content-Type") != "application/x-pkcs12" || file.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment; filename=vedette-agent-") {
		t.Fatalf("status %d, %v", file.Status, file.Header)
	}
	pair, err := pki.DecodePFX([]byte(file.Body), "")
	if err != nil || pair.Fingerprint() != made[0].Fingerprint {
		t.Fatal(err)
	}
	if err := w.World.Send(w.Agent(pair), 1, "/bin/x"); err != nil {
		t.Errorf("the agent is not let in: %v", err)
	}
	again := w.Get(link)
	if again.Status != http.StatusNotFound || !again.Contains("Generate another certificate") || len(again.Body) > 20_000 {
		t.Errorf("a second time: status %d, %s", again.Status, again.Body)
	}
}

func TestContainerIsForgottenAfterAMinuteAndAtSignOut(t *testing.T) {
	w := start(t)
	_, link := generated(t, w.Browser, nil)
	w.pass(59 * time.Second)
	_, second := generated(t, w.Browser, nil)
	w.pass(2 * time.Second)
	if p := w.Get(link); p.Status != http.StatusNotFound {
		t.Errorf("after 61 s: status %d", p.Status)
	}
	if p := w.Get(second); p.Status != http.StatusOK {
		t.Errorf("after 2 s: status %d", p.Status)
	}
	_, third := generated(t, w.Browser, nil)
	w.SignOut()
	if _, found := w.Session().Look(strings.TrimPrefix(third, front+"/agent/pfx/")); found {
		t.Error("it outlives the session")
	}
}

func TestASecondClickMakesNoSecondCertificate(t *testing.T) {
	w := start(t)
	values := w.Get(front).Values(generate)
	var all sync.WaitGroup
	var mu sync.Mutex
	links := make(map[string]bool)
	for range 8 {
		all.Go(func() {
			p := w.Browser.Send(generate, values)
			mu.Lock()
			defer mu.Unlock()
			links[p.Attr(".notice a[data-download]", "href")] = true
		})
	}
	all.Wait()
	if n := len(w.list().Certificates); n != 1 || len(links) != 1 {
		t.Errorf("8 clicks made %d certificates and %d links", n, len(links))
	}
}

func TestChoicesOfGenerateAreCarriedOut(t *testing.T) {
	w := start(t)
	for name, c := range map[string]struct {
		fields   map[string]string
		password string
		err      error
		key      string
	}{
		"password": {map[string]string{"name": "office", "password": "correct horse", "again": "correct horse"}, "correct horse", nil, "ECDSA P-256"},
		"older":    {map[string]string{"encoding": "compatible", "password": "pass word", "again": "pass word"}, "pass word", nil, "ECDSA P-256"},
		"RSA":      {map[string]string{"key": "rsa-3072"}, "", nil, "RSA 3072"},
		"no key":   {map[string]string{"content": "certificate"}, "", pki.ErrPFXNoKey, "ECDSA P-256"},
	} {
		t.Run(name, func(t *testing.T) {
			p, link := generated(t, w.Browser, c.fields)
			file := []byte(w.Get(link).Body)
			if _, err := pki.DecodePFX(file, c.password); !errors.Is(err, c.err) {
				t.Errorf("opened: %v, want %v", err, c.err)
			}
			if c.password != "" {
				if _, err := pki.DecodePFX(file, ""); !errors.Is(err, pki.ErrPFXPassword) {
					t.Errorf("without password: %v", err)
				}
				if strings.Contains(p.Body, c.password) {
					t.Error("the page shows the password")
				}
			}
			newest := w.list().Certificates
			if got := newest[len(newest)-1].Key; got != c.key {
				t.Errorf("key %s", got)
			}
		})
	}
}

func TestGenerateSaysBesideTheFieldWhatIsWrong(t *testing.T) {
	w := start(t)
	const secret = "s3cret-of-hers"
	for name, c := range map[string]struct {
		fields map[string]string
		field  string
	}{
		"different passwords": {map[string]string{"name": "kept", "password": secret, "again": secret + "x"}, "#agent-password"},
		"a name too long":     {map[string]string{"name": strings.Repeat("n", 65), "password": secret, "again": secret}, "#agent-name"},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.Get(front).SubmitTo(generate, c.fields)
			if p.Status != http.StatusUnprocessableEntity || p.Find(c.field).Attr["aria-invalid"] != "true" || !p.Has("details.options[open]") || !p.Has(c.field+"-error") {
				t.Fatalf("status %d:\n%s", p.Status, p.Body)
			}
			if strings.Contains(p.Body, secret) || p.Values(generate).Get("name") != c.fields["name"] {
				t.Error("the form shows the password, or forgot the name")
			}
		})
	}
	if n := len(w.list().Certificates); n != 0 {
		t.Errorf("%d certificates were made", n)
	}
	// Who goes to the form's address by hand sees the page.
	if p := w.Get(generate); p.Status != http.StatusOK || !p.Has("#agent-certificates") {
		t.Errorf("status %d", p.Status)
	}
}

func TestHostileNamesAreText(t *testing.T) {
	w := start(t)
	const name = `"><script>alert(1)</script>../../x`
	p, link := generated(t, w.Browser, map[string]string{"name": name})
	if strings.Contains(p.Body, "<script>alert") || !p.Contains("alert(1)") {
		t.Errorf("the page:\n%s", p.Body)
	}
	disposition := w.Get(link).Header.Get("Content-Disposition")
	if strings.ContainsAny(disposition, `<>/"\`) || !strings.HasSuffix(disposition, ".pfx") {
		t.Errorf("file name in %q", disposition)
	}
	hostile := pkitest.PairFor(t, pkitest.ECDSAKey(t), pkitest.Hostile)
	p = uploadFile(t, w.Get(front), uploadAgents, "files", pagetest.File{Name: "<b>a</b>\u202etxt.pem", Data: hostile.EncodePEM()})
	if p.Status != http.StatusOK || strings.ContainsAny(p.Body, "\x1b\x00\x07") || len(w.list().Certificates) != 2 {
		t.Errorf("status %d: %s", p.Status, p.Find("#agent-certificates").Text())
	}
}

func TestUploadOfSeveralFilesTellsWhatIsNewAndWhatIsWrong(t *testing.T) {
	w := start(t)
	one, two, three := pkitest.Agent(t, "one"), pkitest.Agent(t, "two"), pkitest.Agent(t, "three")
	file := func(name string, data []byte) pagetest.File { return pagetest.File{Name: name, Data: data} }
	p := uploadFile(t, w.Get(front), uploadAgents, "files", file("one.pem", one.EncodePEM()), file("two.pem", two.EncodePEM()))
	if !p.Contains("2 certificates added to the list") || !p.Contains("Added: "+one.Fingerprint().String()) {
		t.Errorf("two files: %s", p.Text())
	}
	p = uploadFile(t, w.Get(front), uploadAgents, "files", file("one.pem", one.EncodePEM()), file("three.pem", three.EncodePEM()))
	if !p.Contains("1 certificate added") || !p.Contains("On the list before: "+one.Fingerprint().String()) {
		t.Errorf("one of two was there: %s", p.Text())
	}
	p = uploadFile(t, w.Get(front), uploadAgents, "files", file("one.pem", one.EncodePEM()))
	if !p.Contains("Nothing was added") {
		t.Errorf("nothing new: %s", p.Text())
	}
	weak := pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "rsa1024")))
	p = uploadFile(t, w.Get(front), uploadAgents, "files", file("four.pem", pkitest.Agent(t, "four").EncodePEM()), file("weak.pem", weak), file("bad.pem", one.CertificatePEM()))
	told := p.Find("#agent-files-error").Text()
	for _, want := range []string{"for these reasons", "weak.pem: the file holds no private key", "weak.pem: the RSA key has 1024 bits", "bad.pem: the file holds no private key", "Nothing of this upload was added"} {
		if !strings.Contains(told, want) {
			t.Errorf("the page does not say %q: %s", want, told)
		}
	}
	if p.Status != http.StatusUnprocessableEntity || len(w.list().Certificates) != 3 {
		t.Errorf("status %d, %d on the list", p.Status, len(w.list().Certificates))
	}
}

// TestKeysAreInNoPageAddressOrLog goes every way that a private key takes.
func TestKeysAreInNoPageAddressOrLog(t *testing.T) {
	w := start(t)
	pair, other := pkitest.Agent(t, "a"), pkitest.Pair(t, pki.KeyECDSAP256)
	var shown strings.Builder
	see := func(p *pagetest.Page) *pagetest.Page {
		shown.WriteString(p.From + " " + p.Path + "\n" + p.Body)
		return p
	}
	see(uploadFile(t, see(w.Get(front)), uploadAgents, "files", pagetest.File{Name: "a.pem", Data: pair.EncodePEM()}))
	see(uploadFile(t, w.Get(front), uploadAgents, "files", pagetest.File{Name: "a.pem", Data: append([]byte("text "), pair.EncodePEM()...)}))
	ask := see(uploadFile(t, w.Get(front), upload, "file", pagetest.File{Name: "kata.pem", Data: other.EncodePEM()}))
	see(ask.Submit(nil))
	const password = "do not tell anybody"
	p, link := generated(t, w.Browser, map[string]string{"password": password, "again": password})
	see(p)
	file := w.Get(link).Body
	made, err := pki.DecodePFX([]byte(file), password)
	if err != nil {
		t.Fatal(err)
	}
	see(w.Get(front))
	w.Stop()
	shown.Write(w.Logs.Bytes())
	for name, secret := range map[string][]byte{"upload to the list": pkitest.PrivateKeyPEM(pair), "upload for the server": pkitest.PrivateKeyPEM(other), "generated": pkitest.PrivateKeyPEM(made)} {
		body := strings.Split(string(secret), "\n")[1]
		if len(body) < 60 || strings.Contains(shown.String(), body) || strings.Contains(shown.String(), url.QueryEscape(body)) {
			t.Errorf("%s: the key was shown", name)
		}
	}
	if strings.Contains(shown.String(), password) || strings.Contains(shown.String(), "PRIVATE KEY") {
		t.Error("a password or a key was shown")
	}
	if !slices.ContainsFunc(strings.Split(shown.String(), "\n"), func(l string) bool { return strings.Contains(l, made.Fingerprint().String()) }) {
		t.Error("the pages were not looked at")
	}
}

func TestUnknownChoicesAreRefused(t *testing.T) {
	w := start(t)
	for _, field := range []string{"key", "content", "encoding"} {
		if p := w.Get(front).SubmitTo(generate, map[string]string{field: "zz"}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", field, p.Status)
		}
	}
	p := w.Get(front).SubmitTo(generate, map[string]string{"name": strings.Repeat("n", 5000)})
	if told := p.Find("#agent-name-error").Text(); !strings.Contains(told, "it has 5000") {
		t.Errorf("a long name: %s", told)
	}
	if n := len(w.list().Certificates); n != 0 {
		t.Errorf("%d certificates were made", n)
	}
}

func TestUploadOfManyNamesAFew(t *testing.T) {
	w := start(t)
	var files []pagetest.File
	for range 8 {
		files = append(files, pagetest.File{Name: "a.pem", Data: pkitest.Agent(t, "many").EncodePEM()})
	}
	p := uploadFile(t, w.Get(front), uploadAgents, "files", files...)
	if n := strings.Count(p.Find(".notice").Text(), "CN="); n != 3 || !p.Contains("8 certificates added to the list") || !p.Contains("Added: and 5 more") {
		t.Errorf("%d are named: %s", n, p.Find(".notice").Text())
	}
}

func TestUploadForAgentsSaysWhatToDoForAgents(t *testing.T) {
	w := start(t)
	pair := pkitest.Agent(t, "a")
	twice := append(pair.EncodePEM(), pkitest.PrivateKeyPEM(pair)...)
	p := uploadFile(t, w.Get(front), uploadAgents, "files",
		pagetest.File{Name: "nokey.pem", Data: pair.CertificatePEM()}, pagetest.File{Name: "twice.pem", Data: twice},
		pagetest.File{Name: "weak.pem", Data: pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "rsa1024")))},
		pagetest.File{Name: "large.pem", Data: make([]byte, pki.MaxFileSize+1)})
	told := p.Find("#agent-files-error").Text()
	for _, want := range []string{"cat agent.crt agent.key > agent.pem", "the agent's own key", "-subj /CN=agent -addext", "large.pem: the file is too large: it has 65537 bytes, at most 64 KiB are taken"} {
		if !strings.Contains(told, want) {
			t.Errorf("the page does not say %q: %s", want, told)
		}
	}
	if strings.Contains(told, "server") || strings.Contains(told, "kata") {
		t.Errorf("it names a server's files: %s", told)
	}
}

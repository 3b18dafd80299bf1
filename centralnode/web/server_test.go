package web_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"vedette/centralnode/web"
	"vedette/internal/acts"
	"vedette/pki"
)

func TestAnAddressInUseIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	w := start(t)
	c := web.Config{Address: taken.Addr().String(), Certificate: w.holder, Sessions: w.Node.Sessions(), Accounts: w.Node.Accounts(), Backend: w.Admin}
	if _, err := web.New(c); err == nil || !strings.Contains(err.Error(), "listen for the web interface") {
		t.Errorf("error %v", err)
	}
	c.Address, c.Hosts = "127.0.0.1:0", []string{"https://cn.example"}
	if _, err := web.New(c); err == nil || !strings.Contains(err.Error(), "https://cn.example") {
		t.Errorf("a host that is none: %v", err)
	}
	if _, err := web.New(web.Config{Address: "127.0.0.1:0"}); err == nil {
		t.Error("nothing is needed")
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	other := w.browser()
	rebound := b.request(http.MethodGet, "/", nil)
	rebound.Host = "evil.test"
	foreign := b.request(http.MethodPost, "/sign-out", url.Values{})
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	asset := stylesheet(t, other)
	old := w.browser(http1)
	all := old.request(http.MethodOptions, "/", nil)
	all.URL.Opaque = "*"
	reboundAll := all.Clone(t.Context())
	reboundAll.Host = "evil.test"
	for name, r := range map[string]struct {
		by     *browser
		what   *http.Request
		status int
	}{
		"a page":           {other, other.request(http.MethodGet, "/sign-in", nil), http.StatusOK},
		"an asset":         {other, other.request(http.MethodGet, asset, nil), http.StatusOK},
		"no page":          {b, b.request(http.MethodGet, "/no-such-page", nil), http.StatusNotFound},
		"no page, posted":  {b, b.request(http.MethodPost, "/no-such-page", url.Values{}), http.StatusNotFound},
		"a form's address": {b, b.request(http.MethodGet, "/sign-out", nil), http.StatusSeeOther},
		"another method":   {b, b.request(http.MethodPut, "/sign-in", nil), http.StatusMethodNotAllowed},
		"a redirect":       {b, b.request(http.MethodGet, "/sign-in", nil), http.StatusSeeOther},
		"a rebound name":   {b, rebound, http.StatusMisdirectedRequest},
		"another site":     {b, foreign, http.StatusForbidden},
		"no path":          {old, all, http.StatusBadRequest},
		"no path, rebound": {old, reboundAll, http.StatusMisdirectedRequest},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.by.do(r.what)
			if a.StatusCode != r.status {
				t.Fatalf("%s\n%s", a.Status, a.text)
			}
			for header, want := range map[string]string{
				"Content-Security-Policy":    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
				"X-Content-Type-Options":     "nosniff",
				"X-Frame-Options":            "DENY",
				"Referrer-Policy":            "same-origin",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
				"Strict-Transport-Security": "",
			} {
				if got := a.Header.Get(header); got != want {
					t.Errorf("%s: %q", header, got)
				}
			}
			if got := a.Header.Get("Permissions-Policy"); !strings.Contains(got, "camera=()") {
				t.Errorf("Permissions-Policy: %q", got)
			}
			kept := strings.Contains(a.Header.Get("Cache-Control"), "immutable")
			if kept != (name == "an asset") || !kept && a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control: %q", a.Header.Get("Cache-Control"))
			}
		})
	}
	if a := b.get("/no-such-page"); !strings.Contains(a.text, "<nav") || !strings.Contains(a.text, "anna") {
		t.Errorf("the page of an unknown path has no navigation:\n%s", a.text)
	}
	if a := other.get("/no-such-page"); strings.Contains(a.text, "/settings/certificates") {
		t.Error("somebody who is not signed in sees the navigation")
	}
	put := b.do(b.request(http.MethodPut, "/sign-in", nil))
	if put.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", put.Header.Get("Allow"))
	}
}

// stylesheet reads the address of the style sheet out of the sign-in page.
func stylesheet(t *testing.T, b *browser) string {
	t.Helper()
	_, after, found := strings.Cut(b.get("/sign-in").text, `<link rel="stylesheet" href="`)
	address, _, _ := strings.Cut(after, `"`)
	if !found || !strings.HasPrefix(address, "/assets/") {
		t.Fatal("the sign-in page has no style sheet")
	}
	return address
}

func TestANameThatPointsHereIsNotTakenForOurs(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	for host, ok := range map[string]bool{
		"cn.example": true, "a.wild.example:8443": true, "vedette.example": true, "localhost": true, "192.0.2.7:443": true,
		"evil.test": false, "cn.example.evil.test": false,
	} {
		r := b.request(http.MethodPost, "/sign-out", url.Values{})
		r.Header.Del("Sec-Fetch-Site")
		r.Host = host
		a := b.do(r)
		if ok != (a.StatusCode == http.StatusSeeOther) || !ok && (a.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(a.text, "web.hosts") || strings.Contains(a.text, "evil")) {
			t.Errorf("%s: %s\n%s", host, a.Status, a.text)
		}
	}
}

func TestPagesOfOtherSitesDoNothing(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	before := b.cookie()
	for name, headers := range map[string]map[string]string{
		"another site":   {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
		"a neighbour":    {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.cn.example"},
		"an old browser": {"Origin": "https://evil.test"},
		"a sandbox":      {"Origin": "null"},
		"another port":   {"Origin": "https://127.0.0.1:1"},
	} {
		for _, path := range []string{"/sign-out", "/sign-in", "/sign-in/password", "/no-such-page"} {
			r := b.request(http.MethodPost, path, url.Values{"form": {"x"}})
			r.Header.Del("Sec-Fetch-Site")
			for k, v := range headers {
				r.Header.Set(k, v)
			}
			if a := b.do(r); a.StatusCode != http.StatusForbidden || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %s: %s %v", name, path, a.Status, a.Header)
			}
		}
	}
	if a := b.get("/sign-in"); a.StatusCode != http.StatusSeeOther || b.cookie() != before {
		t.Errorf("the session is gone: %s", a.Status)
	}
}

func TestASlashTooMuchLeadsToThePage(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	for path, want := range map[string]string{
		"/settings": "/settings/certificates", "/settings/": "/settings/certificates", "/settings/certificates/": "/settings/certificates", "/alerts/?state=New": "/alerts?state=New", "/audit/7/": "/audit/7",
		"/nothing/": "", "/settings/nothing": "", "/%2Fevil.test/alerts/": "", "/alerts": "",
	} {
		a := b.get(path)
		if got := a.Header.Get("Location"); got != want || (want != "") != (a.StatusCode == http.StatusSeeOther) {
			t.Errorf("%s: %s %q", path, a.Status, got)
		}
	}
}

// A page on another port of this host gets the cookie sent along.
func TestPagesOfOtherSitesLookAtNothing(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.SecurityOfficer)
	const refused = "/settings/accounts/anna/role" // which leaves a record
	records := func() int {
		t.Helper()
		return w.records("anna", "account role")
	}
	for _, c := range []struct {
		site, mode, dest string
		shown            bool
	}{
		{"same-site", "no-cors", "image", false}, {"same-site", "no-cors", "script", false}, {"same-site", "cors", "empty", false}, {"same-site", "navigate", "iframe", false},
		{"cross-site", "no-cors", "image", false}, {"same-site", "", "", false},
		{"same-site", "navigate", "document", true}, {"same-origin", "navigate", "document", true}, {"same-origin", "cors", "empty", true}, {"none", "navigate", "document", true}, {"", "", "", true},
	} {
		before := records()
		r := b.request(http.MethodGet, refused, nil)
		for header, value := range map[string]string{"Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode, "Sec-Fetch-Dest": c.dest} {
			if value != "" {
				r.Header.Set(header, value)
			}
		}
		a := b.do(r)
		if left := records() > before; a.StatusCode != http.StatusForbidden || left != c.shown || strings.Contains(a.text, "another site") == c.shown {
			t.Errorf("%+v: %s, a record: %v\n%s", c, a.Status, left, a.text)
		}
	}
}

func TestBothProtocolsAndNothingOlder(t *testing.T) {
	w := start(t)
	if a := w.browser().get("/sign-in"); a.ProtoMajor != 2 {
		t.Errorf("a browser gets %s", a.Proto)
	}
	if a := w.browser(http1).get("/sign-in"); a.ProtoMajor != 1 {
		t.Errorf("a browser without HTTP/2 gets %s", a.Proto)
	}
	asked := false
	sessions := tls.NewLRUClientSessionCache(8)
	for range 2 {
		config := pki.ClientConfig(pki.PinTo(w.holder.Pair().Fingerprint()), nil)
		config.ClientSessionCache = sessions
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil
		}
		c, err := tls.Dial("tcp", w.server.Address().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
		if state := c.ConnectionState(); state.DidResume || state.Version != tls.VersionTLS13 {
			t.Errorf("%+v", state)
		}
		c.Close()
	}
	if asked {
		t.Error("browsers are asked for a certificate")
	}
	old := pki.ClientConfig(pki.PinTo(w.holder.Pair().Fingerprint()), nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", w.server.Address().String(), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestHugeRequestsAreRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, b := range []*browser{w.browser(), w.browser(http1)} {
		r := b.request(http.MethodGet, "/sign-in", nil)
		r.Header.Set("X-Long", strings.Repeat("x", 40<<10))
		res, err := b.Do(r)
		if err == nil {
			res.Body.Close()
		}
		if err == nil && res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a huge header: %s", res.Status)
		}
		r = b.request(http.MethodPost, "/sign-in", url.Values{"name": {strings.Repeat("x", 3<<20)}})
		res, err = b.Do(r)
		if err == nil {
			res.Body.Close()
		}
		if err == nil && res.StatusCode != http.StatusBadRequest {
			t.Errorf("a huge form: %s", res.Status)
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	one := w.browser(http1)
	if a := one.signIn("anna", own); a.StatusCode != http.StatusSeeOther {
		t.Fatal(a.Status)
	}
	w.stop()
	if n := len(w.Node.Sessions().List()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	for _, c := range []*browser{b, one} {
		if _, err := c.Get(w.url("/sign-in")); err == nil {
			t.Error("the web interface goes on")
		}
		c.CloseIdleConnections()
	}
	w.Stop()
	if err := goleak.Find(ignore); err != nil && !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

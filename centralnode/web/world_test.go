package web_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

const patience = 20 * time.Second

// world is the web interface over the acts of a real Central Node.
type world struct {
	*admintest.World
	t      *testing.T
	server *web.Server
	at     net.Addr
	holder *pki.Holder // of the certificate that the web interface shows
	logs   *admintest.Logs
	stop   func()
}

func start(t *testing.T, edit ...func(*web.Config)) *world {
	t.Helper()
	node := admintest.Start(t)
	w := &world{World: node, t: t, holder: pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256)), logs: &admintest.Logs{}}
	c := web.Config{
		Address: "127.0.0.1:0", Certificate: w.holder, Sessions: node.Node.Sessions(), Accounts: node.Node.Accounts(), Backend: node.Admin,
		Names: func() []string { return []string{"cn.example", "*.wild.example"} }, Hosts: []string{"vedette.example"},
		Version: "test", Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
	for _, e := range edit {
		e(&c)
	}
	var err error
	if w.server, err = web.New(c); err != nil {
		t.Fatal(err)
	}
	w.at = w.server.Address()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the web interface ended with %v", err)
				}
			case <-time.After(patience):
				t.Error("the web interface does not end")
			}
		})
	}
	t.Cleanup(w.stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the web interface:\n%s", w.logs.Bytes())
		}
	})
	return w
}

func (w *world) url(path string) string { return "https://" + w.at.String() + path }

// browser keeps cookies and follows redirects by itself.
type browser struct {
	*http.Client
	w   *world
	met []pki.Fingerprint // certificates, one for each connection
	mu  sync.Mutex
}

func (w *world) browser(edit ...func(*http.Transport)) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &browser{w: w}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: pki.ClientConfig(func(f pki.Fingerprint) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.met = append(b.met, f)
		return nil
	}, nil)}
	for _, e := range edit {
		e(transport)
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	b.Client = &http.Client{Transport: transport, Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

// http1 keeps a browser from HTTP/2.
func http1(t *http.Transport) {
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
}

// answer is an answer that was read to its end.
type answer struct {
	*http.Response
	text string
}

func (b *browser) do(r *http.Request) answer {
	b.w.t.Helper()
	res, err := b.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{res, string(text)}
}

func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.url(path), body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

func (b *browser) get(path string) answer {
	b.w.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

func (b *browser) post(path string, form url.Values) answer {
	b.w.t.Helper()
	return b.do(b.request(http.MethodPost, path, form))
}

var (
	tokenField = regexp.MustCompile(`name="form" value="([^"]+)"`)
	seenField  = regexp.MustCompile(`name="seen" value="([^"]+)"`)
)

// token reads the proof of a form out of a page.
func (b *browser) token(path string) string {
	b.w.t.Helper()
	page := b.get(path)
	found := tokenField.FindStringSubmatch(page.text)
	if found == nil {
		b.w.t.Fatalf("%s is answered %s and has no form:\n%s", path, page.Status, page.text)
	}
	return found[1]
}

// cookie is the value of the session's cookie; empty: the browser has none.
func (b *browser) cookie() string {
	u, err := url.Parse(b.w.url("/"))
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == "__Host-vedette" {
			return c.Value
		}
	}
	return ""
}

// Passwords of the accounts that tests make: as others set them, and as their
// owners change them.
const (
	given = "Set by 1 other person"
	own   = "Known to 1 alone, me"
)

// account makes an account whose password has to be changed.
func (w *world) account(name string, role acts.Role) {
	w.t.Helper()
	if _, err := w.CreateAccount(w.t.Context(), admintest.Local(), acts.CreateAccount{Name: name, Role: role, Password: given}); err != nil {
		w.t.Fatal(err)
	}
}

// person makes an account with a password of its own.
func (w *world) person(name string, role acts.Role) {
	w.t.Helper()
	w.account(name, role)
	actor := acts.Actor{Account: name, Role: role, Face: acts.FaceCommand, From: "127.0.0.1"}
	if _, err := w.ChangePassword(w.t.Context(), actor, acts.ChangePassword{Current: given, New: own}); err != nil {
		w.t.Fatal(err)
	}
}

// signIn sends name and password.
func (b *browser) signIn(name, password string) answer {
	b.w.t.Helper()
	return b.post("/sign-in", url.Values{"name": {name}, "password": {password}})
}

// signedIn is the browser of somebody who is signed in.
func (w *world) signedIn(name string, role acts.Role) *browser {
	w.t.Helper()
	w.person(name, role)
	b := w.browser()
	if a := b.signIn(name, own); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
		w.t.Fatalf("%s is answered %s, %v\n%s", name, a.Status, a.Header, a.text)
	}
	return b
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in %s", what, patience)
		}
	}
}

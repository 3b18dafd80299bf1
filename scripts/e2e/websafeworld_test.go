package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"vedette/centralnode/admin/admintest"
	webserver "vedette/centralnode/web"
	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// servedRoutes are all that the web interface has.
func servedRoutes(t testing.TB) []page.Route {
	t.Helper()
	w := admintest.Start(t)
	s, err := webserver.New(webserver.Config{
		Address: "127.0.0.1:0", Certificate: pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256)), Sessions: w.Node.Sessions(), Accounts: w.Node.Accounts(), Backend: w.Admin,
	})
	if err != nil {
		t.Fatal(err)
	}
	routes := s.Routes()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(routes) < 60 {
		t.Fatalf("there are %d routes: this test looks in the wrong place", len(routes))
	}
	return routes
}

// stranger is a site of somebody else, at 127.0.0.1 on another port and under
// any name that ends in .localhost, which browsers look up nowhere.
type stranger struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	cookies []string   // that browsers sent to it
}

func newStranger(t testing.TB) *stranger {
	t.Helper()
	s := &stranger{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := r.Header.Get("Cookie"); c != "" {
			s.mu.Lock()
			s.cookies = append(s.cookies, r.URL.Path+": "+c)
			s.mu.Unlock()
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!DOCTYPE html><title>Somebody else</title><h1>Somebody else</h1>`)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stranger) address() string { return s.Listener.Addr().String() }

// named is the site under a name.
func (s *stranger) named(host string) string {
	_, port, _ := strings.Cut(s.address(), ":")
	return "https://" + host + ":" + port
}

// population is what there is to be harmed: somebody else's account, an agent
// certificate, a Sensor and an external system that ask.
type population struct {
	certificate pki.Fingerprint
	sensor      string
	system      *system
}

// populate fills the Central Node.
func (w *web) populate(t testing.TB) population {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("Quiet-river-55\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must("account", "create", "boris", "--role", string(acts.Administrator), "--password-file", file)
	w.pfx("one")
	p := population{certificate: read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates[0].Fingerprint}
	s := newSensor(t, `name = "branch-1"`)
	s.point(w.address, w.node)
	p.sensor = s.becomes(acts.LinkPending).LinkIdentity.String()
	p.system = newSystem(t, w.node, "gate-1")
	if code, body := p.system.curl(p.system.scanner("connection")); code != http.StatusUnauthorized {
		t.Fatalf("the external system's first call: %d %s", code, body)
	}
	return p
}

// lists are the commands that tell everything an act of the web interface can
// change.
var lists = [][]string{
	{"certificate", "show"}, {"agent-certificate", "list"}, {"sensor", "list"}, {"external-system", "list"},
	{"external-system", "priority"}, {"account", "list"}, {"alert", "list"},
}

// changing is what differs in the lists without anybody's act: when somebody was
// heard of last, and how often anything was written.
var changing = regexp.MustCompile(`"(last_\w+|rtt_ns|connected|lanes|calls|attempts|revision|policy_revision)": *[^,}\n]+`)

// everything is the state that acts change, as the commands tell it, and every
// record of an act, be it refused.
func (w *web) everything() map[string]string {
	w.t.Helper()
	state := make(map[string]string)
	for _, line := range lists {
		state[strings.Join(line, " ")] = changing.ReplaceAllString(w.must(append(line, "--output", "json")...), "")
	}
	for _, r := range read[[]acts.AuditRecord](w, "audit", "list") {
		state["audit"] += fmt.Sprintln(r.Time, r.Account, r.Face, r.Act, r.Subject, r.Result, r.Detail)
	}
	state["served"] = publicKey(w.t, w.address) + publicKey(w.t, w.web)
	return state
}

// unchanged checks that nothing came of what somebody tried.
func (w *web) unchanged(before map[string]string, what string) {
	w.t.Helper()
	for name, now := range w.everything() {
		if now != before[name] {
			w.t.Errorf("%s changed %s:\nbefore:\n%s\nnow:\n%s", what, name, before[name], now)
		}
	}
}

// evaluates has a script run in the page, as one of its own that the person has
// just clicked for, and gives what it returns.
func evaluates[T any](p *visitor, script string, args ...any) T {
	p.t.Helper()
	raw, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, 3*patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf("(%s)(...%s)", script, raw), func(e *runtime.EvaluateParams) {
		yes := true
		e.AwaitPromise, e.UserGesture = &yes, &yes
	}))
	if err != nil {
		p.t.Fatalf("%.60s: %v", script, err)
	}
	return v
}

// tokens are proofs of forms that a page of the person's session has.
func (p *visitor) tokens(path string) []string {
	p.t.Helper()
	return evaluates[[]string](p, `async (path) => {
		const text = await (await fetch(path)).text();
		return [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("input[name=form]")].map((e) => e.value);
	}`, path)
}

// cookie is the one of the person's session.
func (p *visitor) cookie() *network.Cookie {
	p.t.Helper()
	answer, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{p.site + "/"}})
	if err != nil || len(answer.Cookies) != 1 {
		p.t.Fatalf("the cookies of %s: %v, %v", p.site, answer.Cookies, err)
	}
	return answer.Cookies[0]
}

// overheard is what the network saw of requests to the site.
type overheard struct {
	mu       sync.Mutex // guards what follows
	site     string
	of       map[network.RequestID]string
	withKey  int // requests that carried the session's cookie
	statuses map[int64]int
	headers  []string // addresses and headers of every request
}

// overhears listens from now on.
func (p *visitor) overhears() *overheard {
	p.t.Helper()
	o := &overheard{site: p.site, of: make(map[network.RequestID]string), statuses: make(map[int64]int)}
	p.do("listen", func() error { return chromedp.Listen(p.ctx, o.see) })
	return o
}

func (o *overheard) see(event any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		o.of[e.RequestID] = e.Request.URL
		o.headers = append(o.headers, e.Request.URL+" Referer: "+fmt.Sprint(e.Request.Headers["Referer"])+fmt.Sprint(e.Request.Headers["referer"]))
	case *network.EventRequestWillBeSentExtraInfo:
		for name, value := range e.Headers {
			if strings.EqualFold(name, "cookie") && strings.Contains(fmt.Sprint(value), "__Host-vedette=") {
				o.withKey++
			}
			if strings.EqualFold(name, "referer") {
				o.headers = append(o.headers, "Referer: "+fmt.Sprint(value))
			}
		}
	case *network.EventResponseReceivedExtraInfo:
		o.statuses[e.StatusCode]++
	}
}

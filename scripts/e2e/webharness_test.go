package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// policy is the one of the web interface, in short.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; connect-src 'self'"

// newPages serves pages of the test itself.
func newPages(t *testing.T, pages map[string]string) (address string) {
	t.Helper()
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := pages[r.URL.Path]
		w.Header().Set("Content-Security-Policy", policy)
		switch {
		case r.URL.Path == "/fails":
			w.WriteHeader(http.StatusInternalServerError)
		case !ok && r.URL.Path != "/favicon.ico":
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
		case strings.HasSuffix(r.URL.Path, ".pem"):
			w.Header().Set("Content-Disposition", `attachment; filename="served.pem"`)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		if r.Method == http.MethodPost {
			text = strings.ReplaceAll(text, "SENT", r.PostFormValue("name")+" "+r.PostFormValue("kind"))
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(site.Close)
	return site.Listener.Addr().String()
}

// TestBrowserTellsWhatMustNotHappen holds the harness itself against pages that
// do what no page may do. A harness that is blind would pass every test.
func TestBrowserTellsWhatMustNotHappen(t *testing.T) {
	t.Parallel()
	address := newPages(t, map[string]string{
		"/fine":      `<p>fine</p><script src="/fine.js"></script>`,
		"/fine.js":   `document.title = "ran"`,
		"/inline":    `<script>document.title = "ran"</script>`,
		"/style":     `<p style="color:red">x</p>`,
		"/event":     `<p onclick="x()">x</p>`,
		"/throws":    `<script src="/throws.js"></script>`,
		"/throws.js": `throw new Error("thrown")`,
		"/logs":      `<script src="/logs.js"></script>`,
		"/logs.js":   `console.error("told", 1)`,
		"/foreign":   `<meta http-equiv="refresh" content="0;url=https://127.0.0.2:1/elsewhere">`,
		"/picture":   `<img src="https://127.0.0.2:1/x.png">`,
		"/fails":     `a fault`,
		"/missing":   `<link rel="stylesheet" href="/none.css">`,
	})
	key := publicKey(t, address)
	b := newBrowser(t, key)
	for path, want := range map[string]string{
		"/fine": "", "/inline": "inline script", "/style": "inline style", "/event": "inline event handler", "/throws": "thrown",
		"/logs": "told", "/picture": "Content Security Policy", "/missing": "answered 404", "/fails": "answered 500",
	} {
		p := b.visitor(t, address, withScript)
		p.opens(path)
		faults := p.watch.takeFaults()
		if want == "" && len(faults) != 0 || want != "" && !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("%s: the browser tells %q, want %q", path, faults, want)
		}
	}
	p := b.visitor(t, address, withScript)
	p.opens("/foreign")
	p.until(func() bool { return len(p.watch.takeFaults()) > 0 }, func() string { return "a request to another site is not told" })
	if refused := newBrowser(t).visitor(t, address, withScript).navigate("https://" + address + "/fine"); refused != "net::ERR_CERT_AUTHORITY_INVALID" {
		t.Errorf("a browser that does not know the key goes on: %q", refused)
	}
}

// TestBrowserWalksAsAPersonDoes tries the steps that procedures are made of.
func TestBrowserWalksAsAPersonDoes(t *testing.T) {
	t.Parallel()
	address := newPages(t, map[string]string{
		"/": `<title>x</title><nav><a href="/list">List</a></nav><main>
<section><h2>One</h2><form method="post" action="/sent"><label>Name <input name="name" required></label>
<label><input type="radio" name="kind" value="mail"> Mail sensor</label><label><input type="radio" name="kind" value="other"> Other</label>
<button>Send</button></form></section>
<section><h2>Two</h2><button>Send</button><label>File <input type="file"></label><a href="/served.pem">Download</a></section></main>`,
		"/sent":       `<p>got SENT</p>`,
		"/served.pem": `the certificate`,
		"/list": `<table><caption>Server list</caption><thead><tr><th>Name</th><th><details><summary>State</summary><p>filter</p></details></th><th></th></tr></thead><tbody>
<tr><td>a</td><td>Pending</td><td><a href="/?a">Accept</a></td></tr><tr><td>b</td><td>Accepted</td><td><a href="/?b">Accept</a></td></tr></tbody></table><script src="/set.js"></script>`,
		"/set.js": `document.body.append("script ran")`,
	})
	b := newBrowser(t, publicKey(t, address))
	for _, s := range []scripting{withScript, withoutScript} {
		p := b.visitor(t, address, s)
		p.opens("/")
		if a := p.asked(question{What: "button", Name: "Send"}); a.Problem == "" {
			t.Error("one of two buttons of a name was taken")
		}
		file := filepath.Join(t.TempDir(), "x.pem")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p.in("Two").attaches("File", file)
		p.follows("Download")
		if name, content := p.saved(); name != "served.pem" || string(content) != "the certificate" {
			t.Errorf("saved %q: %q", name, content)
		}
		if a := p.in("One").asked(question{What: "button", Name: "Send"}); !strings.Contains(a.Problem, "not complete") {
			t.Errorf("an incomplete form: %+v", a)
		}
		p.fills("Name", "before")
		p.fills("Name", "somebody")
		p.ticks("Other")
		p.in("One").presses("Send")
		p.sees("got somebody other")
		p.opens("/")
		p.section("List")
		p.seesNot("filter")
		p.presses("State")
		p.sees("filter")
		if rows := p.table("Server list"); len(rows) != 2 || rows[1]["State"] != "Accepted" || rows[1]["Name"] != "b" {
			t.Errorf("the table: %v", rows)
		}
		p.row("Pending").presses("Accept")
		if got := p.location(); got != "https://"+address+"/?a" {
			t.Errorf("the row's link leads to %s", got)
		}
		p.opens("/list")
		if ran := strings.Contains(p.reads(), "script ran"); ran != bool(s) {
			t.Errorf("the page's script ran: %t, want %t", ran, s)
		}
	}
}

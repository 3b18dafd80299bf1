package e2e

import (
	_ "embed"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"vedette/internal/acts"
)

//go:embed testdata/websafe/stranger.js
var strangerScript string

// forged is a form as a stranger writes it who knows everything: the fields, the
// objects, even proofs of forms.
type forged struct {
	Path      string            `json:"path"`
	Fields    map[string]string `json:"fields"`
	Multipart bool              `json:"multipart"`
}

// forgeries are one for each POST route; each does something when the person's
// own page sends it, but for those that need what only a window gives out.
func (w *web) forgeries(t testing.TB, there population, public, pem string) map[string]forged {
	system := "/external-systems/" + strings.ReplaceAll(there.system.fingerprint, ":", "") + "/gate-1"
	boris, sensor := "/settings/accounts/boris", "/sensor-servers/"+there.sensor
	no := map[string]string{}
	byPrint := map[string]string{"fingerprint": there.system.fingerprint, "type": string(acts.MailSensor)}
	linked := map[string]string{"fingerprint": there.sensor}
	return map[string]forged{
		"/sign-in":          {Path: "/sign-in", Fields: map[string]string{"name": "boris", "password": "Quiet-river-55"}},
		"/sign-in/code":     {Path: "/sign-in/code", Fields: map[string]string{"code": "000000"}},
		"/sign-in/password": {Path: "/sign-in/password", Fields: map[string]string{"current": webPassword, "new": "Stolen-horse-8", "repeat": "Stolen-horse-8"}},
		"/sign-out":         {Path: "/sign-out", Fields: no},

		"/settings/certificates/server/generate":      {Path: "/settings/certificates/server/generate", Fields: no},
		"/settings/certificates/server/upload":        {Path: "/settings/certificates/server/upload", Fields: map[string]string{"file": pem}, Multipart: true},
		"/settings/certificates/server/upload/{held}": {Path: "/settings/certificates/server/upload/0a0b", Fields: no},
		"/settings/certificates/server/install":       {Path: "/settings/certificates/server/install", Fields: no},
		"/settings/certificates/server/discard":       {Path: "/settings/certificates/server/discard", Fields: no},
		"/settings/certificates/agent/generate":       {Path: "/settings/certificates/agent/generate", Fields: map[string]string{"name": "forged"}},
		"/settings/certificates/agent/upload":         {Path: "/settings/certificates/agent/upload", Fields: map[string]string{"files": pem}, Multipart: true},
		"/settings/certificates/agent/delete":         {Path: "/settings/certificates/agent/delete", Fields: map[string]string{"certificate": there.certificate.String()}},
		"/settings/certificates/agent/validation":     {Path: "/settings/certificates/agent/validation", Fields: map[string]string{"on": "yes"}},

		"/sensor-servers/{sensor}/accept":             {Path: sensor + "/accept", Fields: linked},
		"/sensor-servers/{sensor}/reject":             {Path: sensor + "/reject", Fields: linked},
		"/sensor-servers/{sensor}/delete":             {Path: sensor + "/delete", Fields: linked},
		"/external-systems/{certificate}/{id}/accept": {Path: system + "/accept", Fields: byPrint},
		"/external-systems/{certificate}/{id}/reject": {Path: system + "/reject", Fields: byPrint},
		"/external-systems/{certificate}/{id}/delete": {Path: system + "/delete", Fields: byPrint},
		"/external-systems/priority":                  {Path: "/external-systems/priority", Fields: map[string]string{"turn": "on"}},
		"/alerts/state":                               {Path: "/alerts/state", Fields: map[string]string{"state": "closed", "alert": "1"}},
		"/alerts/{id}/state":                          {Path: "/alerts/1/state", Fields: map[string]string{"state": "closed"}},
		"/endpoint-agents/activity":                   {Path: "/endpoint-agents/activity", Fields: map[string]string{"warning": "2h", "critical": "3h"}},
		"/settings/accounts/add/account":              {Path: "/settings/accounts/add/account", Fields: map[string]string{"name": "forged", "role": string(acts.LocalAdministrator), "new": "Stolen-horse-8", "repeat": "Stolen-horse-8"}},
		"/settings/accounts/{name}/role":              {Path: boris + "/role", Fields: map[string]string{"role": string(acts.LocalAdministrator)}},
		"/settings/accounts/{name}/disable":           {Path: boris + "/disable", Fields: no},
		"/settings/accounts/{name}/enable":            {Path: boris + "/enable", Fields: no},
		"/settings/accounts/{name}/second-factor":     {Path: boris + "/second-factor", Fields: no},
		"/settings/accounts/{name}/password":          {Path: boris + "/password", Fields: map[string]string{"new": "Stolen-horse-8", "repeat": "Stolen-horse-8"}},
		"/settings/accounts/{name}/keys":              {Path: boris + "/keys", Fields: map[string]string{"key": public}},
		"/settings/accounts/{name}/keys/delete":       {Path: boris + "/keys/delete", Fields: no},
		"/settings/accounts/{name}/delete":            {Path: boris + "/delete", Fields: no},
		"/account/password":                           {Path: "/account/password", Fields: map[string]string{"current": webPassword, "new": "Stolen-horse-8", "repeat": "Stolen-horse-8"}},
		"/account/second-factor":                      {Path: "/account/second-factor", Fields: map[string]string{"current": webPassword}},
		"/account/second-factor/on":                   {Path: "/account/second-factor/on", Fields: map[string]string{"code": "000000"}},
		"/account/second-factor/off":                  {Path: "/account/second-factor/off", Fields: map[string]string{"current": webPassword}},
		"/account/keys":                               {Path: "/account/keys", Fields: map[string]string{"key": public}},
		"/account/keys/delete":                        {Path: "/account/keys/delete", Fields: no},
		"/account/sign-out-elsewhere":                 {Path: "/account/sign-out-elsewhere", Fields: no},
	}
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// attackable gives a forgery for each route that takes forms, in the routes'
// order, and the paths of those that can be asked for. A route without a forgery
// fails the test: it would not be attacked.
func (w *web) attackable(t testing.TB, there population) (forms []forged, paths []string) {
	t.Helper()
	k := newBench(t)
	k.ownCertificate("forged.example.org")
	k.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "forged", "-f", "id")
	pem, err := os.ReadFile(k.path("kata.pem"))
	if err != nil {
		t.Fatal(err)
	}
	known := w.forgeries(t, there, strings.TrimSpace(k.read("id.pub")), string(pem))
	for _, r := range servedRoutes(t) {
		if r.Method == http.MethodGet {
			path := strings.TrimSuffix(r.Pattern, "{$}")
			for with, stands := range map[string]string{"{sensor}": there.sensor, "{name}": "boris", "{certificate}": strings.ReplaceAll(there.system.fingerprint, ":", ""), "/{id}": "/gate-1"} {
				path = strings.ReplaceAll(path, with, stands)
			}
			paths = append(paths, wildcard.ReplaceAllString(path, "1"))
			continue
		}
		f, ok := known[r.Pattern]
		if !ok {
			t.Errorf("nobody attacks POST %s", r.Pattern)
		}
		delete(known, r.Pattern)
		forms = append(forms, f)
	}
	for left := range maps.Keys(known) {
		t.Errorf("there is no POST %s to be attacked", left)
	}
	// Signing out is the last that a page of the site itself is let do.
	slices.SortStableFunc(forms, func(a, b forged) int { return strings.Index(a.Path, "/sign-") - strings.Index(b.Path, "/sign-") })
	slices.Reverse(forms)
	return forms, paths
}

// TestWebForeignPagesHaveNoEffect opens pages of strangers for somebody who is
// signed in: on another port of the same host, which the browser sends the
// session's cookie from, and under another name. They try every route in every
// way that a page has.
func TestWebForeignPagesHaveNoEffect(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	there := w.populate(t)
	s := newStranger(t)
	w.browser = newBrowser(t, publicKey(t, w.web), publicKey(t, s.address()))
	p := w.administrator(t, withScript)
	t.Cleanup(func() { p.watch.takeFaults() }) // strangers may do what our pages may not
	forms, paths := w.attackable(t, there)
	session := p.cookie().Value

	for _, attack := range []struct {
		name, from string
		carried    bool // the cookie is
	}{
		{"of the same host", "https://" + s.address(), true},
		{"of another host", s.named("evil.localhost"), false},
	} {
		t.Run(attack.name, func(t *testing.T) {
			p := &visitor{tab: p.tab}
			p.opens("/about")
			var proofs []string
			for len(proofs) < len(forms) {
				proofs = append(proofs, p.tokens("/account")...)
			}
			for i := range forms {
				forms[i].Fields = maps.Clone(forms[i].Fields)
				forms[i].Fields["form"] = proofs[i]
			}
			before := w.everything()
			w.unchanged(before, "looking")
			o := p.overhears()
			if refused := p.navigate(attack.from + "/"); refused != "" {
				t.Fatalf("the stranger's page: %s", refused)
			}
			for _, heard := range evaluates[[]string](p, strangerScript, map[string]any{"site": p.site, "forms": forms, "paths": paths}) {
				t.Error(heard)
			}
			// What the network saw is told beside what the page says.
			p.until(func() bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				return o.statuses[http.StatusForbidden] >= 3*len(forms)
			}, func() string { return "fewer requests were refused than the stranger has sent" })
			o.mu.Lock()
			if n := o.statuses[http.StatusForbidden]; n < 3*len(forms) {
				t.Errorf("%d requests were refused, want 3 for each of %d forms: did they come at all? %v", n, len(forms), o.statuses)
			}
			if carried := o.withKey > len(forms); carried != attack.carried {
				t.Errorf("%d requests carried the session's cookie", o.withKey)
			}
			o.mu.Unlock()
			w.unchanged(before, "a page "+attack.name)

			// Forms that take the person to their answer, in this window and in others.
			tried := forms
			if !attack.carried {
				tried = forms[:4] // nobody is signed in as far as the site can see
			}
			for _, f := range tried {
				p.navigate(attack.from + "/")
				arrived := p.watch.arrivals()
				evaluates[bool](p, submitting, p.site, f, "")
				p.arrives(arrived, "send "+f.Path)
				if _, status := p.watch.shown(); status != http.StatusForbidden {
					t.Errorf("POST %s as a navigation is answered %d:\n%s", f.Path, status, p.reads())
				}
			}
			p.navigate(attack.from + "/")
			for _, f := range forms[:4] {
				evaluates[bool](p, submitting, p.site, f, "_blank")
			}
			w.unchanged(before, "a form "+attack.name)

			// A window that the stranger opens is out of the stranger's reach.
			if reach := evaluates[string](p, `async (url) => {
				const w = open(url);
				for (let i = 0; i < 3000 && !w.closed; i++) {
					await new Promise((next) => setTimeout(next, 10));
				}
				try { return w.closed ? "" : w.location.href || "open"; } catch (e) { return "open: " + e; }
			}`, p.site+"/account"); reach != "" {
				t.Errorf("the window stays in the stranger's hands: %s", reach)
			}

			if attack.carried { // the other's frames are in processes that this cannot look into
				if frames := p.framed(t, attack.from, paths); len(frames) != 0 {
					t.Errorf("pages of ours in frames: %q", frames)
				}
			}
			w.unchanged(before, "frames "+attack.name)
			p.opens("/about")
			p.sees("admin")
			if now := p.cookie().Value; now != session {
				t.Error("the session's cookie is another")
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			defer func() { s.cookies = nil }()
			for _, c := range s.cookies {
				if strings.Contains(c, session) && !attack.carried {
					t.Errorf("the stranger was sent the session's cookie: %s", c)
				}
			}
		})
	}

	// The same forms do something when a page of the site sends them: the strangers
	// did not fail for other reasons.
	p.opens("/account")
	before := len(read[[]acts.AuditRecord](w, "audit", "list"))
	for _, f := range forms {
		switch {
		case strings.HasPrefix(f.Path, "/sign-"), f.Path == "/account/password":
			continue // the session would end
		case f.Path == "/settings/certificates/server/generate":
			continue // the browser would not know the key
		}
		f.Fields["form"] = p.tokens("/account")[0]
		status := evaluates[int](p, `async (f) => {
			const data = new FormData();
			for (const [name, value] of Object.entries(f.fields)) {
				if (name.startsWith("file")) data.append(name, new Blob([value]), "x.pem"); else data.append(name, value);
			}
			return (await fetch(f.path, {method: "POST", body: f.multipart ? data : new URLSearchParams(data), redirect: "manual"})).status;
		}`, f)
		if status == http.StatusForbidden {
			t.Errorf("the site's own page may not send %s", f.Path)
		}
	}
	did := make(map[string]bool)
	for _, r := range read[[]acts.AuditRecord](w, "audit", "list") {
		if r.Result == "done" && r.Face == acts.FaceWeb {
			did[r.Act] = true
		}
	}
	if after := len(read[[]acts.AuditRecord](w, "audit", "list")); after-before < 8 || len(did) < 6 {
		t.Errorf("the same forms from the site's own page did %d things only: %v", after-before, slices.Sorted(maps.Keys(did)))
	}
	w.stop()
}

// submitting sends a form as a page does when its visitor clicks.
const submitting = `(site, f, target) => {
	const form = document.body.appendChild(document.createElement("form"));
	Object.assign(form, {method: "post", action: site + f.path, target});
	for (const [name, value] of Object.entries(f.fields)) {
		const field = form.appendChild(document.createElement("textarea"));
		field.name = name;
		field.value = value;
	}
	form.submit();
	return true;
}`

// framed has a stranger's page take pages into frames in every way there is, and
// tells those that are shown. What the stranger may show is shown, or the
// browser would show no frames at all.
func (p *visitor) framed(t *testing.T, from string, paths []string) (shown []string) {
	t.Helper()
	p.navigate(from + "/")
	urls := []string{from + "/fine"}
	for _, path := range paths {
		urls = append(urls, p.site+path)
	}
	evaluates[bool](p, `async (urls) => {
		await Promise.all(urls.flatMap((url) => [["iframe", "src"], ["embed", "src"], ["object", "data"]].map(([name, from]) => new Promise((done) => {
			const e = document.createElement(name);
			e.onload = e.onerror = done;
			setTimeout(done, 5000);
			e[from] = url;
			document.body.append(e);
		}))));
		return true;
	}`, urls)
	fine := false
	note := func(u string) {
		switch parsed, err := url.Parse(u); {
		case err == nil && "https://"+parsed.Host == from && parsed.Path == "/fine":
			fine = true
		case strings.HasPrefix(u, p.site):
			shown = append(shown, u)
		}
	}
	var walk func(*page.FrameTree)
	walk = func(f *page.FrameTree) {
		for _, c := range f.ChildFrames {
			if c.Frame.UnreachableURL == "" {
				note(c.Frame.URL)
			}
			walk(c)
		}
	}
	p.until(func() bool {
		shown = nil
		tree, err := chromedp.Call(p.ctx, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		walk(tree.FrameTree)
		return fine
	}, func() string { return "the browser does not show what a stranger may frame" })
	return shown
}

// TestWebReboundNameGetsNothing opens the interface under a name that a
// stranger made to point at it.
func TestWebReboundNameGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	p := w.administrator(t, withScript)
	_, port, _ := strings.Cut(w.web, ":")
	t.Cleanup(func() { p.watch.takeFaults() }) // the name is not the site's
	rebound := &visitor{tab: p.tab}
	site := "https://evil.localhost:" + port
	before := w.everything()
	for _, path := range []string{"/", "/sign-in", "/account", "/settings/certificates", "/audit/export.csv", "/nothing"} {
		if refused := rebound.navigate(site + path); refused != "" {
			t.Fatalf("%s: %s", path, refused)
		}
		if _, status := p.watch.shown(); status != http.StatusMisdirectedRequest {
			t.Errorf("%s is answered %d", path, status)
		}
		if said := p.reads(); !strings.Contains(said, "web.hosts") || strings.Contains(said, "Sign in") || strings.Contains(said, "Vedette") {
			t.Errorf("%s shows a page:\n%s", path, said)
		}
	}
	// What looks to the browser like the site itself.
	for _, answer := range evaluates[[]int](p, `async () => {
		const sent = [];
		for (const path of ["/sign-in", "/sign-out", "/settings/certificates/agent/generate"]) {
			sent.push((await fetch(path, {method: "POST", credentials: "include", body: new URLSearchParams({name: "admin", password: "`+webPassword+`"})})).status);
		}
		sent.push((await fetch("/", {headers: {Accept: "text/event-stream"}})).status);
		return sent;
	}`) {
		if answer != http.StatusMisdirectedRequest {
			t.Errorf("a request of a script is answered %d", answer)
		}
	}
	other := *p.tab
	other.site = site
	if cookies := evaluates[string](&visitor{tab: &other}, `() => document.cookie`); cookies != "" {
		t.Errorf("cookies under the name: %s", cookies)
	}
	w.unchanged(before, "a rebound name")
	p.opens("/")
	p.sees("Dashboard")
	w.stop()
	if _, err := os.Stat(filepath.Join(w.state(), "initial-password")); err == nil {
		t.Error("the password was made by the Central Node: this test knows another")
	}
}

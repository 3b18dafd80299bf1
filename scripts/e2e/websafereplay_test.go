package e2e

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"vedette/internal/acts"
)

// thief sends what was seen of somebody's browser from elsewhere.
func (p *visitor) thief(cookie string) *http.Client {
	p.t.Helper()
	plain := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	p.t.Cleanup(plain.CloseIdleConnections)
	return &http.Client{Transport: carrying{plain, cookie}, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type carrying struct {
	http.RoundTripper
	cookie string
}

func (c carrying) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Cookie", "__Host-vedette="+c.cookie)
	return c.RoundTripper.RoundTrip(r)
}

// sends posts a form and gives the status and the text.
func sends(t testing.TB, c *http.Client, address string, fields url.Values) (status int, text string) {
	t.Helper()
	res, err := c.PostForm(address, fields)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(said)
}

// TestWebReplayedFormActsOnce sends forms again that were sent, in every way
// that they can be come by.
func TestWebReplayedFormActsOnce(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	p := w.administrator(t, withScript)
	const path = "/settings/certificates/agent/generate"
	generated := func() int { return len(read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates) }
	form := func(token string) url.Values { return url.Values{"form": {token}, "name": {"replayed"}} }
	fresh := func() string { t.Helper(); return p.tokens("/about")[0] }
	thief := p.thief(p.cookie().Value)

	t.Run("captured and sent again", func(t *testing.T) {
		before, token := generated(), fresh()
		for range 3 {
			if status, text := sends(t, thief, p.site+path, form(token)); status >= 500 || strings.Contains(text, "PRIVATE KEY") {
				t.Errorf("answered %d", status)
			}
		}
		// The same proof, written in another way or for another deed.
		for _, written := range []string{token + "=", token + "\n", " " + token} {
			if status, _ := sends(t, thief, p.site+path, form(written)); status != http.StatusConflict && status != http.StatusSeeOther {
				t.Errorf("the proof %q is answered %d", written[len(written)-3:], status)
			}
		}
		_, _ = sends(t, thief, p.site+"/settings/certificates/agent/validation", url.Values{"form": {token}, "on": {"yes"}})
		if read[acts.AgentCertificateList](w, "agent-certificate", "list").Validation {
			t.Error("a proof that was used did something else")
		}
		if n := generated() - before; n != 1 {
			t.Errorf("a form that was sent seven times did its deed %d times", n)
		}
	})
	t.Run("from several tabs at once", func(t *testing.T) {
		before, token := generated(), fresh()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { sends(t, thief, p.site+path, form(token)) })
		}
		all.Wait()
		if n := generated() - before; n != 1 {
			t.Errorf("a form that was sent by eight at once did its deed %d times", n)
		}
	})
	t.Run("after going back", func(t *testing.T) {
		p := &visitor{tab: p.tab}
		p.section("Certificates")
		p.in(agentPart).presses(validate)
		p.presses("Yes")
		p.sees(validate + " is on")
		evaluates[bool](p, `() => { setTimeout(() => history.back()); return true; }`)
		p.until(func() bool { return strings.Contains(p.location(), "/agent/validation") }, func() string { return "the browser does not go back" })
		// Whatever the browser shows now, and whatever is clicked there, turning on
		// what is on is not done twice.
		p.until(func() bool { return p.asked(question{What: "text"}).Text != "" }, func() string { return "the page is empty" })
		if a := p.asked(question{What: "button", Name: "Yes"}); a.Problem == "" {
			p.presses("Yes")
		}
		done := 0
		for _, r := range read[[]acts.AuditRecord](w, "audit", "list") {
			if r.Act == "agent-certificate validation" && r.Result == "done" {
				done++
			}
		}
		if done != 1 {
			t.Errorf("going back and sending again turned validation on %d times", done)
		}
	})
	t.Run("with the proof of another session", func(t *testing.T) {
		before, token := generated(), fresh()
		other := w.administrator(t, withScript)
		if status, text := sends(t, other.thief(other.cookie().Value), p.site+path, form(token)); status != http.StatusConflict || !strings.Contains(text, "did not come from a page of yours") {
			t.Errorf("answered %d", status)
		}
		if status, _ := sends(t, other.thief(""), p.site+path, form(token)); status == http.StatusOK {
			t.Error("without a session the form is taken")
		}
		// After signing out, neither cookie nor proof is worth anything.
		cookie, last := other.cookie().Value, other.tokens("/about")[0]
		other.presses("admin Local administrator")
		other.presses("Sign out")
		other.sees("Sign in")
		status, _ := sends(t, other.thief(cookie), p.site+path, form(last))
		if status == http.StatusOK || generated() != before {
			t.Errorf("a session that has ended is answered %d, and there are %d certificates, want %d", status, generated(), before)
		}
	})
	w.stop()
}

// TestWebCookieAndAddressesKeepSecrets looks at the cookie as the browser keeps
// it, and at every address and Referer of a walk with passwords, a second factor
// and a container.
func TestWebCookieAndAddressesKeepSecrets(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	p := w.comes(t, withScript)
	o := p.overhears()
	p.signsIn("admin", webPassword)
	p.sees("Dashboard")
	c := p.cookie()
	if c.Name != "__Host-vedette" || !c.HTTPOnly || !c.Secure || c.SameSite != "Strict" || c.Path != "/" || !c.Session || strings.HasPrefix(c.Domain, ".") {
		t.Errorf("the cookie: %+v", c)
	}
	if seen := evaluates[string](p, `() => document.cookie + JSON.stringify({...localStorage})`); seen != "{}" {
		t.Errorf("scripts see %s", seen)
	}
	secrets := []string{webPassword, c.Value}
	p.section("Certificates")
	p.in(agentPart).presses("Name, key, password")
	p.fills("Password of the container", "Container-9-words")
	p.fills("The same password again", "Container-9-words")
	p.in(agentPart).presses("Generate")
	p.saved()
	p.opens("/account")
	p.presses("Switch the second factor on")
	p.fills("Current password", webPassword)
	p.presses("Go on")
	secret := p.marks("dd code")[0]
	p.fills("Code", newAuthenticator(t, secret).code())
	p.presses("Switch on")
	p.sees("Your second factor is on")
	p.section("Audit")
	p.follows("About")
	secrets = append(secrets, "Container-9-words", secret, strings.ReplaceAll(secret, " ", ""), url.QueryEscape(secret))
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.headers) < 20 {
		t.Errorf("only %d requests were overheard", len(o.headers))
	}
	for _, line := range o.headers {
		for _, s := range secrets {
			if strings.Contains(line, s) || strings.Contains(line, url.QueryEscape(s)) {
				t.Errorf("a secret is in %s", line)
			}
		}
		if strings.Contains(line, "Referer: https") && !strings.Contains(line, "Referer: https://"+w.web+"/") {
			t.Errorf("an address is told on: %s", line)
		}
	}
	log := tail(w.log)
	for _, s := range secrets {
		if strings.Contains(log, s) {
			t.Error("a secret is in the log")
		}
	}
	w.stop()
}

// TestWebNextLeadsNowhereElse signs in on addresses that say to go on at a
// stranger's.
func TestWebNextLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for _, next := range []string{
		"//evil.localhost/", "https://evil.localhost/", `/\evil.localhost/`, "/\t/evil.localhost/", `\/\/evil.localhost/`, "javascript:alert(1)",
		"/..//evil.localhost/", "/sign-out", "https:evil.localhost",
	} {
		p := w.browser.visitor(t, w.web, withScript)
		p.opens("/sign-in?next=" + url.QueryEscape(next))
		p.signsIn("admin", webPassword)
		p.until(func() bool { return !strings.Contains(p.location(), "/sign-in") }, func() string { return "nobody is signed in" })
		if at := p.location(); !strings.HasPrefix(at, p.site+"/") {
			t.Errorf("next=%q leads to %s", next, at)
		}
		p.watch.takeFaults() // a path that is not there is answered so
	}
	w.stop()
}

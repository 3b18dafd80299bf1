package web_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web"
	"vedette/internal/acts"
)

// actor is somebody who acts by other means than the pages.
func actor(name string, role acts.Role) acts.Actor {
	return acts.Actor{Account: name, Role: role, Face: acts.FaceCommand, From: "127.0.0.1"}
}

// code is what an authenticator app shows at a time (RFC 6238).
func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[from:])&0x7fff_ffff)%1_000_000)
}

// secondFactor switches one on for an account and gives its secret. The code of
// now is used for it: nextCode is good afterwards. One of earlier might be too old
// by the time it is looked at.
func (w *world) secondFactor(name string, role acts.Role) string {
	w.t.Helper()
	who := actor(name, role)
	offer, err := w.BeginSecondFactor(w.t.Context(), who, acts.BeginSecondFactor{Current: own})
	if err == nil {
		_, err = w.ConfirmSecondFactor(w.t.Context(), who, acts.ConfirmSecondFactor{Code: code(w.t, offer.Secret, time.Now())})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return offer.Secret
}

// nextCode is that of an app whose clock is a step ahead.
func nextCode(t *testing.T, secret string) string {
	t.Helper()
	return code(t, secret, time.Now().Add(30*time.Second))
}

func TestTheCookieIsOfThisHostAloneAndNewAtEachStage(t *testing.T) {
	w := start(t)
	w.person("anna", acts.Administrator)
	secret := w.secondFactor("anna", acts.Administrator)
	b := w.browser()
	// A value that somebody else put there is never taken.
	planted := strings.Repeat("A", 43)
	r := b.request(http.MethodPost, "/sign-in", url.Values{"name": {"anna"}, "password": {own}})
	r.Header.Set("Cookie", "__Host-vedette="+planted)
	a := b.do(r)
	if a.Header.Get("Location") != "/sign-in/code" {
		t.Fatalf("%s %v\n%s", a.Status, a.Header, a.text)
	}
	cookie := a.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-vedette=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	for _, part := range []string{"Domain", "Expires", "Max-Age", planted} {
		if strings.Contains(cookie, part) {
			t.Errorf("the cookie has %s: %s", part, cookie)
		}
	}
	half := b.cookie()
	for _, path := range []string{"/settings/certificates", "/sign-in/password"} {
		if a := b.get(path); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in/code") {
			t.Errorf("%s without the code: %s %s", path, a.Status, a.Header.Get("Location"))
		}
	}
	if a := b.post("/sign-in/code", url.Values{"form": {b.token("/sign-in/code")}, "code": {"000000"}}); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.text, "not right") || b.cookie() != half {
		t.Errorf("a wrong code: %s\n%s", a.Status, a.text)
	}
	a = b.post("/sign-in/code", url.Values{"form": {b.token("/sign-in/code")}, "code": {nextCode(t, secret)}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" || b.cookie() == half {
		t.Fatalf("%s %v\n%s", a.Status, a.Header, a.text)
	}
	if a := b.get("/settings/certificates"); a.StatusCode != http.StatusOK {
		t.Errorf("signed in: %s", a.Status)
	}
	// The value of the stage before is worth no more than it was.
	r = w.browser().request(http.MethodGet, "/settings/certificates", nil)
	r.Header.Set("Cookie", "__Host-vedette="+half)
	if a := w.browser().do(r); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the cookie of the stage before: %s", a.Status)
	}
}

// TestADoubleClickSignsInOnce sends the form of the code many times at once: the
// code is good for one, and everybody is told of that one.
func TestADoubleClickSignsInOnce(t *testing.T) {
	w := start(t)
	w.person("anna", acts.Administrator)
	secret := w.secondFactor("anna", acts.Administrator)
	b := w.browser()
	b.signIn("anna", own)
	form := url.Values{"form": {b.token("/sign-in/code")}, "code": {nextCode(t, secret)}}
	half := b.cookie()
	var mu sync.Mutex
	values := make(map[string]int)
	var wait sync.WaitGroup
	for range 8 {
		r := b.request(http.MethodPost, "/sign-in/code", form)
		r.Header.Set("Cookie", "__Host-vedette="+half)
		alone := *b.Client
		alone.Jar = nil
		wait.Go(func() {
			res, err := alone.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusSeeOther {
				t.Errorf("%s\n%s", res.Status, text)
			}
			mu.Lock()
			defer mu.Unlock()
			values[res.Header.Get("Set-Cookie")]++
		})
	}
	wait.Wait()
	if len(values) != 1 {
		t.Errorf("%d different cookies were given", len(values))
	}
	signedIn := 0
	for _, s := range w.Node.Sessions().List() {
		if s.Account == "anna" {
			signedIn++
		}
	}
	if signedIn != 1 { // the stage before counts for nothing
		t.Errorf("%d sessions", signedIn)
	}
	if strings.Count(string(w.logs.Bytes()), "msg=\"signed in\"") != 1 {
		t.Error("signed in more than once")
	}
}

func TestRefusalsTellNobodyWhoExists(t *testing.T) {
	w := start(t)
	w.person("anna", acts.Administrator)
	w.person("gone", acts.Administrator)
	if _, err := w.DisableAccount(t.Context(), admintest.Local(), acts.DisableAccount{Name: "gone"}); err != nil {
		t.Fatal(err)
	}
	said := make(map[string]string)
	for name, password := range map[string]string{"anna": "wrong Password 1", "nobody": own, "gone": own} {
		a := w.browser().signIn(name, password)
		if a.StatusCode != http.StatusUnprocessableEntity || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s", name, a.Status)
		}
		said[strings.ReplaceAll(a.text, name, "NAME")] = name
	}
	if len(said) != 1 {
		t.Errorf("the answers differ: %v", said)
	}
}

func TestTenThousandGuessesCostNextToNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.person("anna", acts.Administrator)
	looked, braked := 0, 0
	var mu sync.Mutex
	var wait sync.WaitGroup
	b := w.browser()
	const guessers, guesses = 20, 500
	for g := range guessers {
		wait.Go(func() {
			for n := range guesses {
				form := url.Values{"name": {"anna"}, "password": {fmt.Sprintf("Guess %d %d", g, n)}}
				res, err := b.Do(b.request(http.MethodPost, "/sign-in", form))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				mu.Lock()
				switch res.StatusCode {
				case http.StatusUnprocessableEntity:
					looked++
				case http.StatusTooManyRequests:
					braked++
					if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || n < 1 || n > 3600 {
						t.Errorf("Retry-After: %q", res.Header.Get("Retry-After"))
					}
				default:
					t.Errorf("%s", res.Status)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if looked > 20 || looked+braked != guessers*guesses {
		t.Errorf("%d guesses were looked at, %d were not", looked, braked)
	}
	lines := strings.Count(string(w.logs.Bytes()), "sign-in refused")
	if lines == 0 || lines > 200 {
		t.Errorf("%d lines in the log", lines)
	}
	// The brake takes one more now and then; not the person's, however long the
	// machine takes to get to it.
	eventually(t, "the brake takes none for some time", func() bool {
		wait, err := strconv.Atoi(b.signIn("anna", "Guess again 1").Header.Get("Retry-After"))
		return err == nil && wait >= 10
	})
	a := b.signIn("anna", own)
	if a.StatusCode != http.StatusTooManyRequests || !strings.Contains(a.text, "too many attempts") || !strings.Contains(a.text, " second") {
		t.Errorf("the person learns nothing: %s\n%s", a.Status, a.text)
	}
}

func TestHostileNamesAreText(t *testing.T) {
	w := start(t)
	b := w.browser()
	for _, name := range []string{
		`"><script>alert(1)</script>`, `'onfocus=alert(1) autofocus='`, "{{.}}", "javascript:alert(1)", "a\r\nSet-Cookie: x=1", "\x1b[31mred", strings.Repeat("ä", 1000), "\x00", "../../etc/passwd", "%s%n",
	} {
		a := b.signIn(name, "x")
		if a.StatusCode != http.StatusUnprocessableEntity && a.StatusCode != http.StatusTooManyRequests || strings.Contains(a.text, "<script>alert") || strings.Contains(a.text, "'onfocus") || len(a.Header["Set-Cookie"]) > 0 {
			t.Errorf("%q: %s\n%s", name, a.Status, a.text)
		}
	}
	if log := string(w.logs.Bytes()); strings.ContainsAny(log, "\x1b\x00\r") || strings.Contains(log, strings.Repeat("ä", 64)) {
		t.Errorf("the log is steered:\n%q", log)
	}
}

func TestASessionEndsWithWhatSignedItIn(t *testing.T) {
	t.Parallel()
	w := start(t)
	by := admintest.Local()
	for name, end := range map[string]func(name string) error{
		"password": func(name string) error {
			_, err := w.SetPassword(t.Context(), by, acts.SetPassword{Name: name, Password: own + " 2"})
			return err
		},
		"disabled": func(name string) error {
			_, err := w.DisableAccount(t.Context(), by, acts.DisableAccount{Name: name})
			return err
		},
		"deleted": func(name string) error {
			_, err := w.DeleteAccount(t.Context(), by, acts.DeleteAccount{Name: name})
			return err
		},
		"role": func(name string) error {
			_, err := w.SetRole(t.Context(), by, acts.SetRole{Name: name, Role: acts.SecurityAuditor})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.signedIn("of-"+name, acts.Administrator)
			events := b.stream(livePage)
			if err := end("of-" + name); err != nil {
				t.Fatal(err)
			}
			a := b.get("/settings/certificates")
			if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/sign-in?next=%2Fsettings%2Fcertificates" {
				t.Errorf("%s %v", a.Status, a.Header)
			}
			if page := b.get("/sign-in?next=%2Fsettings%2Fcertificates"); !strings.Contains(page.text, "Your session has ended") {
				t.Errorf("nothing is said about it:\n%s", page.text)
			}
			rest, err := io.ReadAll(events.Body)
			if err != nil || !strings.Contains(string(rest), "event: ended") {
				t.Errorf("the live page is not told: %q, %v", rest, err)
			}
		})
	}
}

func TestSignOut(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	again := w.browser()
	again.signIn("anna", own)
	value := b.cookie()
	a := b.post("/sign-out", url.Values{})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/sign-in?signed-out=1" || b.cookie() != "" {
		t.Fatalf("%s %v", a.Status, a.Header)
	}
	if page := b.get(a.Header.Get("Location")); !strings.Contains(page.text, "You are signed out.") {
		t.Errorf("nothing is said about it:\n%s", page.text)
	}
	r := b.request(http.MethodGet, "/settings/certificates", nil)
	r.Header.Set("Cookie", "__Host-vedette="+value)
	if a := b.do(r); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the cookie is worth something after signing out: %s", a.Status)
	}
	if a := again.get("/settings/certificates"); a.StatusCode != http.StatusOK {
		t.Fatalf("another browser was signed out too: %s", a.Status)
	}
	if a := w.browser().post("/sign-out", url.Values{}); a.StatusCode != http.StatusSeeOther {
		t.Errorf("signing out without a session: %s", a.Status)
	}
}

// TestScriptsKeepNoSessionAlive lets a live page ask on and on.
func TestScriptsKeepNoSessionAlive(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *web.Config) { c.Idle = 3 * time.Second })
	b := w.signedIn("anna", acts.Administrator)
	events := b.stream(livePage)
	began := time.Now()
	asked := 0
	eventually(t, "the session ends although its script asks", func() bool {
		asked++
		r := b.request(http.MethodGet, "/settings/certificates", nil)
		r.Header.Set("Sec-Fetch-Mode", "cors")
		return b.do(r).StatusCode == http.StatusSeeOther
	})
	if took := time.Since(began); took < time.Second || asked < 10 {
		t.Errorf("it ended after %s and %d requests", took, asked)
	}
	if rest, err := io.ReadAll(events.Body); err != nil || !strings.Contains(string(rest), "event: ended") {
		t.Errorf("the live page is not told: %q, %v", rest, err)
	}
	if !strings.Contains(string(w.logs.Bytes()), `reason="not used for too long"`) {
		t.Error("the log does not say why")
	}
}

func TestALinkOfAnotherSiteFindsTheSession(t *testing.T) {
	w := start(t)
	b := w.signedIn("anna", acts.Administrator)
	// The browser keeps the cookie back, because another site leads here.
	alone := w.browser()
	follow := func(path string) answer {
		r := alone.request(http.MethodGet, path, nil)
		for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"} {
			r.Header.Set(header, value)
		}
		return alone.do(r)
	}
	to := follow("/settings/certificates").Header.Get("Location")
	a := follow(to)
	if got := a.Header.Get("Refresh"); got != "0; url="+to {
		t.Fatalf("%s asks to go to %q", to, got)
	}
	// It asks once more, by itself, and with the cookie.
	if a := b.get(to); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/settings/certificates" {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	if a := alone.get(to); a.Header.Get("Refresh") != "" {
		t.Error("it goes round in circles")
	}
}

package people_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/accounts/totp"
	"vedette/internal/acts"
	"vedette/internal/audit"
)

func TestOnesOwnPasswordIsChangedWithTheCurrentOne(t *testing.T) {
	w := start(t)
	anna, other := w.as("anna", acts.SecurityOfficer), w.as("anna", acts.SecurityOfficer)
	change := func(current, one, two string) *pagetest.Page {
		return anna.Get("/account").SubmitTo("/account/password", map[string]string{"current": current, "new": one, "repeat": two})
	}
	for _, c := range []struct{ current, one, two, field, says string }{
		{password, "Annas-horse8", "Annas-horse9", "repeat", "The two are not the same"},
		{password, "anna", "anna", "new", "is shorter than 8 characters"},
		{"Wrong-horse1", "Annas-horse8", "Annas-horse8", "current", "The current password is not right"},
	} {
		p := change(c.current, c.one, c.two)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Find("#"+c.field+"-fault").Text(), c.says) {
			t.Errorf("%+v: %d\n%s", c, p.Status, p.Text())
		}
		if strings.Contains(p.Body, c.current) || strings.Contains(p.Body, c.one+`"`) && c.one != "anna" {
			t.Errorf("%+v: a password came back\n%s", c, p.Body)
		}
	}
	p := change(password, "Annas-horse8", "Annas-horse8")
	if !p.Contains("Your password is changed") || !p.Contains("1 other session was ended.") {
		t.Errorf("%s", p.Text())
	}
	<-other.Session().Ended()
	if _, err := w.list.Verify(t.Context(), "anna", "Annas-horse8", netip.Addr{}); err != nil {
		t.Error(err)
	}
}

// begin begins the second factor of a browser's account, and gives the page with
// its code and the secret.
func begin(t *testing.T, b *pagetest.Browser) (*pagetest.Page, totp.Secret) {
	t.Helper()
	p := b.Get("/account").Click("Switch the second factor on").Submit(map[string]string{"current": password})
	u, err := url.Parse(p.Attr("section.panel p a", "href"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := totp.Parse(u.Query().Get("secret"))
	if err != nil || len(secret) == 0 {
		t.Fatalf("no secret on\n%s", p.Body)
	}
	return p, secret
}

func TestASecondFactorIsScannedConfirmedAndSwitchedOff(t *testing.T) {
	w := start(t)
	anna, other := w.as("anna", acts.SecurityOfficer), w.as("anna", acts.SecurityOfficer)
	if p := anna.Get("/account/second-factor").Submit(map[string]string{"current": "Wrong-horse1"}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Find("#current-fault").Text(), "The current password is not right") {
		t.Fatalf("%d %s", p.Status, p.Text())
	}
	p, secret := begin(t, anna)
	text := secret.Text()
	if !p.Contains(text[:4]+" "+text[4:8]+" ") || p.Path != "/account/second-factor" || p.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v\n%s", p.Path, p.Header, p.Text())
	}
	if strings.Contains(other.Get("/account/second-factor").Body, text) {
		t.Error("another session is shown the secret")
	}
	if p := p.SubmitTo("/account/second-factor/on", map[string]string{"code": "000 00x"}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Find("#code-fault").Text(), "The code is not right") || !strings.Contains(p.Body, text) {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	code := secret.Code(w.clock())
	p = anna.Get("/account/second-factor").SubmitTo("/account/second-factor/on", map[string]string{"code": code[:3] + " " + code[3:]})
	if !p.Contains("Your second factor is on") || !w.account("anna").SecondFactor || strings.Contains(p.Body, text) {
		t.Fatalf("%s", p.Text())
	}
	<-other.Session().Ended()
	for _, path := range []string{"/account", "/account/second-factor"} {
		if strings.Contains(anna.Get(path).Body, text) {
			t.Errorf("%s shows the secret after it was confirmed", path)
		}
	}
	w.advance(time.Minute)
	if _, err := w.list.VerifyCode(t.Context(), "anna", secret.Code(w.clock()), netip.Addr{}); err != nil {
		t.Errorf("the app's code: %v", err)
	}
	if p := anna.Submit("/account/second-factor", map[string]string{"current": "Wrong-horse1"}); p.Status != http.StatusUnprocessableEntity || !w.account("anna").SecondFactor {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	p = anna.Get("/account").Click("Switch the second factor off").Submit(map[string]string{"current": password})
	if !p.Contains("Your second factor is off") || w.account("anna").SecondFactor {
		t.Errorf("%s", p.Text())
	}
	records, err := w.trail.List(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if strings.Contains(r.Detail+strings.Join(r.Subject, " "), text) {
			t.Errorf("the secret is in the audit: %+v", r)
		}
	}
}

func TestAnothersLostSecondFactorIsRemovedAfterAPreview(t *testing.T) {
	w := start(t)
	anna := w.as("anna", acts.SecurityOfficer)
	if w.admin.Get("/settings/accounts/anna").Has("a[href=/settings/accounts/anna/second-factor]") {
		t.Error("what is not there can be removed")
	}
	p, secret := begin(t, anna)
	p.SubmitTo("/account/second-factor/on", map[string]string{"code": secret.Code(w.clock())})
	ask := w.admin.Get("/settings/accounts/anna").Click("Remove second factor")
	if !ask.Contains("Make sure that it is the owner of the account who asks for it.") {
		t.Errorf("%s", ask.Text())
	}
	done := ask.SubmitTo("/settings/accounts/anna/second-factor", nil)
	if !done.Contains("The second factor of anna was removed") || w.account("anna").SecondFactor {
		t.Errorf("%s", done.Text())
	}
	<-anna.Session().Ended()
}

// TestTheCodeCanBeScanned compares what is drawn with what any scanner needs:
// black on white with a border, whatever the colours of the page.
func TestTheCodeCanBeScanned(t *testing.T) {
	w := start(t)
	p, _ := begin(t, w.admin)
	svg := p.Find("svg[role=img]")
	box := strings.Fields(svg.Attr["viewBox"])
	if len(box) != 4 || box[2] != box[3] || svg.Attr["aria-label"] == "" {
		t.Fatalf("%v", svg.Attr)
	}
	rect, path := svg.All("rect")[0], svg.All("path")[0]
	if rect.Attr["fill"] != "#ffffff" || rect.Attr["width"] != box[2] || path.Attr["fill"] != "#000000" {
		t.Errorf("%v %v", rect.Attr, path.Attr)
	}
	// The finder pattern in the first corner: seven dark modules behind four
	// white ones, in the fifth row.
	if !strings.HasPrefix(path.Attr["d"], "M4 4h7v1h-7z") || regexp.MustCompile(`M[0-3] |M\d+ [0-3]h`).MatchString(path.Attr["d"]) {
		t.Errorf("path %.80s", path.Attr["d"])
	}
	if strings.Contains(p.Body, "style=") || strings.Contains(p.Body, "#ZgotmplZ") {
		t.Error("the page holds what its policy forbids, or a link that was taken for an attack")
	}
}

func TestOneSeesWhereOneIsSignedInAndSignsOutElsewhere(t *testing.T) {
	w := start(t)
	anna := w.as("anna", acts.SecurityOfficer)
	if p := anna.Get("/account"); p.Has("form[action=/account/sign-out-elsewhere]") || !p.Contains("192.0.2.1 (this session)") {
		t.Errorf("%s", p.Text())
	}
	other := w.browser.As(acts.Actor{Account: "anna", Role: acts.SecurityOfficer, From: "192.0.2.77"})
	p := anna.Get("/account")
	if !p.Contains("192.0.2.77") {
		t.Errorf("%s", p.Text())
	}
	p = p.SubmitTo("/account/sign-out-elsewhere", nil)
	if !p.Contains("You are signed in here only") || !p.Contains("1 other session was ended.") || p.Contains("192.0.2.77") {
		t.Errorf("%s", p.Text())
	}
	<-other.Session().Ended()
}

func TestEveryRoleSeesItsOwnPageAndOnlySomeTheOthers(t *testing.T) {
	w := start(t)
	for _, role := range acts.Roles() {
		name := "p" + string(role)[:3] + string(role)[len(role)-3:]
		if w.make(name, role); role == acts.SecurityOfficer {
			name = "anna"
		}
		b := w.as(name, role)
		if p := b.Get("/account"); p.Status != http.StatusOK || !p.Contains(name) {
			t.Errorf("%s: %d", role, p.Status)
		}
		if p := b.Get("/settings/accounts"); (p.Status == http.StatusOK) != may(role, "account view") {
			t.Errorf("%s: %d", role, p.Status)
		}
		sent := url.Values{"form": {b.Session().Token()}}
		for _, path := range []string{"/settings/accounts/add/account", "/settings/accounts/anna/delete", "/settings/accounts/anna/enable"} {
			if role == acts.LocalAdministrator || role == acts.Administrator {
				continue
			}
			if p := b.Send(path, sent); p.Status != http.StatusForbidden {
				t.Errorf("%s posts %s: %d", role, path, p.Status)
			}
		}
	}
}

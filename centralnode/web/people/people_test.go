package people_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"vedette/internal/accounts"
	"vedette/internal/acts"
)

const keyLine = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f anna@desk"

func TestTheTableShowsWhoMaySignInAndLeadsToEach(t *testing.T) {
	w := start(t)
	w.as("anna", acts.SecurityOfficer)
	p := w.admin.Get("/settings/accounts")
	var heads []string
	for _, th := range p.All("thead th") {
		heads = append(heads, th.Text())
	}
	if got := strings.Join(heads, "|"); got != "Name|Role|State|Second factor|Password changed|Keys|Signed in now" {
		t.Errorf("columns %s", got)
	}
	if row := p.Find("tr[data-key=anna]").Text(); !strings.HasPrefix(row, "anna Security officer Enabled Off 2030-01-02 0 1") {
		t.Errorf("row %q", row)
	}
	if row := p.Find("tr[data-key=admin]").Text(); !strings.HasPrefix(row, "admin (you) Local administrator Enabled") {
		t.Errorf("row %q", row)
	}
	if one := p.Click("anna"); !one.Contains("Account anna") || one.Path != "/settings/accounts/anna" {
		t.Errorf("%s: %s", one.Path, one.Text())
	}
	if p := w.admin.Get("/settings/accounts/nobody"); p.Status != http.StatusNotFound {
		t.Errorf("status %d", p.Status)
	}
}

func TestAnAccountIsMadeWithAPasswordThatHasToBeChanged(t *testing.T) {
	w := start(t)
	form := w.admin.Get("/settings/accounts").Click("Add account")
	if kind, fill := form.Attr("#new", "type"), form.Attr("#repeat", "autocomplete"); kind != "password" || fill != "new-password" {
		t.Errorf("fields of type %q, filled in by %q", kind, fill)
	}
	fill := func(name, one, two string) map[string]string {
		return map[string]string{"name": name, "role": string(acts.SecurityAuditor), "new": one, "repeat": two}
	}
	for _, c := range []struct{ name, one, two, field, says string }{
		{"berta", "Bertas-horse7", "Bertas-horse8", "repeat", "The two are not the same"},
		{"berta", "weak", "weak", "new", "is shorter than 8 characters"},
		{"not a name", "Bertas-horse7", "Bertas-horse7", "name", "needs Latin letters"},
		{"ANNA", "Bertas-horse7", "Bertas-horse7", "name", "exists already"},
	} {
		p := w.admin.Get("/settings/accounts/add/account").Submit(fill(c.name, c.one, c.two))
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Find("#"+c.field+"-fault").Text(), c.says) || p.Attr("#"+c.field, "aria-invalid") != "true" {
			t.Errorf("%+v: %d\n%s", c, p.Status, p.Text())
		}
		if p.Attr("#name", "value") != c.name || p.Find("option[selected]").Attr["value"] != string(acts.SecurityAuditor) || strings.Contains(p.Body, c.one) {
			t.Errorf("%+v: the form came back as\n%s", c, p.Body)
		}
	}
	p := form.Submit(fill("berta", "Bertas-horse7", "Bertas-horse7"))
	if !p.Contains("The account berta was made") || !p.Contains("Must change password") || strings.Contains(p.Body, "Bertas-horse7") {
		t.Errorf("%s\n%s", p.Path, p.Text())
	}
	if a := w.account("berta"); a.Role != string(acts.SecurityAuditor) || !a.MustChange {
		t.Errorf("%+v", a)
	}
}

func TestARoleIsChangedAfterAPreview(t *testing.T) {
	w := start(t)
	anna := w.as("anna", acts.SecurityOfficer)
	ask := w.admin.Submit("/settings/accounts/anna", map[string]string{"role": string(acts.SecurityAuditor)})
	if !ask.Contains("Change the role of anna?") || !ask.Contains("will have the role Security auditor") || !ask.Contains("Sessions that are ended at once.") {
		t.Fatalf("%s", ask.Text())
	}
	for _, none := range []string{"", "?role=root"} {
		if p := w.admin.Get("/settings/accounts/anna/role" + none); p.Status != http.StatusUnprocessableEntity || !p.Contains("No role was chosen. Go back and choose one.") {
			t.Errorf("%q: %d %s", none, p.Status, p.Text())
		}
	}
	p := ask.SubmitTo("/settings/accounts/anna/role", nil)
	if !p.Contains("anna has the role Security auditor") || !p.Contains("1 session was ended.") || w.account("anna").Role != string(acts.SecurityAuditor) {
		t.Errorf("%s", p.Text())
	}
	select {
	case <-anna.Session().Ended():
	default:
		t.Error("the session with the old role goes on")
	}
}

func TestAnAccountIsDisabledEnabledAndDeleted(t *testing.T) {
	w := start(t)
	p := w.admin.Get("/settings/accounts/anna").Click("Disable").SubmitTo("/settings/accounts/anna/disable", nil)
	if !p.Contains("The account anna is disabled") || !w.account("anna").Disabled || p.Has("a[href=/settings/accounts/anna/disable]") {
		t.Fatalf("%s", p.Text())
	}
	p = p.SubmitTo("/settings/accounts/anna/enable", nil)
	if !p.Contains("The account anna is enabled") || w.account("anna").Disabled {
		t.Fatalf("%s", p.Text())
	}
	stale := p.Click("Delete account")
	if _, err := w.SetPassword(t.Context(), acts.Actor{Account: "bob", Role: acts.LocalAdministrator, From: "192.0.2.9"}, acts.SetPassword{Name: "anna", Password: "Annas-horse8"}); err != nil {
		t.Fatal(err)
	}
	if p := stale.SubmitTo("/settings/accounts/anna/delete", nil); p.Status != http.StatusConflict || !p.Contains("account password by bob from 192.0.2.9") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	p = w.admin.Get("/settings/accounts/anna/delete").SubmitTo("/settings/accounts/anna/delete", nil)
	if !p.Contains("The account anna was deleted") || !strings.HasPrefix(p.Path, "/settings/accounts?") {
		t.Errorf("%s\n%s", p.Path, p.Text())
	}
	if _, err := w.list.Get(t.Context(), "anna"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestAnothersPasswordIsSet(t *testing.T) {
	w := start(t)
	form := w.admin.Get("/settings/accounts/anna").Click("Set password")
	if p := form.Submit(map[string]string{"new": "anna", "repeat": "anna"}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Find("#new-fault").Text(), "is the name of the account") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	p := w.admin.Submit("/settings/accounts/anna/password", map[string]string{"new": "Annas-horse8", "repeat": "Annas-horse8"})
	if !p.Contains("The password of anna is set") || !w.account("anna").MustChange || strings.Contains(p.Body, "Annas-horse8") {
		t.Errorf("%s", p.Text())
	}
	if p := w.admin.Get("/settings/accounts/admin/password"); p.Status != http.StatusConflict || !p.Contains("Your own password is changed with the current one") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
}

// TestWhatRulesForbidIsSaidAndNotOffered looks at accounts that somebody may not
// touch, and at those that have to stay.
func TestWhatRulesForbidIsSaidAndNotOffered(t *testing.T) {
	w := start(t)
	w.make("clerk", acts.Administrator)
	w.make("chris", acts.LocalAdministrator)
	clerk, auditor := w.as("clerk", acts.Administrator), w.as("otto", acts.SecurityAuditor)
	buttons := []string{"/password", "/disable", "/delete", "/role", "/keys"}
	none := func(what, body, name string) {
		t.Helper()
		for _, b := range buttons {
			if strings.Contains(body, `"/settings/accounts/`+name+b) {
				t.Errorf("%s is offered %s", what, b)
			}
		}
	}
	p := clerk.Get("/settings/accounts/chris")
	if !p.Contains("Only a Local administrator changes the account of a Local administrator.") {
		t.Errorf("%s", p.Text())
	}
	none("an Administrator", p.Body, "chris")
	if p := clerk.Get("/settings/accounts/anna"); !p.Has("a[href=/settings/accounts/anna/disable]") || strings.Contains(p.Body, string(acts.LocalAdministrator)) {
		t.Errorf("%s", p.Body)
	}
	if p := clerk.Get("/settings/accounts/add/account"); strings.Contains(p.Body, `value="local-administrator"`) || !p.Contains("Only a Local administrator makes a Local administrator.") {
		t.Errorf("%s", p.Text())
	}
	p = auditor.Get("/settings/accounts/anna")
	none("an auditor", p.Body, "anna")
	if !p.Contains("Only an Administrator or a Local administrator changes accounts.") || auditor.Get("/settings/accounts").Has("a[href=/settings/accounts/add/account]") {
		t.Errorf("%s", p.Text())
	}
	p = w.admin.Get("/settings/accounts/admin")
	none("oneself", strings.ReplaceAll(p.Body, "/settings/accounts/admin/keys", ""), "admin")
	if !p.Contains("This is your own account") {
		t.Errorf("%s", p.Text())
	}
	// Of two, one goes: the other is the last.
	if p := w.admin.Get("/settings/accounts/chris"); !p.Has("a[href=/settings/accounts/chris/delete]") {
		t.Errorf("%s", p.Text())
	}
	w.admin.Get("/settings/accounts/chris/disable").SubmitTo("/settings/accounts/chris/disable", nil)
	console := w.as("other", acts.LocalAdministrator)
	if p := console.Get("/settings/accounts/admin"); !p.Contains("This is the last Local administrator who can sign in") || p.Has("a[href=/settings/accounts/admin/delete]") || !p.Has("a[href=/settings/accounts/admin/password]") {
		t.Errorf("%s", p.Text())
	}
}

func TestKeysAreAddedAndDeleted(t *testing.T) {
	w := start(t)
	p := w.admin.Get("/settings/accounts/anna").SubmitTo("/settings/accounts/anna/keys", map[string]string{"key": "-----BEGIN OPENSSH PRIVATE KEY-----"})
	if p.Status != http.StatusUnprocessableEntity || p.Find("#key-fault").Text() == "" || strings.Contains(p.Body, "BEGIN OPENSSH") {
		t.Errorf("%d %s", p.Status, p.Body)
	}
	p = w.admin.Get("/settings/accounts/anna").SubmitTo("/settings/accounts/anna/keys", map[string]string{"key": keyLine})
	if !p.Contains("The key was added") || !p.Contains("anna@desk") {
		t.Fatalf("%s", p.Text())
	}
	key := w.account("anna").Keys[0].Fingerprint
	officer := w.as("anna", acts.SecurityOfficer)
	own := officer.Get("/account")
	if !own.Contains(key) {
		t.Errorf("%s", own.Text())
	}
	gone := own.Click("Delete").SubmitTo("/account/keys/delete", nil)
	if !gone.Contains("The key was deleted") || len(w.account("anna").Keys) != 0 {
		t.Errorf("%s", gone.Text())
	}
	if p := officer.Get("/account").SubmitTo("/account/keys", map[string]string{"key": keyLine}); !p.Contains("The key was added") {
		t.Errorf("%s", p.Text())
	}
	p = w.admin.Get("/settings/accounts/anna").Click("Delete").SubmitTo("/settings/accounts/anna/keys/delete", nil)
	if !p.Contains("The key was deleted") || len(w.account("anna").Keys) != 0 {
		t.Errorf("%s", p.Text())
	}
}

func TestHostileTextsAreText(t *testing.T) {
	w := start(t)
	line := strings.Replace(keyLine, "anna@desk", "<img src=x onerror=alert(1)>", 1)
	w.admin.Get("/settings/accounts/anna").SubmitTo("/settings/accounts/anna/keys", map[string]string{"key": line})
	if p := w.admin.Get("/settings/accounts/anna"); p.Has("img") || !p.Contains("<img src=x") {
		t.Errorf("%s", p.Body)
	}
	if p := w.admin.Get("/settings/accounts/anna/role?role=%3Cscript%3E"); p.Status != http.StatusUnprocessableEntity || p.Has("script:not") || strings.Contains(p.Body, "<script>") {
		t.Errorf("%d", p.Status)
	}
	p := w.admin.Submit("/settings/accounts/add/account", map[string]string{"name": `"><script>x`, "new": "Bertas-horse7", "repeat": "Bertas-horse7"})
	if strings.Contains(p.Body, "<script>x") || p.Attr("#name", "value") != `"><script>x` {
		t.Errorf("%s", p.Body)
	}
}

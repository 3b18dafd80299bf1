package externalsystems_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/proto/problem"
)

func TestTheServerListShowsWhatIsDocumented(t *testing.T) {
	w := start(t)
	if p := w.local.Get(list); !p.Contains("No external system and no request.") || !p.Contains(w.Pin().String()) {
		t.Errorf("an empty list says\n%s", p.Text())
	}
	mail := w.AcceptedSystem("mail-1", acts.MailSensor)
	mail.Check("sensorName=Gate")
	files := w.AskingSystem("files.1", "sensorName=Store")
	p := w.local.Get(list)
	if got := p.Find("#node dl").Text(); !strings.HasPrefix(got, "Certificate fingerprint "+w.Pin().String()) {
		t.Errorf("above: %q", got)
	}
	if got := p.Find("caption").Text(); got != "Server list" {
		t.Errorf("caption %q", got)
	}
	var heads []string
	for _, th := range p.All("thead th") {
		heads = append(heads, th.Text())
	}
	if got := strings.Join(heads, "|"); got != "Sensor|Type|Name|ID|Certificate fingerprint|State|Decision|Use" {
		t.Errorf("columns %s", got)
	}
	rows := p.All("tbody tr")
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	cells := func(i int) (out []string) {
		for _, c := range rows[i].Children {
			if c.Name != "" {
				out = append(out, c.Text())
			}
		}
		return out
	}
	if got := strings.Join(cells(0)[:7], "|"); got != "127.0.0.1|other system|Store|files.1|"+files.Fingerprint().String()+"|Pending|Accept Reject" {
		t.Errorf("the request: %s", got)
	}
	if got := strings.Join(cells(1)[:7], "|"); got != "127.0.0.1|mail sensor|-|mail-1|"+mail.Fingerprint().String()+"|Accepted|Delete" {
		t.Errorf("the accepted one: %s", got)
	}
	if got := cells(0)[7]; got != "just now: 401 pending 1 call, 0 objects" {
		t.Errorf("last call %q", got)
	}
	if p = w.local.Submit(list, map[string]string{"state": "Pending", "text": "STO"}); !p.Contains("files.1") || p.Contains("mail-1") {
		t.Errorf("%s:\n%s", p.Path, p.Text())
	}
}

func TestAcceptAsksAndConfirmsTheType(t *testing.T) {
	w := start(t)
	first := w.AcceptedSystem("gate", acts.OtherSystem)
	c := w.AskingSystem("gate", "sensorType=mail")
	ask := w.local.Get(list).Click("Accept")
	for _, want := range []string{
		"Accept the external system gate?", c.Fingerprint().String(), "Accept it only if they are equal.",
		"As a mail sensor, its objects are scanned before", "As one of the other systems, its objects are scanned after",
		"This ID is accepted already with another certificate, " + first.Fingerprint().String(), // changed certificate
		"Type, as it says itself until you confirm or correct it",
	} {
		if !ask.Contains(want) {
			t.Errorf("the window lacks %q:\n%s", want, ask.Text())
		}
	}
	if got := ask.Values(path(c) + "/accept").Get("type"); got != "mail sensor" {
		t.Errorf("preselected %q", got)
	}
	if w.shown(c).State != acts.Pending {
		t.Fatal("the window itself accepts")
	}
	done := ask.Submit(map[string]string{"type": "other system"})
	if !strings.HasPrefix(done.Path, path(c)) || !done.Contains("Accepted: gate, other system") {
		t.Errorf("%s:\n%s", done.Path, done.Text())
	}
	if s := w.shown(c); s.State != acts.Accepted || s.Type != acts.OtherSystem {
		t.Errorf("%+v", s)
	}
	if code := c.Check(""); code != "" {
		t.Errorf("it is answered %q", code)
	}
	// Of one that is accepted the type can be corrected.
	ask = w.local.Get(path(c)).Click("Change type")
	if !ask.Contains("Change the type of the external system gate?") || ask.Values(path(c)+"/accept").Get("type") != "other system" {
		t.Errorf("%s", ask.Text())
	}
	ask.Submit(map[string]string{"type": "mail sensor"})
	if s := w.shown(c); s.Type != acts.MailSensor {
		t.Errorf("%+v", s)
	}
}

func TestRejectAndDeleteAskAndCut(t *testing.T) {
	w := start(t)
	c := w.AcceptedSystem("gate", acts.MailSensor)
	ask := w.local.Get(path(c)).Click("Reject")
	if !ask.Contains("Reject the external system gate?") || !ask.Contains("Connections of this external system that are cut at once") {
		t.Errorf("%s", ask.Text())
	}
	if done := ask.SubmitTo(path(c)+"/reject", nil); !done.Contains("Rejected: gate") || !done.Contains("1 connection of it was cut.") {
		t.Errorf("%s", done.Text())
	}
	if code := c.Check(""); code != problem.Rejected {
		t.Errorf("it is answered %q", code)
	}
	ask = w.local.Get(list).Click("Delete")
	if back := ask.Click("Cancel"); back.Path != list || w.shown(c).State != acts.Rejected {
		t.Errorf("Cancel leads to %s", back.Path)
	}
	if done := ask.SubmitTo(path(c)+"/delete", nil); !strings.HasPrefix(done.Path, list+"?") || !done.Contains("Deleted: gate") || !done.Contains("No external system and no request.") {
		t.Errorf("%s:\n%s", done.Path, done.Text())
	}
	if p := w.local.Get(path(c)); p.Status != http.StatusNotFound || !p.Contains("if it calls again, it asks anew") {
		t.Errorf("%d: %s", p.Status, p.Text())
	}
}

func TestADecisionIsAboutExactlyWhatWasCompared(t *testing.T) {
	w := start(t)
	c, other := w.AskingSystem("gate", ""), w.AskingSystem("gate", "")
	good := w.local.Get(path(c) + "/accept").Values(path(c) + "/accept")
	for name, change := range map[string]struct {
		field, value string
		status       int
	}{
		"no fingerprint":       {"fingerprint", "", http.StatusUnprocessableEntity},
		"the zero fingerprint": {"fingerprint", pki.Fingerprint{}.String(), http.StatusUnprocessableEntity},
		"another one's":        {"fingerprint", other.Fingerprint().String(), http.StatusConflict},
		"no type":              {"type", "", http.StatusUnprocessableEntity},
		"a type of nobody":     {"type", "sandbox", http.StatusUnprocessableEntity},
		"no revision":          {"seen", "", http.StatusUnprocessableEntity},
		"a revision of before": {"seen", "1", http.StatusConflict},
		"a token of nobody":    {"form", "AAAA", http.StatusConflict},
	} {
		sent := url.Values{"form": {w.local.Session().Token()}, "seen": good["seen"], "fingerprint": good["fingerprint"], "type": good["type"]}
		sent.Set(change.field, change.value)
		if p := w.local.Send(path(c)+"/accept", sent); p.Status != change.status {
			t.Errorf("%s: %d, want %d:\n%s", name, p.Status, change.status, p.Text())
		}
	}
	if got := w.shown(c).State; got != acts.Pending {
		t.Errorf("it is %s", got)
	}
	if p := w.local.Send(path(c)+"/accept", good); p.Status != http.StatusOK || w.shown(c).State != acts.Accepted || w.shown(other).State != acts.Pending {
		t.Errorf("%d: %s, %s", p.Status, w.shown(c).State, w.shown(other).State)
	}
}

func TestOfTwoAdministratorsTheSlowerIsToldWhatChanged(t *testing.T) {
	w := start(t)
	c := w.AskingSystem("gate", "")
	bob := w.browser.As(acts.Actor{Account: "bob", Role: acts.LocalAdministrator, From: "192.0.2.9"})
	ask, priority := w.local.Get(path(c)+"/accept"), w.local.Get(list)
	bob.Get(path(c)+"/reject").SubmitTo(path(c)+"/reject", nil)
	if p := ask.Submit(map[string]string{"type": "mail sensor"}); p.Status != http.StatusConflict || !p.Contains("external-system reject by bob from 192.0.2.9") {
		t.Errorf("%d: %s", p.Status, p.Text())
	}
	bob.Get(list).SubmitTo(list+"/priority", nil)
	bob.Get(list).SubmitTo(list+"/priority", nil) // on and off again
	if p := priority.SubmitTo(list+"/priority", nil); p.Status != http.StatusConflict || !p.Contains("external-system priority by bob") {
		t.Errorf("%d: %s", p.Status, p.Text())
	}
}

func TestTheSwitchMaximumScanPriority(t *testing.T) {
	w := start(t)
	w.AcceptedSystem("mail", acts.MailSensor)
	for _, role := range []acts.Role{acts.Administrator, acts.LocalAdministrator} {
		b := w.browser.SignedIn(role)
		p := b.Get(list)
		if p.Attr("button[role=switch]", "aria-checked") != "false" || p.Find("button[role=switch]").Text() != "Maximum scan priority" || !p.Contains("Turned on: Objects of mail sensors (1 accepted) will be scanned before all others.") {
			t.Errorf("%s", p.Text())
		}
		p = p.SubmitTo(list+"/priority", nil)
		if !p.Contains("Maximum scan priority is on") || p.Attr("button[role=switch]", "aria-checked") != "true" || !p.Contains("Turned off: Mail sensors (1 accepted) and other systems (0 accepted) will take turns.") {
			t.Errorf("%s", p.Text())
		}
		if p = p.SubmitTo(list+"/priority", nil); !p.Contains("Maximum scan priority is off") {
			t.Errorf("%s", p.Text())
		}
	}
	if p := w.local.Send(list+"/priority", url.Values{"form": {w.local.Session().Token()}, "turn": {"perhaps"}}); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("%d", p.Status)
	}
}

func TestOthersSeeTheTableAndNoButtons(t *testing.T) {
	w := start(t)
	c := w.AskingSystem("gate", "")
	for _, role := range acts.Roles() {
		b := w.browser.SignedIn(role)
		p, one := b.Get(list), b.Get(path(c))
		sees := role == acts.LocalAdministrator || role == acts.Administrator || role == acts.SecurityAuditor
		if (p.Status == http.StatusOK) != sees || (one.Status == http.StatusOK) != sees {
			t.Errorf("%s: %d, %d", role, p.Status, one.Status)
		}
		if role == acts.LocalAdministrator {
			continue
		}
		for _, page := range []interface {
			Has(string) bool
			Contains(string) bool
			Text() string
		}{p, one} {
			if sees && (page.Has("tbody a.button") || page.Has("#request a.button") || !page.Contains("Only a Local administrator can accept, reject or delete an external system.")) {
				t.Errorf("%s:\n%s", role, page.Text())
			}
		}
		if sees && p.Has("button[role=switch]") != (role == acts.Administrator) {
			t.Errorf("%s: the switch", role)
		}
		for _, word := range []string{"/accept", "/reject", "/delete"} {
			sent := url.Values{"form": {b.Session().Token()}, "seen": {"99999"}, "fingerprint": {c.Fingerprint().String()}, "type": {"mail sensor"}}
			if p := b.Send(path(c)+word, sent); p.Status != http.StatusForbidden {
				t.Errorf("%s posts %s: %d", role, word, p.Status)
			}
			if p := b.Get(path(c) + word); p.Status != http.StatusForbidden {
				t.Errorf("%s opens %s: %d", role, word, p.Status)
			}
		}
	}
	if got := w.shown(c).State; got != acts.Pending {
		t.Errorf("it is %s", got)
	}
}

func TestTheConnectionCheckHasTheCommandAndTheLastCall(t *testing.T) {
	w := start(t)
	c := w.AskingSystem("gate~1:a@b", "")
	p := w.local.Get(path(c))
	_, port, _ := strings.Cut(w.Address(), ":")
	want := "curl --cacert kata.crt --cert cert.pem --key key.pem 'https://example.com:" + port + "/kata/scanner/v1/sensors/gate~1:a@b/connection'"
	if got := p.Find("pre").Text(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if !p.Contains(w.Pin().String()) || !p.Contains("Error 401 pending:") || !p.Contains("Compare the fingerprint with the certificate that the external system uses, then accept or reject the request.") {
		t.Errorf("%s", p.Text())
	}
	if _, err := w.AcceptExternalSystem(t.Context(), admintest.Local(), c.Which()); err != nil {
		t.Fatal(err)
	}
	if p = w.local.Get(path(c)); !p.Contains("No call has come since that was decided") {
		t.Errorf("%s", p.Text())
	}
	c.Check("")
	c.Submit("a.txt", "x")
	p = w.local.Get(path(c))
	for _, want := range []string{"OK its call was taken", "From 127.0.0.1", "The connection works: there is nothing to do.", "Submitted 1 taken for scanning"} {
		if !p.Contains(want) {
			t.Errorf("lacks %q:\n%s", want, p.Text())
		}
	}
}

func TestHostileNamesAreTextAndAnAddressMeansOneSystem(t *testing.T) {
	w := start(t)
	c := w.AskingSystem("accept", "sensorName="+url.QueryEscape(`"><script>alert(1)</script>`))
	for _, at := range []string{list, list + "?text=%22%3E%3Cscript%3E", path(c), path(c) + "/accept", path(c) + "/delete"} {
		p := w.local.Get(at)
		if p.Status != http.StatusOK || strings.Contains(p.Body, "<script>") {
			t.Errorf("%s: %d\n%s", at, p.Status, p.Body)
		}
	}
	if p := w.local.Get(path(c)); !p.Contains("External system accept") || !p.Contains(`"><script>alert(1)</script>`) {
		t.Errorf("%s", p.Text())
	}
	f := strings.Split(path(c), "/")[2]
	for _, at := range []string{"/" + f + "/Accept", "/accept/" + f, "/" + f + "/%3Cscript%3E", "/" + f[:20] + "/accept", "/priority/accept", "/" + f + "/a%2fb"} {
		if p := w.local.Get(list + at); p.Status != http.StatusNotFound || strings.Contains(p.Body, "<script>") {
			t.Errorf("%s: %d", at, p.Status)
		}
	}
	// The widest set of characters that an ID may have survives its address.
	odd := w.AskingSystem("-._:@~Az09", "")
	if p := w.local.Get(list).Find("tr[data-key=" + odd.Fingerprint().String() + "/" + odd.ID + "] a"); w.local.Get(p.Attr["href"]).Status != http.StatusOK {
		t.Errorf("%s leads nowhere", p.Attr["href"])
	}
}

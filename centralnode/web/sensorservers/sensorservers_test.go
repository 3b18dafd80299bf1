package sensorservers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/internal/acts"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

func TestTheServerListShowsRequestsFirstWithWhatToCompare(t *testing.T) {
	w := start(t)
	if p := w.local.Get("/sensor-servers"); !p.Contains("select Program settings, Configure Central Node: its request appears here by itself") || p.Contains("waits for Accept") {
		t.Errorf("an empty list says\n%s", p.Text())
	}
	old := w.AskingSensor("old")
	w.accept(old)
	s := w.AskingSensor("branch")
	p := w.local.Get("/sensor-servers")
	if got := p.Find("caption").Text(); got != "Server list" {
		t.Errorf("caption %q", got)
	}
	var heads []string
	for _, th := range p.All("thead th") {
		heads = append(heads, th.Text())
	}
	if got := strings.Join(heads, "|"); !strings.HasPrefix(got, "IP/name|Type|Certificate fingerprint|State|Link|Link quality|Loss|Round trip|Agents|") {
		t.Errorf("columns %s", got)
	}
	rows := p.All("tbody tr")
	if len(rows) != 2 || rows[0].Attr["data-key"] != s.Identity.Fingerprint().String() {
		t.Fatalf("%d rows:\n%s", len(rows), p.Text())
	}
	text := rows[0].Text()
	for _, want := range []string{"127.0.0.1", "branch", acts.TypeRemote, "Pending", s.Identity.Fingerprint().String(), "Connected"} {
		if !strings.Contains(text, want) {
			t.Errorf("the request's row lacks %q: %s", want, text)
		}
	}
	if !p.Contains("1 request waits for Accept or Reject") || !p.Contains("Do not accept a request whose fingerprint differs.") || !p.Contains("1 pending, 1 accepted (1 connected), 0 rejected") {
		t.Errorf("above the table:\n%s", p.Text())
	}
	if one := p.Click("127.0.0.1"); !one.Contains("Sensor server branch (127.0.0.1)") {
		t.Errorf("the address leads to %s", one.Path)
	}
}

func TestTheListIsFilteredByItsAddressAndPaged(t *testing.T) {
	w := start(t)
	w.accept(w.AskingSensor("alpha"))
	w.AskingSensor("beta")
	p := w.local.Submit("/sensor-servers", map[string]string{"state": "Accepted", "text": "ALP"})
	if !p.Contains("alpha") || p.Contains("beta") || p.Find("#text").Attr["value"] != "ALP" || !p.Contains("1 to 1 of 1 (2 in all)") {
		t.Errorf("%s:\n%s", p.Path, p.Text())
	}
	if p = p.Click("Clear"); !p.Contains("alpha") || !p.Contains("beta") {
		t.Errorf("cleared:\n%s", p.Text())
	}
	if p = w.local.Get("/sensor-servers?text=nobody"); !p.Contains("No Sensor server matches the filter.") {
		t.Errorf("%s", p.Text())
	}
	if p = w.local.Get("/sensor-servers?state=perhaps"); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("status %d", p.Status)
	}
}

func TestAcceptTurnsTheProxyOnAtOnce(t *testing.T) {
	w := start(t)
	s := w.AskingSensor("branch")
	p := w.local.Get(path(s))
	for _, want := range []string{
		"Pending", s.Identity.Fingerprint().String(), "Do not accept the request when this fingerprint differs from the one that the Sensor's menu shows", "192.0.2.10", "127.0.0.1",
		"Accept it only if they are equal", "Requested", "Version",
	} {
		if !p.Contains(want) {
			t.Errorf("the page lacks %q:\n%s", want, p.Text())
		}
	}
	p = p.SubmitTo(path(s)+"/accept", nil)
	if p.Status != http.StatusOK || !strings.HasPrefix(p.Path, path(s)) || !p.Contains("Accepted: branch (127.0.0.1)") || !p.Contains("proxy server from now on") || !p.Contains("its server certificate to pin") {
		t.Errorf("%d %s:\n%s", p.Status, p.Path, p.Text())
	}
	s.AwaitState(controlv1.Authorisation_STATE_ACCEPTED)
	if !p.Contains("Decided") || !p.Contains("by "+string(acts.LocalAdministrator)) || p.Has("#compare") {
		t.Errorf("after it:\n%s", p.Text())
	}
	if _, disabled := p.Find("#accept button").Attr["disabled"]; !disabled {
		t.Error("what is accepted can be accepted again")
	}
	if _, disabled := p.Find("#reject button").Attr["disabled"]; disabled {
		t.Error("what is accepted cannot be rejected")
	}
}

func TestRejectCutsAtOnceAndDeleteAsksFirst(t *testing.T) {
	w := start(t)
	s := w.AskingSensor("branch")
	w.accept(s)
	p := w.local.Get(path(s)).SubmitTo(path(s)+"/reject", nil)
	if !p.Contains("Rejected: branch (127.0.0.1)") || !p.Contains("nobody was cut") || w.state(s) != acts.Rejected {
		t.Errorf("%s: %s", p.Text(), w.state(s))
	}
	s.AwaitState(controlv1.Authorisation_STATE_REJECTED)
	ask := p.Click("Delete")
	if !ask.Contains("Delete the Sensor server branch (127.0.0.1)?") || !ask.Contains("Agents' connections through this Sensor that are cut at once.") || w.state(s) != acts.Rejected {
		t.Errorf("the window:\n%s", ask.Text())
	}
	if back := ask.Click("Cancel"); !strings.HasPrefix(back.Path, path(s)) {
		t.Errorf("Cancel leads to %s", back.Path)
	}
	s.Close() // or it asks anew
	done := ask.SubmitTo(path(s)+"/delete", nil)
	if !strings.HasPrefix(done.Path, "/sensor-servers?") || !done.Contains("Deleted: branch (127.0.0.1)") || !done.Contains("No Sensor server and no request.") {
		t.Errorf("%s:\n%s", done.Path, done.Text())
	}
	if p := w.local.Get(path(s)); p.Status != http.StatusNotFound {
		t.Errorf("its page is %d", p.Status)
	}
}

func TestAFormWithoutTheComparedFingerprintDoesNothing(t *testing.T) {
	w := start(t)
	s, other := w.AskingSensor("branch"), w.AskingSensor("other")
	good := w.local.Get(path(s)).Values(path(s) + "/accept")
	for name, c := range map[string]struct {
		field, value string
		status       int
	}{
		"no fingerprint":         {"fingerprint", "", http.StatusUnprocessableEntity},
		"the zero fingerprint":   {"fingerprint", pki.Fingerprint{}.String(), http.StatusUnprocessableEntity},
		"half a fingerprint":     {"fingerprint", s.Identity.Fingerprint().String()[:40], http.StatusUnprocessableEntity},
		"another one's":          {"fingerprint", other.Identity.Fingerprint().String(), http.StatusConflict},
		"no revision":            {"seen", "", http.StatusUnprocessableEntity},
		"a revision of before":   {"seen", "1", http.StatusConflict},
		"a token of nobody":      {"form", "AAAA", http.StatusConflict},
		"a token of another one": {"form", w.browser.As(acts.Actor{Account: "eve", Role: acts.LocalAdministrator}).Session().Token(), http.StatusConflict},
	} {
		sent := url.Values{"form": {w.local.Session().Token()}, "seen": good["seen"], "fingerprint": good["fingerprint"]}
		sent.Set(c.field, c.value)
		if p := w.local.Send(path(s)+"/accept", sent); p.Status != c.status {
			t.Errorf("%s: %d, want %d:\n%s", name, p.Status, c.status, p.Text())
		}
	}
	if got := w.state(s); got != acts.Pending {
		t.Errorf("it is %s", got)
	}
	good.Set("form", w.local.Session().Token())
	if p := w.local.Send(path(s)+"/accept", good); p.Status != http.StatusOK || w.state(s) != acts.Accepted {
		t.Errorf("the good form: %d, %s", p.Status, w.state(s))
	}
}

func TestOfTwoAdministratorsTheSlowerIsToldWhatChanged(t *testing.T) {
	w := start(t)
	s := w.AskingSensor("branch")
	bob := w.browser.As(acts.Actor{Account: "bob", Role: acts.LocalAdministrator, From: "192.0.2.9"})
	mine, window := w.local.Get(path(s)), w.local.Get(path(s)+"/delete")
	bob.Get(path(s)).SubmitTo(path(s)+"/reject", nil)
	for _, p := range []interface {
		Contains(string) bool
		Text() string
	}{mine.SubmitTo(path(s)+"/accept", nil), window.SubmitTo(path(s)+"/delete", nil)} {
		if !p.Contains("sensor reject by bob from 192.0.2.9") || !p.Contains("nothing was done") {
			t.Errorf("%s", p.Text())
		}
	}
	if got := w.state(s); got != acts.Rejected {
		t.Errorf("it is %s", got)
	}
}

func TestAFormThatIsSentTwiceIsDoneOnce(t *testing.T) {
	w := start(t)
	s := w.AskingSensor("branch")
	sent := w.local.Get(path(s)).Values(path(s) + "/accept")
	first, again := w.local.Send(path(s)+"/accept", sent), w.local.Send(path(s)+"/accept", sent)
	if first.Status != http.StatusOK || again.Path != first.Path {
		t.Errorf("%d %s, then %d %s", first.Status, first.Path, again.Status, again.Path)
	}
}

func TestOthersSeeTheTableAndNoButtons(t *testing.T) {
	w := start(t)
	s := w.AskingSensor("branch")
	for _, role := range acts.Roles() {
		b := w.browser.SignedIn(role)
		list, one := b.Get("/sensor-servers"), b.Get(path(s))
		sees := role == acts.LocalAdministrator || role == acts.Administrator || role == acts.SecurityAuditor
		if (list.Status == http.StatusOK) != sees || (one.Status == http.StatusOK) != sees {
			t.Errorf("%s: %d, %d", role, list.Status, one.Status)
		}
		if role == acts.LocalAdministrator {
			continue
		}
		if sees && (one.Has("#accept") || one.Has("#delete") || !one.Contains("Only a Local administrator can accept, reject or delete a Sensor server.")) {
			t.Errorf("%s:\n%s", role, one.Text())
		}
		for _, word := range []string{"/accept", "/reject", "/delete"} {
			sent := url.Values{"form": {b.Session().Token()}, "seen": {"99999"}, "fingerprint": {s.Identity.Fingerprint().String()}}
			if p := b.Send(path(s)+word, sent); p.Status != http.StatusForbidden {
				t.Errorf("%s posts %s: %d", role, word, p.Status)
			}
		}
	}
	if got := w.state(s); got != acts.Pending {
		t.Errorf("it is %s", got)
	}
}

func TestHostileNamesAreText(t *testing.T) {
	w := start(t)
	s := w.Sensor("<img src=x onerror=alert(1)>")
	if err := s.Connect(); err != nil {
		t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_PENDING)
	for _, at := range []string{"/sensor-servers", "/sensor-servers?text=%22%3E%3Cscript%3E", path(s), path(s) + "/delete"} {
		p := w.local.Get(at)
		if p.Status != http.StatusOK || strings.Contains(p.Body, "<img src=x") || strings.Contains(p.Body, "<script>") {
			t.Errorf("%s: %d\n%s", at, p.Status, p.Body)
		}
	}
	if !w.local.Get(path(s)).Contains("<img src=x onerror=alert(1)>") {
		t.Error("the name is not shown")
	}
	for _, at := range []string{"%3Cscript%3E", "..%2f..%2fetc", "branch", "0000000000000000", strings.Repeat("A", 4000)} {
		if p := w.local.Get("/sensor-servers/" + at); p.Status != http.StatusNotFound || strings.Contains(p.Body, "<script>") {
			t.Errorf("%.40s: %d", at, p.Status)
		}
	}
}

func TestASensorIsFoundByTheIDThatEventsNameItBy(t *testing.T) {
	w := start(t)
	s := w.AskingSensor("branch")
	found, err := w.SensorServerByID(t.Context(), admintest.Local(), s.Identity.Fingerprint().String())
	if err != nil {
		t.Fatal(err)
	}
	if p := w.local.Get("/sensor-servers/" + found.ID); !p.Contains("Sensor server branch") || !p.Contains(found.ID) {
		t.Errorf("%d:\n%s", p.Status, p.Text())
	}
}

package alerts_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/alerts"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

// eicar is the test file that every engine knows, in two pieces so that none
// stumbles over this one.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// world is a Central Node with alerts about n objects of one external system.
func world(t *testing.T, n int) (*admintest.World, *pagetest.Browser) {
	t.Helper()
	w := admintest.Start(t)
	system := w.AcceptedSystem("mail-gateway", acts.MailSensor)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for i := range n {
		system.Submit(fmt.Sprintf("%d<script>alert(1)</script>.exe", i+1), eicar)
		// Several are looked at at once: only who waits knows which alert is whose.
		for ; ; <-look.C {
			list, err := w.Alerts(t.Context(), admintest.Local(), acts.AlertFilter{})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Alerts) == i+1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d alerts", len(list.Alerts))
			}
		}
	}
	b := pagetest.New(t, func(k *page.Kit) error { return alerts.Register(k, w.Admin) },
		pagetest.With(func(c *page.Config) { c.Permit, c.May = w.Permit, w.May }), pagetest.Table(w.Node.Sessions()))
	return w, b
}

func counts(t *testing.T, w *admintest.World) acts.AlertCounts {
	t.Helper()
	s, err := w.Status(t.Context(), admintest.Local())
	if err != nil {
		t.Fatal(err)
	}
	return s.Alerts
}

func TestAlertsAreShownAndSettled(t *testing.T) {
	w, b := world(t, 3)
	officer := b.SignedIn(acts.SecurityOfficer)
	table := officer.Get("/alerts")
	if rows := table.All("tbody tr"); len(rows) != 3 || !strings.HasPrefix(rows[0].Text(), "3 High New 20") || !strings.Contains(rows[0].Text(), "Anti-Malware Mail mail-gateway 3<script>alert(1)</script>.exe") {
		t.Fatal(table.Text())
	}
	if table.Has("tbody script") {
		t.Error("a name was not escaped")
	}
	one := table.Click("2")
	for _, want := range []string{"2<script>alert(1)</script>.exe", "mail-gateway", "68 bytes", "builtin", "Set the state to"} {
		if !one.Contains(want) {
			t.Errorf("no %q in %s", want, one.Text())
		}
	}
	one = one.Submit(map[string]string{"state": "In process"})
	if !one.Contains("Alert 2 is In process") || !one.Contains("by security-officer") {
		t.Error(one.Text())
	}
	a, err := w.Alert(t.Context(), admintest.Local(), 2)
	if err != nil || a.State != acts.AlertInProcess || a.StateBy != "security-officer" {
		t.Error(a, err)
	}
	// A page that shows what was before is not acted upon.
	stale := officer.Get("/alerts/3")
	if _, err := w.SetAlertState(t.Context(), admintest.Local(), acts.SetAlertState{ID: 3, State: acts.AlertClosed}); err != nil {
		t.Fatal(err)
	}
	if refused := stale.Submit(map[string]string{"state": "In process"}); refused.Status != 409 || !refused.Contains("alert state by local") {
		t.Error(refused.Status, refused.Text())
	}
}

func TestSeveralAlertsAreSetAtOnce(t *testing.T) {
	w, b := world(t, 4)
	officer := b.SignedIn(acts.SeniorSecurityOfficer)
	table := officer.Get("/alerts?sort=id")
	fields := table.Values("/alerts/state")
	for _, box := range table.All("input[type=checkbox]") {
		fields.Add("alert", box.Attr["value"])
	}
	if len(fields["alert"]) != 4 || fields.Get("back") != "sort=id" {
		t.Fatal(fields)
	}
	// One of them changes before the form is sent.
	if _, err := w.SetAlertState(t.Context(), admintest.Local(), acts.SetAlertState{ID: 2, State: acts.AlertInProcess}); err != nil {
		t.Fatal(err)
	}
	fields.Set("state", "Closed")
	done := officer.Send("/alerts/state", fields)
	if !done.Contains("3 alerts are now Closed, 1 not changed") || !done.Contains("Alert 2: what you saw has changed since: alert state by local") || !strings.HasPrefix(done.Path, "/alerts?sort=id&") {
		t.Error(done.Path, done.Text())
	}
	if c := counts(t, w); c != (acts.AlertCounts{InProcess: 1, Closed: 3}) {
		t.Errorf("%+v", c)
	}
	// Sent again, the form has no second effect.
	if again := officer.Send("/alerts/state", fields); !again.Contains("3 alerts are now Closed, 1 not changed") {
		t.Error(again.Text())
	}
	for name, change := range map[string]func(url.Values){
		"none":    func(f url.Values) { f.Del("alert") },
		"foreign": func(f url.Values) { f.Set("alert", "x-1") },
		"many":    func(f url.Values) { f["alert"] = make([]string, 51) },
		"state":   func(f url.Values) { f.Set("state", "Gone") },
	} {
		f := officer.Get("/alerts").Values("/alerts/state")
		f.Set("alert", "1-1")
		change(f)
		if p := officer.Send("/alerts/state", f); p.Status != 422 {
			t.Errorf("%s: %d %s", name, p.Status, p.Text())
		}
	}
}

func TestOthersOnlyLook(t *testing.T) {
	w, b := world(t, 1)
	for _, role := range []acts.Role{acts.Administrator, acts.SecurityAuditor} {
		who := b.SignedIn(role)
		for _, path := range []string{"/alerts", "/alerts/1"} {
			if p := who.Get(path); p.Status != 200 || p.Has("form[method=post] select[name=state]") || p.Has("input[type=checkbox]") {
				t.Error(role, path, p.Status, p.Text())
			}
		}
		if p := who.Send("/alerts/1/state", url.Values{"state": {"Closed"}}); p.Status != 403 {
			t.Error(role, p.Status)
		}
	}
	if c := counts(t, w); c.New != 1 {
		t.Errorf("%+v", c)
	}
}

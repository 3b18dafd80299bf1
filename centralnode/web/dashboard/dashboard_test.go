package dashboard_test

import (
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/dashboard"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

func open(t *testing.T, w *admintest.World) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, func(k *page.Kit) error { return dashboard.Register(k, w.Admin) },
		pagetest.With(func(c *page.Config) { c.Permit, c.May = w.Permit, w.May }), pagetest.Table(w.Node.Sessions()))
}

func TestWhatWaitsIsShownToThoseWhoMaySeeIt(t *testing.T) {
	w := admintest.Start(t)
	w.AskingSensor("sensor-1")
	w.AskingSystem("mail-gateway", "")
	b := open(t, w)
	const sensor, system = "1 Sensor server waits for Accept or Reject.", "1 external system waits for Accept or Reject."
	for _, role := range acts.Roles() {
		p := b.SignedIn(role).Get("/")
		sees := w.May(acts.Actor{Role: role}, acts.ActViewSensors)
		if p.Status != 200 || p.Contains(sensor) != sees || p.Contains(system) != sees || p.Has("#needs a[href=/sensor-servers]") != sees {
			t.Errorf("%s: %d %s", role, p.Status, p.Text())
		}
		if !p.Contains("Validate Endpoint Agent TLS certificates is off") {
			t.Errorf("%s: no note: %s", role, p.Text())
		}
		if n := len(p.All("figure")); n != 6 {
			t.Errorf("%s: %d charts", role, n)
		}
	}
}

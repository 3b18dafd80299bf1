package externalsystems_test

import (
	"encoding/hex"
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/externalsystems"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

const list = "/external-systems"

// world is a Central Node with a browser of a Local administrator.
type world struct {
	*admintest.World
	t       *testing.T
	browser *pagetest.Browser // of nobody
	local   *pagetest.Browser
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{World: admintest.Start(t), t: t}
	w.browser = pagetest.New(t, func(k *page.Kit) error { return externalsystems.Register(k, w.Admin) },
		pagetest.Table(w.Node.Sessions()), pagetest.With(func(c *page.Config) { c.Permit, c.May = w.Permit, w.May }))
	w.local = w.browser.SignedIn(acts.LocalAdministrator)
	return w
}

func path(c *admintest.System) string {
	f := c.Fingerprint()
	return list + "/" + hex.EncodeToString(f[:]) + "/" + c.ID
}

// shown is what the acts know of a system.
func (w *world) shown(c *admintest.System) acts.ExternalSystem {
	w.t.Helper()
	d, err := w.ExternalSystemDetail(w.t.Context(), admintest.Local(), c.ID, c.Fingerprint())
	if err != nil {
		w.t.Fatal(err)
	}
	return d.ExternalSystem
}

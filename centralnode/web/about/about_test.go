package about_test

import (
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/about"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

func TestAboutTellsWhatRunsHere(t *testing.T) {
	w := admintest.Start(t)
	b := pagetest.New(t, func(k *page.Kit) error { return about.Register(k, w.Admin) },
		pagetest.With(func(c *page.Config) { c.Permit, c.May = w.Permit, w.May }), pagetest.Table(w.Node.Sessions()))
	s, err := w.Status(t.Context(), admintest.Local())
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range acts.Roles() {
		p := b.SignedIn(role).Get("/about")
		for _, want := range []string{"Vedette", "test", s.StoreID, s.Certificate.Fingerprint.String(), w.Address(), "https://example.com"} {
			if !p.Contains(want) {
				t.Errorf("%s: no %q in %s", role, want, p.Text())
			}
		}
	}
	if p := b.Get("/about"); p.Status == 200 && p.Contains(s.StoreID) {
		t.Error("it is told to strangers")
	}
}

package audit_test

import (
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/audit"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

func open(t *testing.T, w *admintest.World) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, func(k *page.Kit) error { return audit.Register(k, w.Admin) },
		pagetest.With(func(c *page.Config) { c.Permit, c.May = w.Permit, w.May }), pagetest.Table(w.Node.Sessions()))
}

func TestRecordsAreShownFilteredAndPaged(t *testing.T) {
	w := admintest.Start(t)
	for i := range 110 {
		if _, err := w.SetScanPriority(t.Context(), acts.Actor{Account: "boss", Role: acts.Administrator, Face: acts.FaceMenu, From: "192.0.2.9"}, acts.SetScanPriority{On: i%2 == 0}); err != nil {
			t.Fatal(err)
		}
	}
	auditor := open(t, w).SignedIn(acts.SecurityAuditor)
	first := auditor.Get("/audit")
	rows := first.All("tbody tr")
	if len(rows) != 100 || !first.Contains("external-system priority") || first.Has("a[rel=prev]") {
		t.Fatal(len(rows), first.Text())
	}
	second := first.Click("Older")
	last := rows[99].Attr["data-key"]
	if rest := second.All("tbody tr"); len(rest) < 10 || rest[0].Attr["data-key"] >= last || !second.Contains("Newest") || second.Contains("Older") {
		t.Error(last, second.Text())
	}
	if p := auditor.Get("/audit?account=boss&act=external-system+priority&text=OFF&result=done"); len(p.All("tbody tr")) != 55 {
		t.Error(len(p.All("tbody tr")), p.Text())
	}
	for _, query := range []string{"result=x", "since=x", "until=2026-13-01", "since=2026-01-02&until=2026-01-01"} {
		if p := auditor.Get("/audit?" + query); p.Status != 422 || !p.Has(".error") {
			t.Error(query, p.Status)
		}
	}
	if p := auditor.Get("/audit/verify"); !p.Contains("No record was changed or removed") {
		t.Error(p.Text())
	}
	if p := auditor.Get("/audit?account=nobody"); !p.Contains("No record matches") {
		t.Error(p.Text())
	}
}

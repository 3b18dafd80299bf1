package audit_test

import (
	"testing"
	"testing/synctest"

	"vedette/internal/acts"
)

// A browser waits a minute for an answer; a check that takes longer is one for
// the command.
func TestACheckThatTakesTooLongLeadsToTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{waits: true}
		if p := f.open(t).Get("/audit/verify"); p.Status != 503 || !p.Contains("audit verify") {
			t.Error(p.Status, p.Text())
		}
	})
}

func TestHowLongTheCheckTakesIsSaidBeforehand(t *testing.T) {
	f := &fake{page: acts.AuditPage{Total: 40_000}}
	b := f.open(t)
	if p := b.Get("/audit"); p.Contains("takes about") {
		t.Error(p.Text())
	}
	f.page.Total = 200_000
	if p := b.Get("/audit"); !p.Contains("takes about 8 s") {
		t.Error(p.Text())
	}
}

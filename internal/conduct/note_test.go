package conduct_test

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
)

// TestRefusalsDoNotFillTheTrail has one account refused again and again: its
// records are bounded and counted, and those of others are not in its way.
func TestRefusalsDoNotFillTheTrail(t *testing.T) {
	d, trail, _ := desk(t)
	const tries = 500
	began := time.Now()
	for range tries {
		if err := d.Permit(t.Context(), actor, "break"); acts.CodeOf(err) != acts.NotAllowed {
			t.Fatal(err)
		}
	}
	count := func() (of int, newest audit.Record) {
		t.Helper()
		records, err := trail.List(t.Context(), audit.Filter{Account: actor.Account})
		if err != nil || len(records) == 0 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		return len(records), records[0]
	}
	if n, _ := count(); n > 30+1+int(time.Since(began)/(2*time.Second)) || n < 20 {
		t.Errorf("%d refusals left %d records", tries, n)
	}
	other := actor
	other.Account = "adam"
	if err := d.Permit(t.Context(), other, "break"); acts.CodeOf(err) != acts.NotAllowed {
		t.Fatal(err)
	}
	if records, err := trail.List(t.Context(), audit.Filter{Account: other.Account}); err != nil || len(records) != 1 {
		t.Errorf("another account left %d records, %v", len(records), err)
	}
	before, _ := count()
	deadline, tick := time.After(20*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		if err := d.Permit(t.Context(), actor, "break"); acts.CodeOf(err) != acts.NotAllowed {
			t.Fatal(err)
		}
		n, newest := count()
		if n > before {
			if !strings.Contains(newest.Detail, "more were not done and not recorded") {
				t.Errorf("the next record says %q", newest.Detail)
			}
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the account leaves no record any more")
		}
	}
}

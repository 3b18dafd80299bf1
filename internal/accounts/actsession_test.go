package accounts

import (
	"slices"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
)

func TestOneSignsOutEverywhereElse(t *testing.T) {
	h := newHouse(t)
	first, second, mine := h.enter(officer, "SHA256:x"), h.enter(officer, ""), h.enter(officer, "")
	bosses := h.enter(boss, "")
	list, err := h.OwnSessions(ctx, mine)
	if err != nil || len(list) != 3 || list[0].Key != "SHA256:x" || list[0].Here || !list[2].Here || list[2].From != officer.From {
		t.Fatalf("%+v, %v", list, err)
	}
	change, err := h.EndOtherSessions(ctx, mine)
	if err != nil || change.Ended != 2 {
		t.Fatalf("%+v, %v", change, err)
	}
	if ended := sorted(h.ended); !slices.Equal(ended, []uint64{first.Session, second.Session}) || !h.table.While(bosses.Session, func() {}) {
		t.Errorf("ended %v", ended)
	}
	if list, err := h.OwnSessions(ctx, mine); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if got := h.records(t, audit.Done); !slices.Equal(got, []string{"anna: account sign-out anna"}) {
		t.Errorf("records %q", got)
	}
	_, err = h.EndOtherSessions(ctx, atHome)
	refused(t, err, acts.NotFound, "no account")
}

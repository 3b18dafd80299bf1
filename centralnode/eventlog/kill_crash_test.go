package eventlog

import (
	"testing"
	"time"
)

// rounds runs counted rounds of crashes, each with a check, and reports.
func (h *harness) rounds(wanted int) {
	h.t.Helper()
	counted := 0
	for counted < wanted {
		enough := roundAcks
		if h.rng.IntN(4) == 0 {
			enough = 1 // an early crash
		}
		got := h.round(enough, time.Duration(h.rng.Int64N(int64(200*time.Millisecond))))
		h.recovered()
		if got >= roundAcks {
			counted++
		}
		if h.rng.IntN(4) == 0 {
			h.interrupt(time.Duration(h.rng.Int64N(int64(400 * time.Millisecond))))
		}
		h.verify()
	}
}

// TestNothingAcknowledgedIsLostByKill kills the process with SIGKILL at random
// moments under load.
func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	acked := 0
	for range 8 {
		h := newHarness(t, t.TempDir(), t.TempDir(), 1<<30, false)
		h.rounds(5)
		acked += h.acked
	}
	t.Logf("40 rounds, %d packages acknowledged", acked)
}

// TestNothingAcknowledgedIsLostByKillWhileOldEventsGo does the same while
// checkpoints are made and old packages removed without pause.
func TestNothingAcknowledgedIsLostByKillWhileOldEventsGo(t *testing.T) {
	h := newHarness(t, t.TempDir(), t.TempDir(), 1<<30, true)
	h.rounds(12)
	t.Logf("12 rounds, %d packages acknowledged", h.acked)
}

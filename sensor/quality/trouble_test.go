package quality

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// TestTroubleBeforeARestartIsToldToBeOver ends a Sensor on a line that loses too
// much, and begins another on the same line, mended.
func TestTroubleBeforeARestartIsToldToBeOver(t *testing.T) {
	n, kept := newNetwork(7), &memory{}
	n.set(0.3, 0, 20*time.Millisecond)
	w := start(t, n, func(c *Config) { c.Store = kept })
	w.pass(3 * time.Minute)
	w.stop()
	for _, want := range [][]told{{{acts.LimitLoss, acts.VerdictUnknown, acts.VerdictOK}}, nil} {
		now := n.now
		n = newNetwork(8)
		n.now = now
		n.set(0, 0, 20*time.Millisecond)
		w = start(t, n, func(c *Config) { c.Store = kept })
		w.pass(3 * time.Minute)
		w.stop()
		loss := slices.DeleteFunc(slices.Clone(w.changes), func(c told) bool { return c.limit != acts.LimitLoss })
		if !slices.Equal(loss, want) {
			t.Errorf("told %v, want %v", loss, want)
		}
	}
}

// TestASmallChannelDoesNotHideTheHistory has a channel that is always too small
// for its SPAN traffic.
func TestASmallChannelDoesNotHideTheHistory(t *testing.T) {
	n, folder := newNetwork(8), t.TempDir()
	counter := filepath.Join(folder, "eth1", "statistics", "rx_bytes")
	if err := os.MkdirAll(filepath.Dir(counter), 0o700); err != nil {
		t.Fatal(err)
	}
	count := func(bytes int) {
		t.Helper()
		if err := os.WriteFile(counter, []byte(strconv.Itoa(bytes)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count(0)
	w := start(t, n, func(c *Config) { c.Spans, c.SpanFolder, c.Capacity = []string{"eth1"}, folder, 1000 })
	defer w.stop()
	n.set(0, 0, 20*time.Millisecond)
	for i := range 180 {
		count(1e6 * i)
		w.pass(time.Second)
	}
	look := w.Look()
	if look.Verdict != acts.VerdictWarning {
		t.Fatalf("the link is %s", look.Verdict)
	}
	if next := look.Limits[4].Next(); !strings.Contains(next, "correct channel_capacity_mbit") {
		t.Errorf("what to do about a configured capacity: %q", next)
	}
	all := w.History(time.Time{}, time.Time{})
	if last := all[len(all)-1]; last.Verdict != acts.VerdictOK {
		t.Errorf("its last minute is %s", last.Verdict)
	}
}

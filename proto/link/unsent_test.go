package link

import (
	"testing"
	"time"
)

func TestUnsentBytesFollowTheRateOfBusyLanes(t *testing.T) {
	busy := func(mbit uint64) TCP { return TCP{DeliveryRate: mbit * 1e6} }
	limit, changes := startUnsent, 0
	for _, c := range []struct {
		rate uint64 // Mbit/s
		want int
	}{
		{20, startUnsent}, {25, startUnsent}, {15, startUnsent}, // near enough
		{2, leastUnsent}, {1, leastUnsent}, {3, leastUnsent},
		{100, 625_000}, {90, 625_000}, {110, 625_000},
		{5000, mostUnsent}, {4000, mostUnsent},
	} {
		next, changed := unsentLimit(limit, busy(c.rate), time.Second, time.Second)
		if next != c.want || changed != (next != limit) {
			t.Errorf("%d Mbit/s: %d after %d, want %d", c.rate, next, limit, c.want)
		}
		if limit = next; changed {
			changes++
		}
	}
	if changes != 3 {
		t.Errorf("%d system calls", changes)
	}
	if next, changed := unsentLimit(startUnsent, busy(1), time.Second/4, time.Second); changed {
		t.Errorf("an idle lane's limit becomes %d", next)
	}
	if _, changed := unsentLimit(startUnsent, TCP{}, time.Second, time.Second); changed {
		t.Error("a lane of unknown rate gets another limit")
	}
}

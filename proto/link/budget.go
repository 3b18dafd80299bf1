package link

import "time"

// bucket is a budget of events: burst at once, rate a second.
type bucket struct {
	burst, rate, level float64
	last               time.Duration
}

func newBucket(burst, rate float64) bucket { return bucket{burst: burst, rate: rate, level: burst} }

// take spends one event and says whether the budget had it.
func (b *bucket) take(now time.Duration) bool {
	b.level = min(b.burst, b.level+b.rate*(now-b.last).Seconds())
	b.last = now
	b.level--
	return b.level >= 0
}

// spare spends one event if the budget has it.
func (b *bucket) spare(now time.Duration) bool {
	b.level = min(b.burst, b.level+b.rate*(now-b.last).Seconds())
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

// The opens of a link: what the accepting end allows, and what the dialing end does, so that a crowd of agents cannot make
// it break the limit. Beyond that rate come, at worst, all streams that are on their way, each twice when a lane dies.
const (
	openRate  = 10_000 // a second
	openPace  = 9_000
	openBurst = 100
)

// The allowance of a stream direction, in bytes and bytes a second.
const (
	allowanceCap   = 16 << 10
	allowanceStart = 4 << 10 // a thousand agents that reconnect must not fill the small lanes
	allowanceSlow  = 4 << 10
	allowanceFast  = 16 << 10
	allowanceSpan  = 10 * time.Second // over which the recent rate is taken
)

// allowance says whether a stream direction is interactive: its backlog fits what it has saved. Savings grow at twice its
// recent rate, within bounds (at once its rate a steady stream would never save up for its next request), so that each package on a kept connection counts anew and a long transfer stays bulk.
type allowance struct {
	saved, rate float32
	last        time.Duration
}

func (a *allowance) refill(now time.Duration) {
	dt := float32((now - a.last).Seconds())
	if dt <= 0 {
		return
	}
	a.last = now
	a.saved = min(allowanceCap, a.saved+dt*min(max(2*a.rate, allowanceSlow), allowanceFast))
	a.rate *= max(0, 1-dt/float32(allowanceSpan.Seconds()))
}

// interactive judges a backlog of n bytes.
func (a *allowance) interactive(n uint64, now time.Duration) bool {
	a.refill(now)
	return float32(n) <= a.saved
}

// spend notes that n bytes were sent. Debt is bounded, so that a stream that pauses is soon interactive again.
func (a *allowance) spend(n int, now time.Duration) {
	a.refill(now)
	a.saved = max(-allowanceCap, a.saved-float32(n))
	a.rate += float32(n) / float32(allowanceSpan.Seconds())
}

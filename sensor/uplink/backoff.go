package uplink

import (
	"context"
	"math/rand/v2"
	"time"
)

// timings are all the waits of an uplink.
type timings struct {
	dial      time.Duration // for TCP and TLS together
	authorise time.Duration // from the Introduction to the Authorisation
	policy    time.Duration // for each message while the policy is awaited
	drain     time.Duration // for a link whose Central Node takes nothing new, before it is given up
	gone      time.Duration // for a link that the Central Node does not know any more to hear why
	report    time.Duration // between two Reports

	link backoff // between links
	lane backoff // between connections for one place of a lane, after the first, which comes at once
	// slow is for what a person has to change before another link can be of use,
	// distant for a Central Node that does not want to be asked soon.
	slow, distant time.Duration
	// A link that has carried agents, or a lane that has lived, for so long
	// starts the back-off anew.
	carried, lived time.Duration
}

var usualTimings = timings{
	dial: 10 * time.Second, authorise: 10 * time.Second, policy: 30 * time.Second, drain: 30 * time.Second, gone: time.Second, report: 5 * time.Second,
	link: backoff{100 * time.Millisecond, 5 * time.Second}, lane: backoff{200 * time.Millisecond, 5 * time.Second},
	slow: 5 * time.Second, distant: 30 * time.Second,
	carried: 10 * time.Second, lived: time.Second,
}

// backoff is a wait that doubles from first to most.
type backoff struct{ first, most time.Duration }

// wait is the pause after fault number n, from 0.
func (b backoff) wait(n int) time.Duration {
	d := b.most
	if n < 20 {
		d = min(b.first<<n, b.most)
	}
	return jitter(d)
}

// jitter takes up to half of a wait off, so that many Sensors do not come at
// the same moment.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// later adds up to a quarter to a wait that must not be shorter.
func later(d time.Duration) time.Duration { return d + rand.N(d/4+1) }

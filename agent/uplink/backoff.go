package uplink

import (
	"math/rand/v2"
	"time"
)

// maxSpread bounds the random part on top of a server's Retry-After.
const maxSpread = 30 * time.Second

// Backoff says how long to wait after faults. Every wait has a random part: the
// agents of a server are cut at one moment and must not come back at one. The
// zero value means the defaults.
type Backoff struct {
	First   time.Duration // doubled each time; 1 s
	Refused time.Duration // bound after a refusal of the agent's identity; 30 s
	Most    time.Duration // bound after anything else; 60 s
	// Cut bounds the random time before an agent comes back whose connection the
	// server ended; 2 s.
	Cut time.Duration
}

func (b Backoff) withDefaults() Backoff {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&b.First, time.Second)
	set(&b.Refused, 30*time.Second)
	set(&b.Most, time.Minute)
	set(&b.Cut, 2*time.Second)
	return b
}

// Wait is the pause before try number n (from 0) after a fault.
//
// A server's Retry-After is a least: on top comes up to its half, so that 5 s
// become 5 to 7.5 s, but never less than Cut or more than 30 s of spread. Else
// the pause is between a half and the whole of what doubled n times.
func (b Backoff) Wait(n int, f *Fault) time.Duration {
	b = b.withDefaults()
	if f.RetryAfter > 0 {
		d := min(f.RetryAfter, maxSyncPeriod)
		return d + rand.N(min(max(d/2, b.Cut), maxSpread)+1)
	}
	if f.Code == CodeCut && n == 0 {
		return rand.N(b.Cut)
	}
	most := b.Most
	if f.Refused {
		most = b.Refused
	}
	d := most
	if n < 20 {
		d = min(b.First<<n, most)
	}
	return d/2 + rand.N(d/2+1)
}

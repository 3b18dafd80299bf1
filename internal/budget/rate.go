package budget

import (
	"container/list"
	"sync"
	"time"
)

// Rate is a token bucket for every key, of which it remembers only so many: the
// one not used for longest makes room. A key that was forgotten begins with a
// full bucket, so someone with more addresses than Rate remembers is not held
// by it; put a bound on all of them together beside it.
//
// A bucket is one point in time, the one at which it will be full again (the
// generic cell rate algorithm): a token moves that point by one period, giving
// it back moves it the other way.
type Rate[K comparable] struct {
	period time.Duration
	burst  time.Duration // burst tokens, as the time to gain them
	max    int
	now    func() time.Time

	mu      sync.Mutex
	buckets map[K]*list.Element
	order   *list.List // of *bucket[K], most recently used first
}

type bucket[K comparable] struct {
	key  K
	full time.Time
}

// NewRate returns buckets that hold burst tokens and gain one in each period,
// for at most max keys.
func NewRate[K comparable](period time.Duration, burst, max int, now func() time.Time) *Rate[K] {
	return &Rate[K]{
		period: period, burst: time.Duration(burst) * period, max: max, now: now,
		buckets: make(map[K]*list.Element), order: list.New(),
	}
}

// Allow takes a token of the key. When there is none it says how long until
// there will be one; asking does not make that longer.
func (r *Rate[K]) Allow(key K) (wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	b := r.bucket(key)
	switch debt := b.full.Sub(now); {
	case debt < 0:
		b.full = now
	case debt > r.burst: // the clock was set back
		b.full = now.Add(r.burst)
	}
	if wait := b.full.Add(r.period).Sub(now) - r.burst; wait > 0 {
		return wait, false
	}
	b.full = b.full.Add(r.period)
	return 0, true
}

// Refund gives a token of the key back.
func (r *Rate[K]) Refund(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.buckets[key]; ok {
		b := e.Value.(*bucket[K])
		b.full = b.full.Add(-r.period)
	}
}

// Forget gives the key a full bucket again.
func (r *Rate[K]) Forget(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.buckets[key]; ok {
		r.order.Remove(e)
		delete(r.buckets, key)
	}
}

// Len is how many keys are remembered.
func (r *Rate[K]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order.Len()
}

// bucket finds or makes the bucket of a key. The caller holds mu.
func (r *Rate[K]) bucket(key K) *bucket[K] {
	if e, ok := r.buckets[key]; ok {
		r.order.MoveToFront(e)
		return e.Value.(*bucket[K])
	}
	if r.order.Len() >= r.max {
		oldest := r.order.Back()
		r.order.Remove(oldest)
		delete(r.buckets, oldest.Value.(*bucket[K]).key)
	}
	b := &bucket[K]{key: key}
	r.buckets[key] = r.order.PushFront(b)
	return b
}

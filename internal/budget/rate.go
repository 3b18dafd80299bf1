package budget

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a token bucket for every key, of which it remembers only so many: the
// one not used for longest makes room. A key that was forgotten begins with a
// full bucket, so someone with more addresses than Rate remembers is not held
// by it; put a bound on all of them together beside it.
type Rate[K comparable] struct {
	every time.Duration
	burst int
	max   int
	now   func() time.Time

	mu      sync.Mutex
	buckets map[K]*list.Element
	order   *list.List // of *bucket[K], most recently used first
}

type bucket[K comparable] struct {
	key     K
	limiter *rate.Limiter
}

// NewRate returns buckets that hold burst tokens and gain one in each period,
// for at most max keys.
func NewRate[K comparable](period time.Duration, burst, max int, now func() time.Time) *Rate[K] {
	return &Rate[K]{
		every: period, burst: burst, max: max, now: now,
		buckets: make(map[K]*list.Element), order: list.New(),
	}
}

// Allow takes a token of the key. When there is none it says how long until
// there will be; asking does not make that longer.
func (r *Rate[K]) Allow(key K) (wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	l := r.bucket(key).limiter
	if l.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - l.TokensAt(now)
	return max(time.Duration(missing*float64(r.every)), 1), false
}

// Peek says how long until a token of the key is there, zero if one is. It
// takes none.
func (r *Rate[K]) Peek(key K) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.buckets[key]
	if !ok {
		return 0
	}
	missing := 1 - e.Value.(*bucket[K]).limiter.TokensAt(r.now())
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing*float64(r.every)), 1)
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
	b := &bucket[K]{key: key, limiter: rate.NewLimiter(rate.Every(r.every), r.burst)}
	r.buckets[key] = r.order.PushFront(b)
	return b
}

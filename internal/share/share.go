package share

import (
	"errors"
	"sync"
	"time"
)

// ErrLeft is returned to a waiter that was told to stop waiting.
var ErrLeft = errors.New("stopped waiting for a share of the rate")

// An owner that was away for a moment may catch up slack bytes, or the
// slackPart-th of the bucket where that is more: with few connections and a high
// rate it is away for as long as its goroutines wait for a processor.
const (
	slack     = 128 << 10
	slackPart = 5
)

// Share is a rate that owners share. Its methods may be called from any
// goroutine.
type Share[O comparable] struct {
	now  func() time.Time
	rate float64 // bytes a second
	most int     // bytes that the bucket holds

	mu     sync.Mutex
	tokens float64
	filled time.Time // when tokens was right
	timer  *time.Timer
	turns  turns[O]
	// last is when somebody last waited; until a bucketful of time later all that
	// is taken counts for its owner.
	last   time.Time
	recent meter
	// held is for how long somebody waited, without the wait that began at since,
	// zero for none.
	held  time.Duration
	since time.Time
}

// New makes a share of bytesPerSecond, at least 1, with a full bucket of burst
// bytes, at least 1. Over any time of t seconds at most bytesPerSecond*t + burst
// are granted.
func New[O comparable](bytesPerSecond uint64, burst int, now func() time.Time) *Share[O] {
	burst = max(burst, 1)
	s := &Share[O]{
		now: now, rate: float64(max(bytesPerSecond, 1)), most: burst,
		tokens: float64(burst), filled: now(), turns: newTurns[O](uint64(max(min(burst, slack), burst/slackPart))),
	}
	s.timer = time.AfterFunc(time.Hour, s.due)
	s.timer.Stop()
	return s
}

// Most is the largest number of bytes that is granted at once. Whoever reads
// more at once passes it on in lumps that the bound of New does not allow for.
func (s *Share[O]) Most() int { return s.most }

// Take returns when n bytes are the owner's. It returns ErrLeft when done is
// closed before; a part of more than Most bytes may then have been taken.
func (s *Share[O]) Take(owner O, n int, done <-chan struct{}) error {
	for n > 0 {
		part := min(n, s.most)
		if err := s.take(owner, part, done); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

func (s *Share[O]) take(owner O, n int, done <-chan struct{}) error {
	s.mu.Lock()
	now := s.fill()
	if s.turns.empty() && s.tokens >= float64(n) {
		if s.tight(now) {
			s.turns.pay(owner, uint64(n))
		}
		s.spend(n, now)
		s.mu.Unlock()
		return nil
	}
	if !s.tight(now) {
		s.turns.forget()
	}
	s.last = now
	w := s.turns.wait(owner, n)
	s.arm(now)
	s.mu.Unlock()

	select {
	case <-w.granted:
		return nil
	case <-done:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.granted:
		return nil // both at once: it is paid for
	default:
	}
	s.last = s.fill()
	s.turns.leave(w)
	s.serve(s.last) // what it waited for may be enough for the next
	return ErrLeft
}

// due serves those whose bytes are there by now.
func (s *Share[O]) due() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.turns.empty() {
		s.last = s.fill()
		s.serve(s.last)
	}
}

// serve grants what there is, in turn. It needs mu and a filled bucket.
func (s *Share[O]) serve(now time.Time) {
	for !s.turns.empty() && s.tokens >= float64(s.turns.first()) {
		s.spend(s.turns.grant(), now)
	}
	s.arm(now)
}

// arm sets the timer to when there is enough for the next, and notes whether
// anybody waits. It needs mu.
func (s *Share[O]) arm(now time.Time) {
	if s.turns.empty() {
		s.timer.Stop()
		if !s.since.IsZero() {
			s.held, s.since = s.held+now.Sub(s.since), time.Time{}
		}
		return
	}
	if s.since.IsZero() {
		s.since = now
	}
	missing := float64(s.turns.first()) - s.tokens
	s.timer.Reset(max(time.Duration(missing/s.rate*float64(time.Second)), 0) + 1) // the bytes are there, not almost there
}

// fill adds what has come since the last time. It needs mu.
func (s *Share[O]) fill() time.Time {
	now := s.now()
	if passed := now.Sub(s.filled); passed > 0 {
		s.tokens = min(s.tokens+passed.Seconds()*s.rate, float64(s.most))
		s.filled = now
	}
	return now
}

// spend needs mu.
func (s *Share[O]) spend(n int, now time.Time) {
	s.tokens -= float64(n)
	s.recent.add(now, n)
}

// tight says whether somebody waits, or did moments ago. It needs mu.
func (s *Share[O]) tight(now time.Time) bool {
	return !s.turns.empty() || !s.last.IsZero() && now.Sub(s.last).Seconds() < float64(s.most)/s.rate
}

// Rate is how many bytes were granted over the last second.
func (s *Share[O]) Rate() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent.sum(s.now())
}

// HeldFor is for how long, in all, somebody has waited.
func (s *Share[O]) HeldFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		return s.held
	}
	return s.held + max(s.now().Sub(s.since), 0)
}

// Held reports whether somebody had to wait within the last second.
func (s *Share[O]) Held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.turns.empty() || !s.last.IsZero() && s.now().Sub(s.last) < time.Second
}

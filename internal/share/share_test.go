package share_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vedette/internal/share"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grant is bytes that somebody may pass on.
type grant struct {
	at time.Time
	n  int
}

type record struct {
	mu  sync.Mutex
	all []grant
}

func (r *record) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, grant{time.Now(), n})
}

// worst is the most that was granted within any second.
func (r *record) worst() (worst int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum, oldest := 0, 0
	for _, g := range r.all {
		for sum += g.n; g.at.Sub(r.all[oldest].at) >= time.Second; oldest++ {
			sum -= r.all[oldest].n
		}
		worst = max(worst, sum)
	}
	return worst
}

// pull takes pieces as fast as it can until done, each after a pause, and
// returns how many bytes it got.
func pull(s *share.Share[string], owner string, piece int, pause time.Duration, done <-chan struct{}, r *record) (got int) {
	for s.Take(owner, piece, done) == nil {
		got += piece
		r.add(piece)
		if pause == 0 {
			continue // a timer due at once crashes a race-enabled bubble now and then: Go runs it beside others of the bubble's
		}
		select {
		case <-done:
			return got
		case <-time.After(pause):
		}
	}
	return got
}

func TestNoSecondHasMoreThanTheRateAndTheBurst(t *testing.T) {
	for _, rate := range []int{12_500, 1_250_000, 125_000_000} {
		synctest.Test(t, func(t *testing.T) {
			burst := rate / 20
			s := share.New[string](uint64(rate), burst, time.Now)
			var all sync.WaitGroup
			var r record
			done := make(chan struct{})
			<-time.After(3 * time.Second) // a full bucket is never more than full
			for i := range 7 {
				piece := min(burst, 1<<14) * (i + 1) / 7
				all.Go(func() { pull(s, string(rune('a'+i)), piece, time.Duration(i)*time.Microsecond, done, &r) })
			}
			<-time.After(4 * time.Second)
			if got := s.Rate(); float64(got) > 1.05*float64(rate) || float64(got) < 0.95*float64(rate) || !s.Held() {
				t.Errorf("rate %d: %d over the last second, held %v", rate, got, s.Held())
			}
			close(done)
			all.Wait()
			if worst := r.worst(); worst > rate+burst || worst < rate {
				t.Errorf("rate %d: %d bytes within one second", rate, worst)
			}
		})
	}
}

func TestRateAndHeldTellOfTheLastSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[string](1000, 100, time.Now)
		if err := s.Take("a", 100, nil); err != nil || s.Rate() != 100 || s.Held() {
			t.Fatalf("rate %d, held %v, %v", s.Rate(), s.Held(), err)
		}
		if err := s.Take("a", 50, nil); err != nil || s.Rate() != 150 || !s.Held() {
			t.Fatalf("after a wait: rate %d, held %v, %v", s.Rate(), s.Held(), err)
		}
		<-time.After(1100 * time.Millisecond)
		if s.Rate() != 0 || s.Held() {
			t.Fatalf("a second later: rate %d, held %v", s.Rate(), s.Held())
		}
	})
}

func TestHeldForIsTheTimeInWhichSomebodyWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[string](1000, 1000, time.Now)
		if err := s.Take("a", 1000, nil); err != nil || s.HeldFor() != 0 {
			t.Errorf("nobody waited, for %v, %v", s.HeldFor(), err)
		}
		var waiting sync.WaitGroup
		for _, owner := range []string{"a", "b"} { // two at once wait for half a second each, one after the other
			waiting.Go(func() {
				if err := s.Take(owner, 500, nil); err != nil {
					t.Error(err)
				}
			})
		}
		<-time.After(200 * time.Millisecond)
		if got := s.HeldFor(); got != 200*time.Millisecond {
			t.Errorf("somebody has waited for %v", got)
		}
		waiting.Wait()
		<-time.After(time.Minute)
		if got := s.HeldFor(); got < time.Second || got > time.Second+time.Microsecond {
			t.Errorf("they waited for %v", got)
		}
		done := make(chan struct{})
		close(done)
		if err := s.Take("a", 1000, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Take("a", 1000, done); !errors.Is(err, share.ErrLeft) {
			t.Errorf("left with %v", err)
		}
		before := s.HeldFor()
		<-time.After(time.Second)
		if got := s.HeldFor(); got != before {
			t.Errorf("who left still waits: %v, then %v", before, got)
		}
	})
}

func TestOwnersShareWhateverTheirConnections(t *testing.T) {
	type owner struct {
		conns, piece int
		pause        time.Duration
	}
	for name, owners := range map[string]map[string]owner{
		"50 against 5":               {"a": {50, 1 << 14, 0}, "b": {5, 1 << 14, 0}},
		"50 against 1":               {"a": {50, 1 << 14, 0}, "b": {1, 1 << 14, 0}},
		"small reads against large":  {"a": {20, 1 << 14, 0}, "b": {20, 300, 0}},
		"one that is away to read":   {"a": {50, 1 << 14, time.Microsecond}, "b": {2, 1 << 14, 800 * time.Microsecond}},
		"three, one hardly connects": {"a": {9, 1 << 14, 0}, "b": {9, 1000, 0}, "c": {1, 1 << 14, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const rate = 25_000_000
				s := share.New[string](rate, rate/20, time.Now)
				var mu sync.Mutex
				var all sync.WaitGroup
				var r record
				got, done := map[string]int{}, make(chan struct{})
				for name, o := range owners {
					for range o.conns {
						all.Go(func() {
							n := pull(s, name, o.piece, o.pause, done, &r)
							mu.Lock()
							defer mu.Unlock()
							got[name] += n
						})
					}
				}
				<-time.After(2 * time.Second)
				close(done)
				all.Wait()
				total := 0
				for _, n := range got {
					total += n
				}
				if total < 2*rate {
					t.Errorf("only %d bytes: the rate is not used up", total)
				}
				for name, n := range got {
					if fair := total / len(owners); n < fair*8/10 || n > fair*12/10 {
						t.Errorf("%s got %d, its share is %d: %v", name, n, fair, got)
					}
				}
			})
		})
	}
}

func TestConnectionsOfOneOwnerTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[string](100_000, 5000, time.Now)
		var all sync.WaitGroup
		var r record
		done, got := make(chan struct{}), make([]int, 8)
		for i := range got {
			all.Go(func() { got[i] = pull(s, "a", 1000, 0, done, &r) })
		}
		<-time.After(4 * time.Second)
		close(done)
		all.Wait()
		for i, n := range got {
			if n < 40_000 || n > 60_000 { // the first bucketful goes to whoever is first
				t.Errorf("connection %d got %d: %v", i, n, got)
			}
		}
	})
}

func TestWhoLeavesHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[string](1000, 1000, time.Now)
		if err := s.Take("a", 1000, nil); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		left, done := make(chan error, 3), make(chan struct{})
		for _, owner := range []string{"a", "a", "b"} {
			go func() { left <- s.Take(owner, 900, done) }()
		}
		synctest.Wait()
		served := make(chan error)
		go func() { served <- s.Take("a", 10, nil) }()
		synctest.Wait()
		close(done)
		for range 3 {
			if err := <-left; !errors.Is(err, share.ErrLeft) {
				t.Errorf("who left got %v", err)
			}
		}
		if err := <-served; err != nil || time.Since(began) > 11*time.Millisecond {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		if err := s.Take("c", 1, done); err != nil && !errors.Is(err, share.ErrLeft) {
			t.Fatal(err)
		}
		if got := s.Rate(); got > 1011 {
			t.Fatalf("those who left took %d bytes", got)
		}
	})
}

func TestALargeTakeIsNotStarvedBySmallOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[string](10_000, 1000, time.Now)
		var all sync.WaitGroup
		var r record
		done := make(chan struct{})
		for range 30 {
			all.Go(func() { pull(s, "small", 10, 0, done, &r) })
		}
		<-time.After(time.Second)
		began := time.Now()
		if err := s.Take("large", 2500, nil); err != nil || time.Since(began) > 700*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		close(done)
		all.Wait()
	})
}

func TestNewcomersStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[int](1_000_000, 50_000, time.Now)
		var all sync.WaitGroup
		done := make(chan struct{})
		for i := range 20 {
			all.Go(func() { // 20 newcomers at any time, each an owner that was never there
				for owner := i + 1; s.Take(owner, 1000, done) == nil; owner += 20 {
				}
			})
		}
		got := 0
		all.Go(func() {
			for s.Take(0, 1000, done) == nil {
				got += 1000
			}
		})
		<-time.After(4 * time.Second)
		close(done)
		all.Wait()
		if got < 4_000_000/21*8/10 {
			t.Errorf("who was there got %d of 4,000,000", got)
		}
	})
}

func TestOwnersOfThePastAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share.New[int](1_000_000, 1000, time.Now)
		for i := range 100_000 {
			if err := s.Take(i, 100, nil); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.Owners(); n > 1000 {
			t.Fatalf("%d owners are remembered", n)
		}
	})
}

func TestManyMayTakeAtOnce(t *testing.T) {
	s := share.New[int](1<<30, 1<<20, time.Now)
	var all sync.WaitGroup
	done := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { close(done) })
	for i := range 16 {
		all.Go(func() {
			for n := 1; s.Take(i%5, n%(1<<14)+1, done) == nil; n += 997 {
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 100 {
		_, _ = s.Rate(), s.Held()
	}
	all.Wait()
}

func BenchmarkTakeWithoutShortage(b *testing.B) {
	s := share.New[int](1<<40, 1<<30, time.Now)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			_ = s.Take(1, 1<<14, nil)
		}
	})
}

package footprint

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestProcessorsFollowTheLoad(t *testing.T) {
	p := processors{most: 6, now: 1}
	for i, s := range []struct {
		used   float64
		passed time.Duration
		want   int
	}{
		{0.1, look, 1},
		{0.74, look, 1},
		{0.75, look, 2}, // busy: at once
		{1.4, look, 2},
		{1.5, look, 4},
		{3.1, look, 6}, // never more than there are
		{6, look, 6},
		{0.5, patience / 2, 6}, // easy, but not for long enough
		{2, look, 6},           // the time begins anew
		{0.5, patience / 2, 6},
		{0.5, patience / 2, 3},
		{0.1, patience, 2},
		{0.1, patience, 1},
		{0, patience, 1}, // never none
	} {
		if got := p.step(s.used, s.passed); got != s.want {
			t.Fatalf("step %d (%v used for %v): %d processors, want %d", i, s.used, s.passed, got, s.want)
		}
	}
}

func TestSomeGarbageMayAlwaysGather(t *testing.T) {
	for _, s := range []struct {
		least, now int
		marked     uint64
		want       int
	}{
		{100, 100, 4 << 20, 400},
		{100, 400, 5 << 20, 400}, // not worth a change
		{100, 400, 8 << 20, 200},
		{100, 200, 4 << 20, 400},
		{100, 200, 16 << 20, 100},
		{100, 120, 100 << 20, 100}, // as it was set, however little is changed
		{100, 100, 0, 1600},        // nothing was marked yet
		{50, 50, 100 << 20, 50},
		{-1, -1, 4 << 20, -1}, // whoever has turned it off knows why
	} {
		c := collector{least: s.least, now: s.now}
		if got := c.step(s.marked); got != s.want {
			t.Errorf("%d %% (least %d) with %d bytes alive: %d %%, want %d", s.now, s.least, s.marked, got, s.want)
		}
	}
}

func TestSmallProcessIsCollectedSeldom(t *testing.T) {
	before := newCollector().now
	stop := watch(t, cpuTime)
	await(t, "garbage may gather", func() bool { return newCollector().now > before })
	stop()
	if got := newCollector().now; got != before {
		t.Errorf("GOGC is %d at the end, it was %d", got, before)
	}
}

func TestMemoryGoesBackOnceItIsCalm(t *testing.T) {
	holds := func(n uint64) func() uint64 { return func() uint64 { return n } }
	m := memory{kept: 100 << 20}
	for i, s := range []struct {
		used   float64
		passed time.Duration
		holds  uint64
		want   bool
	}{
		{0.01, calmTime - look, 200 << 20, false},
		{0.5, look, 200 << 20, false}, // busy: the time begins anew
		{0.01, calmTime - look, 200 << 20, false},
		{0.01, look, 200 << 20, true},
		{0.01, calmTime, 112 << 20, false}, // not worth it
		{0.01, calmTime, 116 << 20, true},
	} {
		if got := m.step(s.used, s.passed, holds(s.holds)); got != s.want {
			t.Fatalf("step %d: %v, want %v", i, got, s.want)
		}
	}
}

// watch watches over the process until stop. used is the processor's time.
func watch(t *testing.T, used func() time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { keep(ctx, used) })
	return func() { cancel(); running.Wait() }
}

// await polls until ok, for a bounded time.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func TestBusyProcessGetsItsProcessorsBack(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	most, began := runtime.GOMAXPROCS(0), time.Now()
	var busy atomic.Bool
	stop := watch(t, func() time.Duration {
		if busy.Load() {
			return time.Duration(most) * time.Since(began)
		}
		return 0
	})
	await(t, "an idle process runs on one processor", func() bool { return runtime.GOMAXPROCS(0) == 1 })
	busy.Store(true)
	await(t, "a busy one on more", func() bool { return runtime.GOMAXPROCS(0) > 1 })
	stop()
	if got := runtime.GOMAXPROCS(0); got != most {
		t.Errorf("%d processors at the end, it began with %d", got, most)
	}
}

func TestWorkTakesProcessorTime(t *testing.T) {
	before := cpuTime()
	deadline := time.Now().Add(30 * time.Second)
	for cpuTime() < before+10*time.Millisecond {
		if time.Now().After(deadline) {
			t.Fatal("a process that works takes no time")
		}
	}
}

func TestGarbageOfAStormGoesBack(t *testing.T) {
	storm := make([][]byte, 64)
	for i := range storm {
		storm[i] = make([]byte, 1<<20)
		for j := range storm[i] {
			storm[i][j] = 1
		}
	}
	held := resident()
	runtime.KeepAlive(storm)
	storm = nil
	defer watch(t, func() time.Duration { return 0 })()
	await(t, "the memory is given back", func() bool { return resident() < held-32<<20 })
}

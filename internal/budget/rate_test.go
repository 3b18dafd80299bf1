package budget_test

import (
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/internal/budget"
)

// clock is a time that stands still unless moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestARateGivesItsBurstThenOneToken(t *testing.T) {
	c := newClock()
	r := budget.NewRate[string](time.Second, 3, 10, c.Now)
	for range 3 {
		if wait, ok := r.Allow("a"); !ok || wait != 0 {
			t.Fatalf("within the burst: %v, %v", wait, ok)
		}
	}
	for range 2 { // asking costs nothing
		if wait, ok := r.Allow("a"); ok || wait != time.Second {
			t.Fatalf("after the burst: %v, %v", wait, ok)
		}
	}
	if _, ok := r.Allow("b"); !ok {
		t.Error("another key had to wait")
	}
	c.advance(time.Second - 1)
	if wait, ok := r.Allow("a"); ok || wait != 1 {
		t.Errorf("just before: %v, %v", wait, ok)
	}
	c.advance(1)
	if _, ok := r.Allow("a"); !ok {
		t.Error("no token after the wait")
	}
	r.Refund("a")
	if _, ok := r.Allow("a"); !ok {
		t.Error("no token after a refund")
	}
	r.Forget("a")
	for range 3 {
		if _, ok := r.Allow("a"); !ok {
			t.Error("a forgotten key has no full bucket")
		}
	}
	c.advance(-time.Hour)
	if wait, ok := r.Allow("a"); ok || wait > time.Second {
		t.Errorf("after the clock was set back an hour: %v, %v", wait, ok)
	}
}

// TestARateAgreesWithACountOfTokens compares with the textbook bucket.
func TestARateAgreesWithACountOfTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		burst := rapid.IntRange(1, 5).Draw(t, "burst")
		r := budget.NewRate[int](time.Second, burst, 2, c.Now)
		tokens := time.Duration(burst) * time.Second // in nanoseconds of refill
		full := tokens
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			d := time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "advance"))
			c.advance(d)
			tokens = min(tokens+d, full)
			if rapid.IntRange(0, 4).Draw(t, "act") == 0 {
				r.Refund(0)
				tokens = min(tokens+time.Second, full)
				continue
			}
			wait, ok := r.Allow(0)
			if want := tokens >= time.Second; ok != want {
				t.Fatalf("Allow = %v with %v of tokens", ok, tokens)
			}
			if ok {
				tokens -= time.Second
			} else if wait != time.Second-tokens {
				t.Fatalf("wait %v with %v of tokens", wait, tokens)
			}
		}
	})
}

func TestAMillionAddressesTakeBoundedMemory(t *testing.T) {
	c := newClock()
	const kept = 10_000
	r := budget.NewRate[netip.Prefix](time.Second, 1, kept, c.Now)
	address := func(i int) netip.Prefix {
		return budget.Network(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	before := heap()
	for i := range 1_000_000 {
		if _, ok := r.Allow(address(i)); !ok {
			t.Fatalf("address %d had no token", i)
		}
	}
	if n := r.Len(); n != kept {
		t.Errorf("%d addresses are remembered, want %d", n, kept)
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("memory grew by %d KiB", grown>>10)
	}
	if _, ok := r.Allow(address(999_999)); ok {
		t.Error("the latest address was forgotten")
	}
	runtime.KeepAlive(r)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestNetworks(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7/32",
		"::ffff:192.0.2.7":     "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
	} {
		if got := budget.Network(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("Network(%s) = %s, want %s", in, got, want)
		}
	}
	if got := budget.Network(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address: %v", got)
	}
}

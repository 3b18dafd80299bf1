package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

// counted replaces the derivation by one that counts and notes its parameters.
func counted(a *Accounts) (count *atomic.Int64, seen *sync.Map) {
	count, seen = new(atomic.Int64), new(sync.Map)
	a.hasher.derive = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		count.Add(1)
		seen.Store([4]uint32{time, memory, uint32(threads), uint32(len(salt))}, true)
		return argon2.IDKey(password, salt, time, memory, threads, size)
	}
	return count, seen
}

func TestUnknownNamesCostTheSameWork(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	count, seen := counted(a)
	for i, tt := range []struct{ name, password string }{
		{"admin", "wrong"}, {"admin", good}, {"nobody", "wrong"}, {"", ""}, {"no/such\x00name", "x"},
		{strings.Repeat("n", 1<<16), "x"}, {"admin", strings.Repeat("x", 1<<20)}, {"local", good},
	} {
		count.Store(0)
		_, err := a.Verify(ctx, tt.name, tt.password, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		if count.Load() != 1 {
			t.Errorf("case %d: %d derivations, want 1", i, count.Load())
		}
		if i != 1 && err != ErrRefused {
			t.Errorf("case %d: %v, want exactly ErrRefused", i, err)
		}
	}
	kinds := 0
	seen.Range(func(any, any) bool { kinds++; return true })
	if kinds != 1 {
		t.Errorf("derivations of %d different costs", kinds)
	}
}

func TestTenThousandGuessesVerifyAtMostTwenty(t *testing.T) {
	for _, tt := range []struct {
		name string
		from func(i int) netip.Addr
		who  func(i int) string
		most int64
	}{
		{"one address, one name", func(int) netip.Addr { return office }, func(int) string { return "admin" }, 5},
		{"one address, many names", func(int) netip.Addr { return office }, func(i int) string { return fmt.Sprint("user", i) }, 20},
		{"one IPv6 network", func(i int) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		}, func(int) string { return "admin" }, 5},
		{"an address for each guess", func(i int) netip.Addr {
			return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		}, func(int) string { return "admin" }, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, c, _ := newAccounts(t)
			create(t, a, "admin")
			count, _ := counted(a)
			for i := range 10_000 {
				_, err := a.Verify(ctx, tt.who(i), "guess", tt.from(i))
				var backoff *BackoffError
				if !errors.Is(err, ErrRefused) && !(errors.As(err, &backoff) && backoff.Wait > 0) {
					t.Fatalf("guess %d: %v", i, err)
				}
			}
			if count.Load() > tt.most {
				t.Errorf("%d guesses were checked, at most %d", count.Load(), tt.most)
			}
			// The console and an address that signed in before are not in
			// that queue.
			for _, addr := range []string{"127.0.0.1", "::1", ""} {
				from, _ := netip.ParseAddr(addr)
				if _, err := a.Verify(ctx, "admin", good, from); err != nil {
					t.Errorf("the console (%q) is locked out: %v", addr, err)
				}
			}
			c.advance(time.Hour)
			home := netip.MustParseAddr("198.51.100.9")
			if _, err := a.Verify(ctx, "admin", good, home); err != nil {
				t.Fatal(err)
			}
			for i := range 1000 {
				_, _ = a.Verify(ctx, tt.who(i), "guess", tt.from(i)) // all refused one way or the other
			}
			if _, err := a.Verify(ctx, "admin", good, home); err != nil {
				t.Errorf("an address that signed in before is locked out: %v", err)
			}
		})
	}
}

func TestTheRightPasswordIsNotTriedDuringTheBackoff(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "admin")
	for range pairBurst {
		if _, err := a.Verify(ctx, "admin", "guess", office); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	_, err := a.Verify(ctx, "admin", good, office)
	var backoff *BackoffError
	if !errors.As(err, &backoff) || backoff.Wait != pairPeriod {
		t.Fatalf("during the back-off: %v", err)
	}
	if _, err := a.Verify(ctx, "admin", good, netip.MustParseAddr("192.0.2.2")); err != nil {
		t.Errorf("another address: %v", err)
	}
	c.advance(backoff.Wait - 1)
	if _, err := a.Verify(ctx, "admin", good, office); !errors.As(err, &backoff) || backoff.Wait != 1 {
		t.Errorf("one nanosecond early: %v", err)
	}
	c.advance(1)
	if _, err := a.Verify(ctx, "admin", good, office); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestManySignInsInARowAreNotBraked(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	for i := range 200 {
		if _, err := a.Verify(ctx, "admin", good, office); err != nil {
			t.Fatalf("sign-in %d: %v", i, err)
		}
	}
}

func TestOneStrangerIsCheckedAtATimeAndTheConsoleDoesNotWait(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	var running, most atomic.Int64
	started, let := make(chan struct{}, 100), make(chan struct{})
	a.hasher.derive = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		if string(password) != good {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			started <- struct{}{}
			<-let
		}
		return argon2.IDKey(password, salt, time, memory, threads, size)
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if _, err := a.Verify(ctx, "admin", "guess", netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})); !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
	<-started
	if _, err := a.Verify(ctx, "admin", good, netip.IPv6Loopback()); err != nil {
		t.Errorf("the console: %v", err)
	}
	late, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := a.Verify(late, "admin", good, office); !errors.Is(err, context.Canceled) {
		t.Errorf("who hangs up while waiting: %v", err)
	}
	close(let)
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d checks of strangers at once", most.Load())
	}
}

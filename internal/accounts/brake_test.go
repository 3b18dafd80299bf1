package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
)

// held has every derivation wait until let is closed. The hasher is a new one,
// since its gates are to be of the bubble in which the test runs.
func held(a *Accounts) (let chan struct{}, count *atomic.Int64) {
	let, count = make(chan struct{}), new(atomic.Int64)
	a.hasher = newHasher(cheap)
	a.hasher.derive = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		count.Add(1)
		<-let
		return argon2.IDKey(password, salt, time, memory, threads, size)
	}
	return let, count
}

// together tries passwords at once and returns the errors.
func together(a *Accounts, passwords []string, from func(i int) netip.Addr, name func(i int) string) <-chan error {
	results := make(chan error, len(passwords))
	for i, password := range passwords {
		go func() {
			_, err := a.Verify(ctx, name(i), password, from(i))
			results <- err
		}()
	}
	return results
}

func same[T any](v T) func(int) T { return func(int) T { return v } }

func many(password string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = password
	}
	return out
}

func TestSignInsAtOnceWithTheRightPasswordAreAllLetIn(t *testing.T) {
	for name, before := range map[string]int{"never signed in before": 0, "signed in before": 1} {
		t.Run(name, func(t *testing.T) {
			a, _, _ := newAccounts(t)
			create(t, a, "admin")
			for range before {
				if _, err := a.Verify(ctx, "admin", good, office); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				let, _ := held(a)
				const n = 30
				results := together(a, many(good, n), same(office), same("admin"))
				synctest.Wait() // all are checked or wait
				if len(results) > 0 {
					t.Fatalf("refused before anything was known: %v", <-results)
				}
				close(let)
				for range n {
					if err := <-results; err != nil {
						t.Error(err)
					}
				}
			})
			if len(a.brake.ofPair)+len(a.brake.ofNetwork) != 0 {
				t.Error("the brake counts checks that have ended")
			}
		})
	}
}

func TestPeopleOfOneNetworkSignInAtOnce(t *testing.T) {
	a, c, _ := newAccounts(t)
	const n = networkBurst + 10
	name := func(i int) string { return fmt.Sprint("user", i) }
	for i := range n {
		create(t, a, name(i))
		c.advance(time.Second)
		if _, err := a.Verify(ctx, name(i), good, office); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		let, _ := held(a)
		results := together(a, many(good, n), same(office), name)
		synctest.Wait()
		close(let)
		for range n {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWrongPasswordsAtOnceAreNotCheckedMoreOften(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	synctest.Test(t, func(t *testing.T) {
		let, count := held(a)
		const n = 16
		results := together(a, many("guess", n), same(office), same("admin"))
		synctest.Wait()
		close(let)
		refused := 0
		for range n {
			var backoff *BackoffError
			switch err := <-results; {
			case errors.As(err, &backoff) && backoff.Wait == pairPeriod:
			case err == ErrRefused:
				refused++
			default:
				t.Error(err)
			}
		}
		if refused != pairBurst || count.Load() != pairBurst {
			t.Errorf("%d told that it is wrong, %d checked, want %d", refused, count.Load(), pairBurst)
		}
		// A right one now is one too many.
		if _, err := a.Verify(ctx, "admin", good, office); !errors.As(err, new(*BackoffError)) {
			t.Errorf("then: %v", err)
		}
	})
}

func TestWaitingForOthersChecksIsBounded(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	synctest.Test(t, func(t *testing.T) {
		let, count := held(a)
		results := together(a, many(good, pairBurst+waitingTogether), same(office), same("admin"))
		synctest.Wait()
		var backoff *BackoffError
		if _, err := a.Verify(ctx, "admin", good, office); !errors.As(err, &backoff) {
			t.Errorf("one more than may wait: %v", err)
		}
		// Somebody else's checks are no reason to wait.
		elsewhere, cancel := context.WithCancel(ctx)
		other := make(chan error, 1)
		go func() {
			_, err := a.Verify(elsewhere, "admin", good, netip.MustParseAddr("192.0.2.2"))
			other <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-other; !errors.Is(err, context.Canceled) {
			t.Errorf("who hangs up: %v", err)
		}
		began := time.Now()
		for range waitingTogether {
			if err := <-results; !errors.As(err, &backoff) {
				t.Errorf("who waited in vain: %v", err)
			}
		}
		if waited := time.Since(began); waited != waitingMost || len(results) > 0 {
			t.Errorf("they waited %v, %d further answers", waited, len(results))
		}
		close(let)
		for range pairBurst {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if count.Load() != pairBurst {
			t.Errorf("%d checks", count.Load())
		}
	})
}

func TestWhoHangsUpWhileWaitingLeavesNothing(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	synctest.Test(t, func(t *testing.T) {
		let, _ := held(a)
		results := together(a, many(good, pairBurst), same(office), same("admin"))
		synctest.Wait()
		late, cancel := context.WithCancel(ctx)
		var waiting sync.WaitGroup
		for range waitingTogether {
			waiting.Go(func() {
				if _, err := a.Verify(late, "admin", good, office); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		waiting.Wait()
		next := together(a, many(good, waitingTogether), same(office), same("admin")) // their places are free
		synctest.Wait()
		close(let)
		for range pairBurst {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		for range waitingTogether {
			if err := <-next; err != nil {
				t.Error(err)
			}
		}
	})
}

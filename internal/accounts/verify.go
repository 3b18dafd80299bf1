package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"vedette/internal/budget"
	"vedette/internal/kv"
)

// BackoffError says that there were too many wrong attempts. It says the same
// for names that exist and names that do not.
type BackoffError struct{ Wait time.Duration }

func (e *BackoffError) Error() string {
	return fmt.Sprintf("too many attempts, try again in %s", e.Wait.Round(time.Second))
}

// Verify checks a password that came from an address; the zero Addr and
// loopback are this machine's own console. Errors: ErrRefused for a wrong name
// or password, *BackoffError after too many of them, those of the store.
//
// Wrong attempts are braked for the pair of name and address, for the address,
// and for all strangers together. The last one costs only strangers: the
// console, and whoever signed in from the same address before, do not stand in
// that queue, so nobody else's attempts lock them out.
func (a *Accounts) Verify(ctx context.Context, name, password string, from netip.Addr) (Account, error) {
	// What cannot be right is shortened, not refused at once: that would take
	// another time.
	pair := pairOf(name, from)
	trusted := a.brake.trusts(pair)
	if wait, ok := a.brake.take(pair, trusted); !ok {
		return Account{}, &BackoffError{Wait: wait}
	}
	gate := a.hasher.strangers
	if trusted {
		gate = a.hasher.trusted
	}
	if err := gate.Enter(ctx); err != nil {
		a.brake.refund(pair)
		return Account{}, err
	}
	s, revision, err := a.check(ctx, name, password)
	gate.Leave()
	if errors.Is(err, ErrRefused) {
		return Account{}, err
	}
	a.brake.refund(pair)
	if err != nil {
		return Account{}, err
	}
	a.brake.succeeded(pair)
	if fresh, ok := a.renew(ctx, s, revision, password); ok {
		return fresh, nil
	}
	return s.account(revision), nil
}

// check does the same work whether the name exists or not.
func (a *Accounts) check(ctx context.Context, name, password string) (stored, kv.Revision, error) {
	if len(password) > maxPassword {
		password = password[:maxPassword+1] // longer than any that could be set
	}
	s, revision, err := a.load(ctx, name)
	known := err == nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		return stored{}, 0, err
	}
	hash := a.hasher.dummy
	if known {
		if hash, err = parsePHC(s.Password); err != nil {
			return stored{}, 0, fmt.Errorf("account %q: %w", s.Name, err)
		}
	}
	if !a.hasher.matches(hash, password) || !known {
		return stored{}, 0, ErrRefused
	}
	return s, revision, nil
}

// renew hashes the password anew when the stored hash was made with other
// parameters. It is done when it can be: a sign-in does not fail because the
// disk is full. Watchers are not told, nothing that they know has changed.
func (a *Accounts) renew(ctx context.Context, s stored, revision kv.Revision, password string) (Account, bool) {
	if p, err := parsePHC(s.Password); err != nil || p.parameters == a.hasher.parameters {
		return Account{}, false
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return Account{}, false
	}
	s.Password = hash
	op, err := s.op()
	if err != nil {
		return Account{}, false
	}
	op.Quiet = true
	next, err := a.store.Apply(ctx, []kv.Op{op}, []kv.Expect{{Key: op.Key, Revision: revision}})
	if err != nil {
		return Account{}, false
	}
	return s.account(next), true
}

// pair is who tries from where.
type pair struct {
	key     string // of the account, existing or not
	network netip.Prefix
	console bool
}

func pairOf(name string, from netip.Addr) pair {
	p := pair{key: key(name), network: budget.Network(from), console: !from.IsValid() || from.Unmap().IsLoopback()}
	if len(p.key) > maxName+len(keyPrefix) {
		p.key = p.key[:maxName+len(keyPrefix)] // no such account; bounds the memory
	}
	return p
}

// The brake's measures: how many wrong attempts at once, and how long for each
// further one.
const (
	pairBurst, pairPeriod       = 5, 30 * time.Second
	networkBurst, networkPeriod = 20, 5 * time.Second
	allBurst, allPeriod         = 20, 200 * time.Millisecond

	remembered = 1 << 14 // pairs, and networks
	trustedMax = 1 << 10 // pairs that signed in
)

// brake slows guessing down.
type brake struct {
	pairs    *budget.Rate[pair]
	networks *budget.Rate[netip.Prefix]
	all      *budget.Rate[struct{}]

	mu    sync.Mutex
	known map[pair]struct{} // signed in before
}

func newBrake(now func() time.Time) *brake {
	return &brake{
		pairs:    budget.NewRate[pair](pairPeriod, pairBurst, remembered, now),
		networks: budget.NewRate[netip.Prefix](networkPeriod, networkBurst, remembered, now),
		all:      budget.NewRate[struct{}](allPeriod, allBurst, 1, now),
		known:    make(map[pair]struct{}),
	}
}

// trusts reports who need not stand in the strangers' queue.
func (b *brake) trusts(p pair) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.known[p]
	return known || p.console
}

// take charges one attempt, as if it were wrong.
func (b *brake) take(p pair, trusted bool) (wait time.Duration, ok bool) {
	if wait, ok := b.pairs.Allow(p); !ok {
		return wait, false
	}
	if wait, ok := b.networks.Allow(p.network); !ok {
		b.pairs.Refund(p)
		return wait, false
	}
	if trusted {
		return 0, true
	}
	if wait, ok := b.all.Allow(struct{}{}); !ok {
		b.refund(p)
		return wait, false
	}
	return 0, true
}

// refund takes the charge back: the attempt was not a wrong guess. The queue of
// all strangers keeps its charge, since it bounds work, not guesses.
func (b *brake) refund(p pair) {
	b.pairs.Refund(p)
	b.networks.Refund(p.network)
}

// succeeded remembers who signed in from where.
func (b *brake) succeeded(p pair) {
	b.pairs.Forget(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= trustedMax {
		for other := range b.known { // any one
			delete(b.known, other)
			break
		}
	}
	b.known[p] = struct{}{}
}

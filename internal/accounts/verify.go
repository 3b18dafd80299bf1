package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

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
// or password and for a disabled account, *BackoffError after too many of them,
// those of the store.
//
// An account that has a second factor has shown one of two: VerifyCode takes the
// other.
//
// Wrong attempts are braked for the pair of name and address, for the address,
// and for all strangers together. The last one costs only strangers: the
// console, and whoever signed in from the same address before, do not stand in
// that queue, so nobody else's attempts lock them out.
func (a *Accounts) Verify(ctx context.Context, name, password string, from netip.Addr) (Account, error) {
	// What cannot be right is shortened, not refused at once: that would take
	// another time.
	pair := pairOf(name, from)
	trusted, err := a.brake.enter(ctx, pair)
	if err != nil {
		return Account{}, err
	}
	s, revision, err := a.charged(ctx, pair, trusted, name, password)
	if err != nil {
		return Account{}, err
	}
	if fresh, ok := a.renew(ctx, s, revision, password); ok {
		return fresh, nil
	}
	return s.account(revision), nil
}

// charged checks, when it has its turn, what the brake let through, and tells
// the brake what came of it.
func (a *Accounts) charged(ctx context.Context, p pair, trusted bool, name, password string) (stored, kv.Revision, error) {
	result := guessed
	defer func() { a.brake.leave(p, result) }()
	gate := a.hasher.strangers
	if trusted {
		gate = a.hasher.trusted
	}
	if err := gate.Enter(ctx); err != nil {
		result = unchecked
		return stored{}, 0, err
	}
	defer gate.Leave()
	s, revision, err := a.check(ctx, name, password)
	switch {
	case err == nil:
		result = right
	case !errors.Is(err, ErrRefused):
		result = unchecked
	}
	return s, revision, err
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
	// A disabled account's password is compared like any other, so that the
	// answer takes as long.
	if !a.hasher.matches(hash, password) || !known || s.Disabled {
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

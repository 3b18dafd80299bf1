package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"vedette/internal/accounts/totp"
	"vedette/internal/kv"
)

// ErrNoSecondFactor is for those whose password is all that signs them in.
var ErrNoSecondFactor = errors.New("the account has no second factor")

// storedFactor is a second factor as it lies in its account.
type storedFactor struct {
	Secret []byte    `json:"secret"`
	Since  time.Time `json:"since"`
}

// usedPrefix begins the entries that say which code of an account was taken
// last. They are no part of the account, which would seem changed at every
// sign-in to whoever looks at it.
const usedPrefix = "account-code/"

func usedKey(name string) string { return usedPrefix + strings.ToLower(name) }

type storedUsed struct {
	Version int   `json:"v"`
	Step    int64 `json:"step"`
}

func usedOp(name string, step int64) (kv.Op, error) {
	value, err := json.Marshal(storedUsed{Version: version, Step: step})
	if err != nil {
		return kv.Op{}, fmt.Errorf("encode the last code of %q: %w", name, err)
	}
	return kv.Op{Key: usedKey(name), Value: value, Quiet: true}, nil
}

// used says which step's code was taken last, and when it was written; 0, 0:
// none was.
func (a *Accounts) used(ctx context.Context, name string) (step int64, written kv.Revision, err error) {
	e, err := a.store.Get(ctx, usedKey(name))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the last code of %q: %w", name, err)
	}
	var u storedUsed
	if err := json.Unmarshal(e.Value, &u); err != nil || u.Version != version {
		return 0, 0, fmt.Errorf("read the last code of %q: not readable", name)
	}
	return u.Step, e.Revision, nil
}

// VerifyCode checks a code of the account's second factor, after Verify has
// checked the password. A code is taken once. Errors: ErrRefused for a wrong or
// used code and for an account without a second factor, *BackoffError after too
// many of them, those of the store.
func (a *Accounts) VerifyCode(ctx context.Context, name, code string, from netip.Addr) (Account, error) {
	pair := pairOf(name, from)
	if _, err := a.codes.enter(ctx, pair); err != nil {
		return Account{}, err
	}
	account, err := a.takeCode(ctx, name, typedCode(code))
	result := right
	switch {
	case errors.Is(err, ErrRefused):
		result = guessed
	case err != nil:
		result = unchecked
	}
	a.codes.leave(pair, result)
	return account, err
}

// takeCode checks a code and remembers that it was taken, in one step: of two at
// once, one is refused.
func (a *Accounts) takeCode(ctx context.Context, name, code string) (Account, error) {
	s, revision, err := a.load(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return Account{}, ErrRefused
	}
	if err != nil {
		return Account{}, err
	}
	if s.Disabled || s.Factor == nil {
		return Account{}, ErrRefused
	}
	last, written, err := a.used(ctx, s.Name)
	if err != nil {
		return Account{}, err
	}
	step, ok := totp.Secret(s.Factor.Secret).Match(code, a.now(), last)
	if !ok {
		return Account{}, ErrRefused
	}
	op, err := usedOp(s.Name, step)
	if err != nil {
		return Account{}, err
	}
	_, err = a.store.Apply(ctx, []kv.Op{op}, []kv.Expect{{Key: op.Key, Revision: written}, {Key: key(s.Name), Revision: revision}})
	var conflict *kv.ConflictError
	if errors.As(err, &conflict) { // another took it, or the account is no longer as it was
		return Account{}, ErrRefused
	}
	if err != nil {
		return Account{}, fmt.Errorf("remember the code of %q: %w", name, err)
	}
	return s.account(revision), nil
}

// typedCode takes a code as people type it, in groups.
func typedCode(code string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, code)
}

// SetSecondFactor switches the second factor on, for an account as it was read.
// A code proves that the person has it, and is taken. Errors: ErrRefused for a
// wrong code, ErrNotFound, those of the commit.
func (a *Accounts) SetSecondFactor(ctx context.Context, account Account, secret totp.Secret, code string) (Account, error) {
	step, ok := secret.Match(typedCode(code), a.now(), 0)
	if !ok {
		return Account{}, ErrRefused
	}
	op, err := usedOp(account.Name, step)
	if err != nil {
		return Account{}, err
	}
	changed, err := a.alter(ctx, account, []kv.Op{op}, nil, func(s *stored) {
		s.Factor = &storedFactor{Secret: secret, Since: a.now().UTC().Round(0)}
	})
	if err != nil {
		return Account{}, fmt.Errorf("set a second factor of %q: %w", account.Name, err)
	}
	return changed, nil
}

// RemoveSecondFactor switches the second factor off, for an account as it was
// read. Errors: ErrNoSecondFactor, ErrNotFound, those of the commit.
func (a *Accounts) RemoveSecondFactor(ctx context.Context, account Account) (Account, error) {
	if !account.SecondFactor {
		return Account{}, ErrNoSecondFactor
	}
	left, err := a.alter(ctx, account, []kv.Op{{Key: usedKey(account.Name), Delete: true}}, nil, func(s *stored) { s.Factor = nil })
	if err != nil {
		return Account{}, fmt.Errorf("remove the second factor of %q: %w", account.Name, err)
	}
	return left, nil
}

// SetRole gives an account, as it was read, another role, provided that the
// others that were read for the decision are as they were. Errors: ErrNotFound,
// those of the commit.
func (a *Accounts) SetRole(ctx context.Context, account Account, role string, others ...Account) (Account, error) {
	changed, err := a.alter(ctx, account, nil, unchanged(others), func(s *stored) { s.Role = role })
	if err != nil {
		return Account{}, fmt.Errorf("set the role of %q: %w", account.Name, err)
	}
	return changed, nil
}

// SetDisabled disables or enables an account, as it was read, provided that the
// others that were read for the decision are as they were. Errors: ErrNotFound,
// those of the commit.
func (a *Accounts) SetDisabled(ctx context.Context, account Account, disabled bool, others ...Account) (Account, error) {
	changed, err := a.alter(ctx, account, nil, unchanged(others), func(s *stored) { s.Disabled = disabled })
	if err != nil {
		return Account{}, fmt.Errorf("disable or enable %q: %w", account.Name, err)
	}
	return changed, nil
}

// unchanged expects that accounts are as they were read.
func unchanged(read []Account) []kv.Expect {
	expect := make([]kv.Expect, 0, len(read))
	for _, one := range read {
		expect = append(expect, kv.Expect{Key: key(one.Name), Revision: one.Revision})
	}
	return expect
}

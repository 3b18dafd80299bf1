// Package accounts keeps who may sign in as an administrator: names, roles as
// the caller's words, passwords as argon2id hashes, and public keys. Checking a
// password costs the same for names that exist and names that do not, and
// guessing is slowed down without giving strangers a way to lock anybody out.
//
// Acts are what administrators do to accounts. What a role may do is decided
// elsewhere.
package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vedette/internal/kv"
)

// Sentinel errors that callers branch on.
var (
	ErrExists      = errors.New("an account of this name exists already")
	ErrNotFound    = errors.New("no account of this name")
	ErrRefused     = errors.New("wrong name, password or key")
	ErrKeyExists   = errors.New("the account has this public key already")
	ErrKeyTaken    = errors.New("this public key is another account's")
	ErrKeyNotFound = errors.New("the account has no such public key")
	ErrManyKeys    = fmt.Errorf("an account has at most %d public keys", MaxKeys)
)

// Account is what may be known about an account. Its password is not.
type Account struct {
	Name    string
	Role    string
	Created time.Time
	// Changed is when the password was set. Sessions that began before it are
	// to end.
	Changed time.Time
	// MustChange says that somebody else knows the password: the daemon made it,
	// or another person set it. It closes no door by itself: the web interface
	// asks for a new one before anything else, while scripts and the console,
	// which sign in over SSH, go on.
	MustChange bool
	// Disabled accounts sign in by nothing. They keep what they have.
	Disabled bool
	// SecondFactor says that a password alone signs in no more, and
	// SecondFactorSince when it was switched on.
	SecondFactor      bool
	SecondFactorSince time.Time
	Keys              []Key // in the order in which they were added
	Revision          kv.Revision
}

// Still says why what signed in as an account, as it was read then, does so no
// more, now that it was read again; nil: it still does. Whoever lets somebody in
// asks after the session is in the table: so a change either is seen here, or
// finds the session there.
func (a Account) Still(then Account) error {
	switch {
	case a.Disabled:
		return errors.New("the account was disabled")
	case !a.Changed.Equal(then.Changed):
		return errors.New("the password was changed")
	case a.Role != then.Role:
		return errors.New("the role was changed")
	case a.SecondFactor != then.SecondFactor, !a.SecondFactorSince.Equal(then.SecondFactorSince):
		return errors.New("the second factor was changed")
	}
	return nil
}

// Commit makes a change of the store. Its shape is that of kv.Store.Apply.
type Commit func(context.Context, []kv.Op, []kv.Expect) (kv.Revision, error)

// Accounts is the list of accounts in one store.
type Accounts struct {
	store  *kv.Store
	now    func() time.Time
	commit Commit
	hasher *hasher
	brake  *brake // of passwords
	codes  *brake // of the second factor's codes
}

// New returns the accounts kept in the store.
func New(store *kv.Store, now func() time.Time) *Accounts {
	return &Accounts{
		store: store, now: now, commit: store.Apply,
		hasher: newHasher(current), brake: newBrake(now), codes: newCodeBrake(now),
	}
}

// NewCheap is New for the tests of other rooms: its passwords cost nothing to
// check, and so nothing to guess.
func NewCheap(store *kv.Store, now func() time.Time) *Accounts {
	a := New(store, now)
	a.hasher = newHasher(cheap)
	return a
}

// With returns the same accounts, whose changes go through the given commit:
// so an audit record becomes part of the change.
func (a *Accounts) With(commit Commit) *Accounts {
	b := *a
	b.commit = commit
	return &b
}

const keyPrefix = "account/"

// key of an account. Names that differ only in case are the same, so that
// nobody can pass for another by a capital letter.
func key(name string) string { return keyPrefix + strings.ToLower(name) }

// stored is an account as it lies in the store.
type stored struct {
	Version  int         `json:"v"`
	Name     string      `json:"name"`
	Role     string      `json:"role"`
	Password string      `json:"password"` // PHC string
	Created  time.Time   `json:"created"`
	Changed  time.Time   `json:"changed"`
	Keys     []storedKey `json:"keys,omitempty"` // absent: none

	// Absent in what earlier versions wrote: none of it.
	MustChange bool          `json:"must_change,omitempty"`
	Disabled   bool          `json:"disabled,omitempty"`
	Factor     *storedFactor `json:"second_factor,omitempty"`
}

const version = 1

func decode(e kv.Entry) (stored, error) {
	var s stored
	if err := json.Unmarshal(e.Value, &s); err != nil {
		return stored{}, fmt.Errorf("read account %q: not readable", e.Key)
	}
	if s.Version != version {
		return stored{}, fmt.Errorf("read account %q: unknown version %d", e.Key, s.Version)
	}
	return s, nil
}

func (s stored) account(r kv.Revision) Account {
	account := Account{Name: s.Name, Role: s.Role, Created: s.Created, Changed: s.Changed, MustChange: s.MustChange, Disabled: s.Disabled, Revision: r}
	if s.Factor != nil {
		account.SecondFactor, account.SecondFactorSince = true, s.Factor.Since
	}
	for _, k := range s.Keys {
		account.Keys = append(account.Keys, k.key())
	}
	return account
}

func (s stored) op() (kv.Op, error) {
	value, err := json.Marshal(s)
	if err != nil {
		return kv.Op{}, fmt.Errorf("encode account %q: %w", s.Name, err)
	}
	return kv.Op{Key: key(s.Name), Value: value}, nil
}

// load reads one account.
func (a *Accounts) load(ctx context.Context, name string) (stored, kv.Revision, error) {
	if CheckName(name) != nil {
		return stored{}, 0, ErrNotFound
	}
	e, err := a.store.Get(ctx, key(name))
	if errors.Is(err, kv.ErrNotFound) {
		return stored{}, 0, ErrNotFound
	}
	if err != nil {
		return stored{}, 0, fmt.Errorf("read account %q: %w", name, err)
	}
	s, err := decode(e)
	return s, e.Revision, err
}

// change writes an account that was read at a revision (0: there was none),
// together with what else the change needs.
func (a *Accounts) change(ctx context.Context, s stored, seen kv.Revision, ops []kv.Op, expect []kv.Expect) (Account, error) {
	op, err := s.op()
	if err != nil {
		return Account{}, err
	}
	revision, err := a.commit(ctx, append([]kv.Op{op}, ops...), append([]kv.Expect{{Key: op.Key, Revision: seen}}, expect...))
	if err != nil {
		return Account{}, err
	}
	return s.account(revision), nil
}

// Whose says who chose a password.
type Whose bool

// A password is one's own, or another knows it.
const (
	Own      Whose = false
	Anothers Whose = true // it is to be changed
)

// Create adds an account. Errors: ErrExists, *RuleError for name and password,
// those of the commit.
func (a *Accounts) Create(ctx context.Context, name, role, password string, whose Whose) (Account, error) {
	if err := CheckName(name); err != nil {
		return Account{}, err
	}
	if role == "" || len(role) > maxName {
		return Account{}, errors.New("account without a role")
	}
	if err := CheckPassword(name, password); err != nil {
		return Account{}, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	now := a.now().UTC().Round(0)
	s := stored{Version: version, Name: name, Role: role, Password: hash, Created: now, Changed: now, MustChange: bool(whose)}
	account, err := a.change(ctx, s, 0, nil, nil)
	var conflict *kv.ConflictError
	if errors.As(err, &conflict) && conflict.Key == key(name) {
		err = ErrExists
	}
	if err != nil {
		return Account{}, fmt.Errorf("create account %q: %w", name, err)
	}
	return account, nil
}

// SetPassword replaces the password. Errors: ErrNotFound, *RuleError, those of
// the commit.
func (a *Accounts) SetPassword(ctx context.Context, name, password string, whose Whose) (Account, error) {
	account, err := a.Get(ctx, name)
	if err == nil {
		account, err = a.setPassword(ctx, account, password, whose)
	}
	if err != nil {
		return Account{}, fmt.Errorf("set password of %q: %w", name, err)
	}
	return account, nil
}

// Reset replaces the password by one that another knows, and removes the second
// factor if that is lost as well. Errors are those of SetPassword.
func (a *Accounts) Reset(ctx context.Context, name, password string, removeFactor bool) (Account, error) {
	if err := CheckPassword(name, password); err != nil {
		return Account{}, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	account, err := a.Get(ctx, name)
	if err != nil {
		return Account{}, fmt.Errorf("reset the password of %q: %w", name, err)
	}
	var ops []kv.Op
	if removeFactor {
		ops = append(ops, kv.Op{Key: usedKey(account.Name), Delete: true})
	}
	return a.alter(ctx, account, ops, nil, func(s *stored) {
		s.Password, s.MustChange, s.Changed = hash, true, a.now().UTC().Round(0)
		if removeFactor {
			s.Factor = nil
		}
	})
}

// setPassword replaces the password of an account as it was read.
func (a *Accounts) setPassword(ctx context.Context, account Account, password string, whose Whose) (Account, error) {
	if err := CheckPassword(account.Name, password); err != nil {
		return Account{}, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	return a.alter(ctx, account, nil, nil, func(s *stored) {
		s.Password, s.MustChange, s.Changed = hash, bool(whose), a.now().UTC().Round(0)
	})
}

// alter changes an account as it was read, with what else the change needs.
// Errors: ErrNotFound, those of the commit: a *kv.ConflictError when the account
// was changed since, or one of what else is expected.
func (a *Accounts) alter(ctx context.Context, account Account, ops []kv.Op, expect []kv.Expect, change func(*stored)) (Account, error) {
	s, _, err := a.load(ctx, account.Name)
	if err != nil {
		return Account{}, err
	}
	change(&s)
	return a.change(ctx, s, account.Revision, ops, expect)
}

// Delete removes an account, as it was read, with its keys, provided that the
// others that were read for the decision are as they were. Errors are those of
// the commit: a *kv.ConflictError when one of them was changed since.
func (a *Accounts) Delete(ctx context.Context, account Account, others ...Account) error {
	ops := []kv.Op{{Key: key(account.Name), Delete: true}}
	for _, k := range account.Keys {
		ops = append(ops, kv.Op{Key: ownerKey(k.Blob), Delete: true})
	}
	if account.SecondFactor {
		ops = append(ops, kv.Op{Key: usedKey(account.Name), Delete: true})
	}
	expect := append([]kv.Expect{{Key: key(account.Name), Revision: account.Revision}}, unchanged(others)...)
	if _, err := a.commit(ctx, ops, expect); err != nil {
		return fmt.Errorf("delete account %q: %w", account.Name, err)
	}
	return nil
}

// Get returns one account, or ErrNotFound.
func (a *Accounts) Get(ctx context.Context, name string) (Account, error) {
	s, revision, err := a.load(ctx, name)
	if err != nil {
		return Account{}, err
	}
	return s.account(revision), nil
}

// List returns all accounts in order of their names, and the revision of the
// store that they were read at.
func (a *Accounts) List(ctx context.Context) ([]Account, kv.Revision, error) {
	entries, revision, err := a.store.List(ctx, keyPrefix)
	if err != nil {
		return nil, 0, fmt.Errorf("list accounts: %w", err)
	}
	out := make([]Account, 0, len(entries))
	for _, e := range entries {
		s, err := decode(e)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, s.account(e.Revision))
	}
	return out, revision, nil
}

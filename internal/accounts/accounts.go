// Package accounts keeps who may sign in as an administrator: names, roles as
// the caller's words, and passwords as argon2id hashes. Checking a password
// costs the same for names that exist and names that do not, and guessing is
// slowed down without giving strangers a way to lock anybody out.
//
// What a role may do is decided elsewhere.
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
	ErrExists   = errors.New("an account of this name exists already")
	ErrNotFound = errors.New("no account of this name")
	ErrRefused  = errors.New("wrong name or password")
)

// Account is what may be known about an account. Its password is not.
type Account struct {
	Name    string
	Role    string
	Created time.Time
	// Changed is when the password was set. Sessions that began before it are
	// to end.
	Changed  time.Time
	Revision kv.Revision
}

// Commit makes a change of the store. Its shape is that of kv.Store.Apply.
type Commit func(context.Context, []kv.Op, []kv.Expect) (kv.Revision, error)

// Accounts is the list of accounts in one store.
type Accounts struct {
	store  *kv.Store
	now    func() time.Time
	commit Commit
	hasher *hasher
	brake  *brake
}

// New returns the accounts kept in the store.
func New(store *kv.Store, now func() time.Time) *Accounts {
	return &Accounts{
		store: store, now: now, commit: store.Apply,
		hasher: newHasher(current), brake: newBrake(now),
	}
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
	Version  int       `json:"v"`
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Password string    `json:"password"` // PHC string
	Created  time.Time `json:"created"`
	Changed  time.Time `json:"changed"`
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
	return Account{Name: s.Name, Role: s.Role, Created: s.Created, Changed: s.Changed, Revision: r}
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

// Create adds an account. Errors: ErrExists, *RuleError for name and password,
// those of the commit.
func (a *Accounts) Create(ctx context.Context, name, role, password string) (Account, error) {
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
	s := stored{Version: version, Name: name, Role: role, Password: hash, Created: now, Changed: now}
	op, err := s.op()
	if err != nil {
		return Account{}, err
	}
	revision, err := a.commit(ctx, []kv.Op{op}, []kv.Expect{{Key: op.Key}})
	var conflict *kv.ConflictError
	if errors.As(err, &conflict) && conflict.Key == op.Key {
		return Account{}, fmt.Errorf("create account %q: %w", name, ErrExists)
	}
	if err != nil {
		return Account{}, fmt.Errorf("create account %q: %w", name, err)
	}
	return s.account(revision), nil
}

// SetPassword replaces the password. Errors: ErrNotFound, *RuleError, those of
// the commit.
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	s, revision, err := a.load(ctx, name)
	if err != nil {
		return fmt.Errorf("set password of %q: %w", name, err)
	}
	if err := CheckPassword(s.Name, password); err != nil {
		return err
	}
	if s.Password, err = a.hasher.hash(ctx, password); err != nil {
		return err
	}
	s.Changed = a.now().UTC().Round(0)
	op, err := s.op()
	if err != nil {
		return err
	}
	if _, err := a.commit(ctx, []kv.Op{op}, []kv.Expect{{Key: op.Key, Revision: revision}}); err != nil {
		return fmt.Errorf("set password of %q: %w", name, err)
	}
	return nil
}

// Delete removes an account. Errors: ErrNotFound, those of the commit.
func (a *Accounts) Delete(ctx context.Context, name string) error {
	_, revision, err := a.load(ctx, name)
	if err == nil {
		_, err = a.commit(ctx, []kv.Op{{Key: key(name), Delete: true}}, []kv.Expect{{Key: key(name), Revision: revision}})
	}
	if err != nil {
		return fmt.Errorf("delete account %q: %w", name, err)
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

// List returns all accounts in order of their names.
func (a *Accounts) List(ctx context.Context) ([]Account, error) {
	entries, _, err := a.store.List(ctx, keyPrefix)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	out := make([]Account, 0, len(entries))
	for _, e := range entries {
		s, err := decode(e)
		if err != nil {
			return nil, err
		}
		out = append(out, s.account(e.Revision))
	}
	return out, nil
}

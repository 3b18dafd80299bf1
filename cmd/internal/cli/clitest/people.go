package clitest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/internal/acts"
)

// People is a daemon's accounts in memory.
type People struct {
	now time.Time

	mu        sync.Mutex // guards what follows
	accounts  []acts.Account
	passwords map[string]string
	revision  uint64
}

// Fixed texts of a fake.
const (
	AdminPassword = "Old-horse1"
	AdminKey      = "SHA256:adminskey"
)

// NewPeople makes accounts with admin, who has AdminPassword, AdminKey, and a
// session.
func NewPeople(now time.Time) *People {
	return &People{now: now, revision: 7, passwords: map[string]string{"admin": AdminPassword}, accounts: []acts.Account{{
		Name: "admin", Role: acts.LocalAdministrator, Created: now, Changed: now, Sessions: 1, Revision: 3,
		Keys: []acts.PublicKey{{Fingerprint: AdminKey, Type: "ssh-ed25519", Comment: "desk\x1b[2J", Added: now}},
	}}}
}

func (p *People) find(name string) (int, error) {
	for i, a := range p.accounts {
		if a.Name == name {
			return i, nil
		}
	}
	return 0, &acts.Error{Code: acts.NotFound, Text: fmt.Sprintf("there is no account %q", name), Hint: "list them"}
}

// change does something to an account that was as a preview showed it.
func (p *People) change(name string, revision uint64, do func(*acts.Account) error) (acts.AccountChange, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, err := p.find(name)
	if err != nil {
		return acts.AccountChange{}, err
	}
	if revision != 0 && revision != p.revision {
		return acts.AccountChange{}, &acts.Error{Code: acts.Stale, Text: "the account has changed"}
	}
	if err := do(&p.accounts[i]); err != nil {
		return acts.AccountChange{}, err
	}
	p.revision++
	return acts.AccountChange{Account: p.accounts[i], Ended: p.accounts[i].Sessions}, nil
}

func (p *People) setPassword(name, password string) error {
	if len(password) < 8 {
		return &acts.Error{Code: acts.Invalid, Text: "the password is too short", Hint: "take at least 8 characters"}
	}
	p.passwords[name] = password
	return nil
}

// Accounts lists.
func (p *People) Accounts(context.Context, acts.Actor) (acts.AccountList, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return acts.AccountList{Accounts: slices.Clone(p.accounts), Revision: p.revision}, nil
}

// CreateAccount adds.
func (p *People) CreateAccount(_ context.Context, _ acts.Actor, in acts.CreateAccount) (acts.AccountChange, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.find(in.Name); err == nil {
		return acts.AccountChange{}, &acts.Error{Code: acts.Refused, Text: "an account of this name exists already"}
	}
	if err := p.setPassword(in.Name, in.Password); err != nil {
		return acts.AccountChange{}, err
	}
	made := acts.Account{Name: in.Name, Role: in.Role, MustChange: true, Created: p.now, Changed: p.now, Keys: []acts.PublicKey{}}
	p.accounts = append(p.accounts, made)
	p.revision++
	return acts.AccountChange{Account: made}, nil
}

// PreviewDeleteAccount asks.
func (p *People) PreviewDeleteAccount(_ context.Context, _ acts.Actor, in acts.DeleteAccount) (acts.Preview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, err := p.find(in.Name)
	if err != nil {
		return acts.Preview{}, err
	}
	return acts.Preview{Act: "account delete", Lines: []string{in.Name + " will sign in no longer."}, Asks: true, Revision: p.revision, Consequences: []acts.Consequence{
		{Text: "Sessions end.", InUse: true, Count: p.accounts[i].Sessions + 1, Who: []string{"192.0.2.9\x1b"}},
	}}, nil
}

// DeleteAccount deletes.
func (p *People) DeleteAccount(_ context.Context, _ acts.Actor, in acts.DeleteAccount) (acts.AccountChange, error) {
	change, err := p.change(in.Name, in.Revision, func(*acts.Account) error { return nil })
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.accounts = slices.DeleteFunc(p.accounts, func(a acts.Account) bool { return a.Name == in.Name })
	}
	return change, err
}

// ends is the preview of what ends an account's sessions.
func (p *People) ends(act, name, line string) (acts.Preview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.find(name)
	return acts.Preview{Act: act, Lines: []string{line}, Asks: true, Revision: p.revision}, err
}

// PreviewSetRole asks.
func (p *People) PreviewSetRole(_ context.Context, _ acts.Actor, in acts.SetRole) (acts.Preview, error) {
	return p.ends("account role", in.Name, fmt.Sprintf("%s will have the role %s.", in.Name, in.Role))
}

// SetRole changes the role.
func (p *People) SetRole(_ context.Context, _ acts.Actor, in acts.SetRole) (acts.AccountChange, error) {
	return p.change(in.Name, in.Revision, func(a *acts.Account) error { a.Role = in.Role; return nil })
}

// PreviewDisableAccount asks.
func (p *People) PreviewDisableAccount(_ context.Context, _ acts.Actor, in acts.DisableAccount) (acts.Preview, error) {
	return p.ends("account disable", in.Name, in.Name+" will be disabled.")
}

// DisableAccount disables.
func (p *People) DisableAccount(_ context.Context, _ acts.Actor, in acts.DisableAccount) (acts.AccountChange, error) {
	return p.change(in.Name, in.Revision, func(a *acts.Account) error {
		if a.Name == "admin" {
			return &acts.Error{Code: acts.Refused, Text: "admin is the last local administrator, who has to stay", Hint: "make another one first"}
		}
		a.Disabled, a.SecondFactor = true, true // the next command removes it
		return nil
	})
}

// EnableAccount enables.
func (p *People) EnableAccount(_ context.Context, _ acts.Actor, in acts.EnableAccount) (acts.AccountChange, error) {
	return p.change(in.Name, in.Revision, func(a *acts.Account) error { a.Disabled = false; return nil })
}

// PreviewRemoveSecondFactor asks.
func (p *People) PreviewRemoveSecondFactor(_ context.Context, _ acts.Actor, in acts.RemoveSecondFactor) (acts.Preview, error) {
	return p.ends("account second-factor", in.Name, "The second factor of "+in.Name+" will be removed.")
}

// RemoveSecondFactor removes.
func (p *People) RemoveSecondFactor(_ context.Context, _ acts.Actor, in acts.RemoveSecondFactor) (acts.AccountChange, error) {
	return p.change(in.Name, in.Revision, func(a *acts.Account) error {
		if !a.SecondFactor {
			return &acts.Error{Code: acts.Refused, Text: "the account has no second factor"}
		}
		a.SecondFactor = false
		return nil
	})
}

// SetPassword sets.
func (p *People) SetPassword(_ context.Context, _ acts.Actor, in acts.SetPassword) (acts.AccountChange, error) {
	return p.change(in.Name, 0, func(*acts.Account) error { return p.setPassword(in.Name, in.Password) })
}

// ChangePassword changes the actor's own; admin stands for the local account.
func (p *People) ChangePassword(_ context.Context, _ acts.Actor, in acts.ChangePassword) (acts.AccountChange, error) {
	return p.change("admin", 0, func(*acts.Account) error {
		if in.Current != p.passwords["admin"] {
			return &acts.Error{Code: acts.Refused, Text: "the present password is another one"}
		}
		return p.setPassword("admin", in.New)
	})
}

// AddKey adds.
func (p *People) AddKey(_ context.Context, _ acts.Actor, in acts.AddKey) (acts.AccountChange, error) {
	return p.change(in.Account, 0, func(a *acts.Account) error {
		fields := strings.Fields(in.Line)
		if len(fields) < 2 || fields[0] != "ssh-ed25519" {
			return &acts.Error{Code: acts.Invalid, Text: "this is no public key", Hint: "take the .pub file"}
		}
		a.Keys = append(slices.Clone(a.Keys), acts.PublicKey{Fingerprint: "SHA256:" + fields[1], Type: fields[0], Comment: strings.Join(fields[2:], " "), Added: p.now})
		return nil
	})
}

// PreviewDeleteKey asks.
func (p *People) PreviewDeleteKey(_ context.Context, _ acts.Actor, in acts.DeleteKey) (acts.Preview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.find(in.Account)
	return acts.Preview{Act: "account key delete", Lines: []string{in.Fingerprint + " will sign in no longer."}, Asks: true, Revision: p.revision}, err
}

// DeleteKey deletes.
func (p *People) DeleteKey(_ context.Context, _ acts.Actor, in acts.DeleteKey) (acts.AccountChange, error) {
	return p.change(in.Account, in.Revision, func(a *acts.Account) error {
		left := slices.DeleteFunc(slices.Clone(a.Keys), func(k acts.PublicKey) bool { return k.Fingerprint == in.Fingerprint })
		if len(left) == len(a.Keys) {
			return &acts.Error{Code: acts.NotFound, Text: "the account has no such key"}
		}
		a.Keys = left
		return nil
	})
}

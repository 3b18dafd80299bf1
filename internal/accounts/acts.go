package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/internal/kv"
	"vedette/internal/sessions"
)

// The acts on accounts, by the word that audit records carry.
const (
	ActView           = "account view"
	ActCreate         = "account create"
	ActDelete         = "account delete"
	ActSetPassword    = "account password"
	ActChangePassword = "account change-password" // one's own
	ActAddKey         = "account key add"
	ActDeleteKey      = "account key delete"
	ActSetRole        = "account role"
	ActDisable        = "account disable"
	ActEnable         = "account enable"
	ActSecondFactor   = "account second-factor" // on, off or removed
	ActEndSessions    = "account sign-out"      // one's own others

	// ActOwn is asked for instead of ActView, ActAddKey, ActDeleteKey,
	// ActSecondFactor and ActEndSessions when they are about one's own account.
	ActOwn = "account own"
)

// Acts performs the administrative acts on accounts. What takes somebody's
// rights away has ended the concerned sessions when it returns, all but the one
// that asked for it.
type Acts struct {
	accounts *Accounts
	desk     *conduct.Desk
	sessions *sessions.Table
	log      *slog.Logger
	// changing makes a change and the end of the sessions that it concerns one
	// step, so that nobody lets himself in again between the two.
	changing sync.Mutex
	// own bounds what those who manage no accounts do to their own: each change
	// leaves a record that is never removed.
	own    *budget.Rate[string]
	issuer string // of second factors
	offers offers // second factors that are not switched on yet
}

// The bound on changes of one's own account: at once, and then in each period.
const (
	ownBurst, ownPeriod = 20, time.Minute
	ownAccounts         = 1 << 10
)

// NewActs makes the acts of a daemon, whose desk knows who may do them.
func NewActs(a *Accounts, d *conduct.Desk, s *sessions.Table, log *slog.Logger) *Acts {
	return &Acts{accounts: a, desk: d, sessions: s, log: log, issuer: newIssuer(), own: budget.NewRate[string](ownPeriod, ownBurst, ownAccounts, a.now)}
}

// Accounts shows who may sign in: everybody, or only the actor himself to a
// role that may not see the others.
func (a *Acts) Accounts(ctx context.Context, actor acts.Actor) (acts.AccountList, error) {
	act := ActView
	if !a.desk.May(actor, ActView) {
		act = ActOwn
	}
	if err := a.desk.Permit(ctx, actor, act); err != nil {
		return acts.AccountList{}, err
	}
	all, revision, err := a.accounts.List(ctx)
	if err != nil {
		return acts.AccountList{}, a.desk.Failed(ctx, actor, act, nil, err)
	}
	list := acts.AccountList{Accounts: []acts.Account{}, Revision: uint64(revision)}
	for _, one := range all {
		if act == ActView || own(actor, one.Name) {
			list.Accounts = append(list.Accounts, a.describe(one))
		}
	}
	return list, nil
}

func (a *Acts) describe(one Account) acts.Account {
	shown := acts.Account{
		Name: one.Name, Role: acts.Role(one.Role), Created: one.Created, Changed: one.Changed,
		Keys: []acts.PublicKey{}, Sessions: a.sessions.Count(one.Name), Revision: uint64(one.Revision),
		MustChange: one.MustChange, Disabled: one.Disabled, SecondFactor: one.SecondFactor,
	}
	for _, k := range one.Keys {
		shown.Keys = append(shown.Keys, acts.PublicKey{Fingerprint: k.Fingerprint, Type: k.Type, Comment: foreign.Line(k.Comment), Added: k.Added})
	}
	return shown
}

// own says whether a name is that of the account which the actor signed in with.
func own(actor acts.Actor, name string) bool { return key(actor.Account) == key(name) }

// console says whether the actor came in without an account.
func console(actor acts.Actor) bool { return strings.EqualFold(actor.Account, reservedName) }

// perform makes a change with its record, and ends the sessions that it
// concerns: those of the changed account that were signed in with a key, or all
// of them when the key is empty; with no name none.
func (a *Acts) perform(ctx context.Context, actor acts.Actor, act string, subject []string, change func(*Accounts) (changed Account, ends, key string, err error)) (acts.AccountChange, error) {
	a.changing.Lock()
	defer a.changing.Unlock()
	if err := a.bounded(actor); err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, act, subject, err)
	}
	changed, ends, withKey, err := change(a.accounts.With(func(ctx context.Context, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
		return a.desk.Commit(ctx, actor, act, subject, "", ops, expect)
	}))
	if err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, act, subject, told(err))
	}
	ended := 0
	if ends != "" {
		ended = a.sessions.End(ends, withKey, actor.Session)
	}
	a.log.Info("account changed", "act", act, "account", changed.Name, "by", actor.Account, "sessions_ended", ended)
	return acts.AccountChange{Account: a.describe(changed), Ended: ended}, nil
}

// bounded refuses who changes his own account again and again.
func (a *Acts) bounded(actor acts.Actor) error {
	if a.desk.May(actor, ActCreate) {
		return nil
	}
	wait, ok := a.own.Allow(key(actor.Account))
	if ok {
		return nil
	}
	return &acts.Error{
		Code: acts.Unavailable, Text: "you changed your account too often",
		Hint: fmt.Sprintf("try again in %s, or ask a local administrator", wait.Round(time.Second)),
	}
}

// ending says what becomes of sessions.
func (a *Acts) ending(actor acts.Actor, account, withKey string) acts.Consequence {
	var from []string
	n := 0
	for _, s := range a.sessions.List() {
		if s.Account == account && (withKey == "" || s.Key == withKey) && s.ID != actor.Session {
			from = append(from, s.From)
			n++
		}
	}
	return acts.Consequence{Text: "Sessions that are ended at once.", InUse: true, Count: n, Who: conduct.Some(from)}
}

// told gives an error about accounts the form that a person reads.
func told(err error) error {
	var rule *RuleError
	var wait *BackoffError
	switch {
	case errors.As(err, &rule) && rule.What == "password":
		return &acts.Error{Code: acts.Invalid, Text: rule.Error(), Hint: "it has at least 8 characters of three of these classes: lower case, upper case, digits, others; and it is not the name of the account", Err: err}
	case errors.As(err, &rule):
		return &acts.Error{Code: acts.Invalid, Text: rule.Error(), Hint: "choose another name", Err: err}
	case errors.As(err, &wait):
		return &acts.Error{Code: acts.Unavailable, Text: wait.Error(), Hint: "a local administrator can set the password at once", Err: err}
	}
	for _, known := range []struct {
		fault error
		code  acts.Code
		hint  string
	}{
		{ErrExists, acts.Refused, "names that differ only in case are the same; choose another one"},
		{ErrNotFound, acts.NotFound, "the list of accounts shows who is there"},
		{ErrKeyNotFound, acts.NotFound, "the account's list of keys shows their fingerprints"},
		{ErrKeyExists, acts.Refused, "it signs in already"},
		{ErrKeyTaken, acts.Refused, "a key signs in as one account: delete it there first, or make another one with ssh-keygen -t ed25519"},
		{ErrNoSecondFactor, acts.Refused, "its password is all that signs it in, beside its keys"},
		{ErrManyKeys, acts.Refused, "delete keys that are not used any more"},
	} {
		if errors.Is(err, known.fault) {
			return &acts.Error{Code: known.code, Text: known.fault.Error(), Hint: known.hint, Err: err}
		}
	}
	return err
}

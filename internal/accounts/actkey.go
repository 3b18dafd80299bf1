package accounts

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/internal/sshd/sshkey"
)

// address is where an actor came from; the zero Addr for the console.
func address(actor acts.Actor) netip.Addr {
	from, _ := netip.ParseAddr(actor.From) // "local" is none
	return from
}

// whose says whose keys an act is about, and asks whether the actor may do it:
// everybody may change his own.
func (a *Acts) whose(ctx context.Context, actor acts.Actor, act, account string, subject ...string) (string, error) {
	if account == "" && !console(actor) {
		account = actor.Account
	}
	permission := act
	if own(actor, account) && !console(actor) {
		permission = ActOwn
	}
	subject = append([]string{account}, subject...)
	if err := a.desk.Permit(ctx, actor, permission, subject...); err != nil {
		return "", err
	}
	if account == "" {
		return "", a.desk.Failed(ctx, actor, act, subject, conduct.Invalid("the console has no public keys of its own", "name the account"))
	}
	return account, nil
}

// AddKey lets a public key sign in as an account.
func (a *Acts) AddKey(ctx context.Context, actor acts.Actor, in acts.AddKey) (acts.AccountChange, error) {
	account, err := a.whose(ctx, actor, ActAddKey, in.Account)
	if err != nil {
		return acts.AccountChange{}, err
	}
	subject := []string{account}
	key, err := sshkey.Parse(in.Line)
	if err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActAddKey, subject,
			conduct.Invalid(err.Error(), "give one line as in authorized_keys, which is what the .pub file holds"))
	}
	return a.perform(ctx, actor, ActAddKey, append(subject, key.Fingerprint), func(list *Accounts) (Account, string, string, error) {
		if _, err := a.toManage(ctx, actor, ActDelete, account, 0); err != nil {
			return Account{}, "", "", err
		}
		changed, err := list.AddKey(ctx, account, key)
		return changed, "", "", err
	})
}

// PreviewDeleteKey says what becomes of the sessions that a key signed in.
func (a *Acts) PreviewDeleteKey(ctx context.Context, actor acts.Actor, in acts.DeleteKey) (acts.Preview, error) {
	in.Fingerprint = fingerprint(in.Fingerprint)
	name, err := a.whose(ctx, actor, ActDeleteKey, in.Account, in.Fingerprint)
	if err != nil {
		return acts.Preview{}, err
	}
	// Read before the account: a change meanwhile makes the act stale.
	revision := a.accounts.store.Revision()
	account, at, err := a.keyToDelete(ctx, actor, name, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActDeleteKey, []string{name, in.Fingerprint}, told(err))
	}
	k := account.Keys[at]
	return acts.Preview{
		Act: ActDeleteKey,
		Lines: []string{
			fmt.Sprintf("The public key %s of %s will be deleted.", k.Fingerprint, account.Name),
			strings.TrimSpace(fmt.Sprintf("It is of the type %s and was added on %s. %s", k.Type, k.Added.UTC().Format(time.DateOnly), foreign.Line(k.Comment))),
		},
		Consequences: []acts.Consequence{a.ending(actor, account.Name, k.Fingerprint)},
		Revision:     uint64(revision), Asks: true,
	}, nil
}

// DeleteKey lets a public key sign in no longer.
func (a *Acts) DeleteKey(ctx context.Context, actor acts.Actor, in acts.DeleteKey) (acts.AccountChange, error) {
	in.Fingerprint = fingerprint(in.Fingerprint)
	name, err := a.whose(ctx, actor, ActDeleteKey, in.Account, in.Fingerprint)
	if err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActDeleteKey, []string{name, in.Fingerprint}, func(list *Accounts) (Account, string, string, error) {
		account, _, err := a.keyToDelete(ctx, actor, name, in)
		if err != nil {
			return Account{}, "", "", err
		}
		left, err := list.DeleteKey(ctx, account, in.Fingerprint)
		return left, left.Name, in.Fingerprint, err
	})
}

// keyToDelete finds the key that an actor named.
func (a *Acts) keyToDelete(ctx context.Context, actor acts.Actor, name string, in acts.DeleteKey) (Account, int, error) {
	account, err := a.toManage(ctx, actor, ActDelete, name, in.Revision)
	if err != nil {
		return Account{}, 0, err
	}
	at := slices.IndexFunc(account.Keys, func(k Key) bool { return k.Fingerprint == in.Fingerprint })
	if at < 0 {
		return Account{}, 0, ErrKeyNotFound
	}
	return account, at, nil
}

const fingerprintPrefix = "SHA256:"

// fingerprint reads what a person copied, with or without its prefix.
func fingerprint(typed string) string {
	return fingerprintPrefix + strings.TrimPrefix(strings.TrimSpace(typed), fingerprintPrefix)
}

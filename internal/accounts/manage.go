package accounts

import (
	"context"
	"errors"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// mayGive refuses the role that only those who have it give.
func mayGive(actor acts.Actor, role acts.Role) error {
	if role != acts.LocalAdministrator || actor.Role == acts.LocalAdministrator {
		return nil
	}
	return &acts.Error{
		Code: acts.NotAllowed, Text: "only a local administrator makes somebody a local administrator",
		Hint: "choose another role, or ask a local administrator",
	}
}

// mayTouch refuses the account of a local administrator to everybody who is
// neither one nor its owner: whoever manages the other accounts must not become
// one by way of a password that he sets or a key that he adds.
func mayTouch(actor acts.Actor, account Account) error {
	if account.Role != string(acts.LocalAdministrator) || actor.Role == acts.LocalAdministrator || own(actor, account.Name) {
		return nil
	}
	return &acts.Error{
		Code: acts.NotAllowed, Text: account.Name + " is a local administrator, whose account only a local administrator changes",
		Hint: "ask a local administrator",
	}
}

// toManage finds the account that an actor named, as he saw it, and says when he
// must not touch it. gone is the act that could have removed it since.
func (a *Acts) toManage(ctx context.Context, actor acts.Actor, gone, name string, revision uint64) (Account, error) {
	account, err := a.accounts.Get(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return Account{}, conduct.Gone(revision, gone, name, told(err))
	case err != nil:
		return Account{}, err
	}
	if err := mayTouch(actor, account); err != nil {
		return Account{}, err
	}
	return account, conduct.Seen(revision, account.Revision)
}

// title is the account's role as it is written for people.
func (a Account) title() string { return acts.Role(a.Role).Title() }

// deprivation is the account that is to lose what it may, as it was read.
type deprivation struct {
	account  Account
	depends  []Account // one that has to be there for it
	revision uint64
}

// doing says in a refusal what an act does to an account.
var doing = map[string]string{ActDelete: "deletes", ActDisable: "disables", ActSetRole: "changes the role of"}

// toDeprive finds the account that is to be deleted or disabled, or to get
// another role, and says when it has to stay as it is: there is always somebody
// left who may do everything.
func (a *Acts) toDeprive(ctx context.Context, actor acts.Actor, act, name string, revision uint64) (deprivation, error) {
	all, at, err := a.accounts.List(ctx)
	if err != nil {
		return deprivation{}, err
	}
	d := deprivation{revision: uint64(at)}
	var others []Account // that may do what only a local administrator may
	for _, one := range all {
		switch {
		case key(one.Name) == key(name):
			d.account = one
		case one.Role == string(acts.LocalAdministrator) && !one.Disabled:
			others = append(others, one)
		}
	}
	if d.account.Name == "" {
		return deprivation{}, conduct.Gone(revision, ActDelete, name, told(ErrNotFound))
	}
	if err := mayTouch(actor, d.account); err != nil {
		return deprivation{}, err
	}
	if err := conduct.Seen(revision, d.account.Revision); err != nil {
		return deprivation{}, err
	}
	if own(actor, d.account.Name) {
		return deprivation{}, &acts.Error{Code: acts.Refused, Text: "nobody " + doing[act] + " the account that he is signed in with", Hint: "another local administrator can do it"}
	}
	if d.account.Role == string(acts.LocalAdministrator) && !d.account.Disabled {
		if len(others) == 0 {
			return deprivation{}, &acts.Error{Code: acts.Refused, Text: d.account.Name + " is the last local administrator, who has to stay", Hint: "make or enable another account with the role " + acts.LocalAdministrator.Title() + " first"}
		}
		d.depends = others[:1]
	}
	return d, nil
}

package accounts

import (
	"context"
	"errors"
	"fmt"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// CreateAccount lets somebody sign in with a password.
func (a *Acts) CreateAccount(ctx context.Context, actor acts.Actor, in acts.CreateAccount) (acts.AccountChange, error) {
	subject := []string{in.Name, string(in.Role)}
	if err := a.desk.Permit(ctx, actor, ActCreate, subject...); err != nil {
		return acts.AccountChange{}, err
	}
	role, err := acts.ParseRole(string(in.Role))
	if err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActCreate, subject, conduct.Invalid(err.Error(), "choose one of them"))
	}
	if err := mayGive(actor, role); err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActCreate, subject, err)
	}
	return a.perform(ctx, actor, ActCreate, subject, func(list *Accounts) (Account, string, string, error) {
		made, err := list.Create(ctx, in.Name, string(role), in.Password, Anothers)
		return made, "", "", err
	})
}

// PreviewDeleteAccount says what becomes of an account's keys and sessions.
func (a *Acts) PreviewDeleteAccount(ctx context.Context, actor acts.Actor, in acts.DeleteAccount) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, ActDelete, in.Name); err != nil {
		return acts.Preview{}, err
	}
	d, err := a.toDeprive(ctx, actor, ActDelete, in.Name, in.Revision)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActDelete, []string{in.Name}, told(err))
	}
	lines := []string{fmt.Sprintf("The account %s (%s) will be deleted.", d.account.Name, d.account.title())}
	switch n := len(d.account.Keys); n {
	case 0:
	case 1:
		lines = append(lines, "Its public key will be deleted with it.")
	default:
		lines = append(lines, fmt.Sprintf("Its %d public keys will be deleted with it.", n))
	}
	return acts.Preview{
		Act: ActDelete, Lines: lines, Consequences: []acts.Consequence{a.ending(actor, d.account.Name, "")},
		Revision: d.revision, Asks: true,
	}, nil
}

// DeleteAccount lets somebody sign in no longer.
func (a *Acts) DeleteAccount(ctx context.Context, actor acts.Actor, in acts.DeleteAccount) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActDelete, in.Name); err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActDelete, []string{in.Name}, func(list *Accounts) (Account, string, string, error) {
		d, err := a.toDeprive(ctx, actor, ActDelete, in.Name, in.Revision)
		if err == nil {
			err = list.Delete(ctx, d.account, d.depends...)
		}
		return d.account, d.account.Name, "", err
	})
}

// SetPassword sets the password of another's account. Who forgot his own is
// helped that way, and has to change it afterwards. Nobody changes his own
// without knowing it: an open terminal or browser would be enough then.
func (a *Acts) SetPassword(ctx context.Context, actor acts.Actor, in acts.SetPassword) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActSetPassword, in.Name); err != nil {
		return acts.AccountChange{}, err
	}
	if own(actor, in.Name) && !console(actor) {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActSetPassword, []string{in.Name}, &acts.Error{
			Code: acts.Refused, Text: "your own password is changed with the current one", Hint: "change it in your account (account change-password)",
		})
	}
	return a.perform(ctx, actor, ActSetPassword, []string{in.Name}, func(list *Accounts) (Account, string, string, error) {
		account, err := a.toManage(ctx, actor, ActSetPassword, in.Name, 0)
		if err != nil {
			return Account{}, "", "", err
		}
		changed, err := list.setPassword(ctx, account, in.Password, Anothers)
		return changed, changed.Name, "", err
	})
}

// ChangePassword changes the actor's own password. The current one is checked
// at the same cost, and with the same brake, as at a sign-in: an open terminal
// is no way to guess it.
func (a *Acts) ChangePassword(ctx context.Context, actor acts.Actor, in acts.ChangePassword) (acts.AccountChange, error) {
	subject := []string{actor.Account}
	if err := a.desk.Permit(ctx, actor, ActChangePassword, subject...); err != nil {
		return acts.AccountChange{}, err
	}
	account, err := a.prove(ctx, actor, in)
	if err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActChangePassword, subject, told(err))
	}
	return a.perform(ctx, actor, ActChangePassword, subject, func(list *Accounts) (Account, string, string, error) {
		changed, err := list.setPassword(ctx, account, in.New, Own)
		return changed, changed.Name, "", err
	})
}

// prove checks the current password, once the new one keeps the rules.
func (a *Acts) prove(ctx context.Context, actor acts.Actor, in acts.ChangePassword) (Account, error) {
	if console(actor) {
		return Account{}, &acts.Error{Code: acts.Refused, Text: "the console has no password of its own", Hint: "set the one of an account: account password NAME"}
	}
	if err := CheckPassword(actor.Account, in.New); err != nil {
		return Account{}, err
	}
	return a.current(ctx, actor, in.Current)
}

// current checks the actor's current password.
func (a *Acts) current(ctx context.Context, actor acts.Actor, password string) (Account, error) {
	account, err := a.accounts.Verify(ctx, actor.Account, password, address(actor))
	if errors.Is(err, ErrRefused) {
		err = &acts.Error{Code: acts.Refused, Text: "the current password is not right", Hint: "type it again; a local administrator can set another one", Err: err}
	}
	return account, err
}

package accounts

import (
	"context"
	"fmt"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// PreviewSetRole says what becomes of an account's sessions when its role is
// changed.
func (a *Acts) PreviewSetRole(ctx context.Context, actor acts.Actor, in acts.SetRole) (acts.Preview, error) {
	subject := []string{in.Name, string(in.Role)}
	if err := a.desk.Permit(ctx, actor, ActSetRole, subject...); err != nil {
		return acts.Preview{}, err
	}
	d, err := a.toSetRole(ctx, actor, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActSetRole, subject, told(err))
	}
	return a.depriving(actor, ActSetRole, d,
		fmt.Sprintf("The account %s, which has the role %s, will have the role %s.", d.account.Name, d.account.title(), in.Role.Title())), nil
}

// SetRole gives an account another role.
func (a *Acts) SetRole(ctx context.Context, actor acts.Actor, in acts.SetRole) (acts.AccountChange, error) {
	subject := []string{in.Name, string(in.Role)}
	if err := a.desk.Permit(ctx, actor, ActSetRole, subject...); err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActSetRole, subject, func(list *Accounts) (Account, string, string, error) {
		d, err := a.toSetRole(ctx, actor, in)
		if err != nil {
			return Account{}, "", "", err
		}
		changed, err := list.SetRole(ctx, d.account, string(in.Role), d.depends...)
		return changed, changed.Name, "", err
	})
}

// toSetRole finds the account that is to get another role.
func (a *Acts) toSetRole(ctx context.Context, actor acts.Actor, in acts.SetRole) (deprivation, error) {
	role, err := acts.ParseRole(string(in.Role))
	if err != nil {
		return deprivation{}, conduct.Invalid(err.Error(), "choose one of them")
	}
	if role != in.Role {
		return deprivation{}, conduct.Invalid(fmt.Sprintf("role %q is not known", in.Role), "write it as "+string(role))
	}
	if err := mayGive(actor, role); err != nil {
		return deprivation{}, err
	}
	d, err := a.toDeprive(ctx, actor, ActSetRole, in.Name, in.Revision)
	if err == nil && d.account.Role == string(role) {
		err = &acts.Error{Code: acts.Refused, Text: d.account.Name + " has the role " + role.Title() + " already", Hint: "nothing was changed"}
	}
	return d, err
}

// PreviewDisableAccount says what becomes of an account's sessions.
func (a *Acts) PreviewDisableAccount(ctx context.Context, actor acts.Actor, in acts.DisableAccount) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, ActDisable, in.Name); err != nil {
		return acts.Preview{}, err
	}
	d, err := a.toDisable(ctx, actor, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActDisable, []string{in.Name}, told(err))
	}
	lines := []string{fmt.Sprintf("The account %s (%s) will be disabled: nothing signs in as it until it is enabled.", d.account.Name, d.account.title())}
	if len(d.account.Keys) > 0 {
		lines = append(lines, "Its public keys stay where they are.")
	}
	return a.depriving(actor, ActDisable, d, lines...), nil
}

// DisableAccount lets an account sign in no longer, without deleting it.
func (a *Acts) DisableAccount(ctx context.Context, actor acts.Actor, in acts.DisableAccount) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActDisable, in.Name); err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActDisable, []string{in.Name}, func(list *Accounts) (Account, string, string, error) {
		d, err := a.toDisable(ctx, actor, in)
		if err != nil {
			return Account{}, "", "", err
		}
		changed, err := list.SetDisabled(ctx, d.account, true, d.depends...)
		return changed, changed.Name, "", err
	})
}

func (a *Acts) toDisable(ctx context.Context, actor acts.Actor, in acts.DisableAccount) (deprivation, error) {
	d, err := a.toDeprive(ctx, actor, ActDisable, in.Name, in.Revision)
	if err == nil && d.account.Disabled {
		err = &acts.Error{Code: acts.Refused, Text: d.account.Name + " is disabled already", Hint: "nothing was changed"}
	}
	return d, err
}

// EnableAccount lets a disabled account sign in again, with what it had.
func (a *Acts) EnableAccount(ctx context.Context, actor acts.Actor, in acts.EnableAccount) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActEnable, in.Name); err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActEnable, []string{in.Name}, func(list *Accounts) (Account, string, string, error) {
		account, err := a.toManage(ctx, actor, ActDelete, in.Name, in.Revision)
		if err == nil && !account.Disabled {
			err = &acts.Error{Code: acts.Refused, Text: account.Name + " is enabled already", Hint: "nothing was changed"}
		}
		if err != nil {
			return Account{}, "", "", err
		}
		changed, err := list.SetDisabled(ctx, account, false)
		return changed, "", "", err
	})
}

// depriving is the preview of what ends all sessions of an account.
func (a *Acts) depriving(actor acts.Actor, act string, d deprivation, lines ...string) acts.Preview {
	return acts.Preview{
		Act: act, Lines: lines, Consequences: []acts.Consequence{a.ending(actor, d.account.Name, "")},
		Revision: d.revision, Asks: true,
	}
}

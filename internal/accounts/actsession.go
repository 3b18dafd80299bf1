package accounts

import (
	"context"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// OwnSessions shows where the actor is signed in, the longest first.
func (a *Acts) OwnSessions(ctx context.Context, actor acts.Actor) ([]acts.AccountSession, error) {
	if err := a.desk.Permit(ctx, actor, ActOwn, actor.Account); err != nil {
		return nil, err
	}
	out := []acts.AccountSession{}
	for _, s := range a.sessions.List() {
		if own(actor, s.Account) {
			out = append(out, acts.AccountSession{From: s.From, Key: s.Key, Since: s.Since, Here: s.ID == actor.Session})
		}
	}
	return out, nil
}

// EndOtherSessions signs the actor out everywhere else.
func (a *Acts) EndOtherSessions(ctx context.Context, actor acts.Actor) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActOwn, actor.Account); err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActEndSessions, []string{actor.Account}, func(list *Accounts) (Account, string, string, error) {
		account, err := a.accounts.Get(ctx, actor.Account)
		if err != nil {
			return Account{}, "", "", err
		}
		// Nothing is written but the record, provided that the account is there.
		_, err = list.commit(ctx, nil, []kv.Expect{{Key: key(account.Name), Revision: account.Revision}})
		return account, account.Name, "", err
	})
}

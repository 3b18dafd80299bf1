package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"vedette/internal/accounts/totp"
	"vedette/internal/acts"
)

// offerLifetime is how long a second factor that was begun waits for its code,
// and maxOffers how many wait at once.
const (
	offerLifetime = 10 * time.Minute
	maxOffers     = 256
)

// newIssuer is what an app shows beside the name of an account: with the server,
// since people have accounts on several.
func newIssuer() string {
	if host, err := os.Hostname(); err == nil && host != "" {
		return "Vedette " + host
	}
	return "Vedette"
}

// offers are the second factors that were begun, by the session that began
// them: a secret is kept nowhere else until a code has proved that its person
// has it.
type offers struct {
	mu sync.Mutex // guards of
	of map[uint64]offer
}

// offer is a second factor of an account as it was read.
type offer struct {
	account Account
	secret  totp.Secret
	until   time.Time
}

func (o offer) shown(issuer string) acts.SecondFactorOffer {
	return acts.SecondFactorOffer{Secret: o.secret.Text(), URI: o.secret.URI(issuer, o.account.Name), Until: o.until}
}

// put keeps an offer in the place of the session's last one; the oldest of too
// many makes room.
func (o *offers) put(session uint64, made offer, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = make(map[uint64]offer)
	}
	delete(o.of, session)
	var oldest uint64
	for id, other := range o.of {
		if !now.Before(other.until) {
			delete(o.of, id)
		} else if first, ok := o.of[oldest]; !ok || other.until.Before(first.until) {
			oldest = id
		}
	}
	if len(o.of) >= maxOffers {
		delete(o.of, oldest)
	}
	o.of[session] = made
}

func (o *offers) get(session uint64, now time.Time) (offer, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found, ok := o.of[session]
	return found, ok && now.Before(found.until)
}

func (o *offers) drop(session uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.of, session)
}

var (
	errConsoleFactor = &acts.Error{Code: acts.Refused, Text: "the console has no second factor of its own", Hint: "sign in as the account"}
	errNoOffer       = &acts.Error{Code: acts.NotFound, Text: "no second factor was begun, or it is too long ago", Hint: "begin again"}
	errHasFactor     = &acts.Error{Code: acts.Refused, Text: "your account has a second factor already", Hint: "switch it off first to replace it"}
	errWrongCode     = &acts.Error{Code: acts.Invalid, Text: "the code is not right", Hint: "type the six digits that the app shows now; the clocks of the app and of this server must agree"}
)

// BeginSecondFactor makes a second factor for the actor's own account, and shows
// it. It is switched on by a code, given in the same session. The current
// password is asked for: an open terminal must not lock its owner out.
func (a *Acts) BeginSecondFactor(ctx context.Context, actor acts.Actor, in acts.BeginSecondFactor) (acts.SecondFactorOffer, error) {
	subject := []string{actor.Account}
	if err := a.desk.Permit(ctx, actor, ActOwn, subject...); err != nil {
		return acts.SecondFactorOffer{}, err
	}
	made, err := a.begin(ctx, actor, in)
	if err != nil {
		return acts.SecondFactorOffer{}, a.desk.Failed(ctx, actor, ActSecondFactor, subject, told(err))
	}
	return made.shown(a.issuer), nil
}

func (a *Acts) begin(ctx context.Context, actor acts.Actor, in acts.BeginSecondFactor) (offer, error) {
	if console(actor) {
		return offer{}, errConsoleFactor
	}
	account, err := a.current(ctx, actor, in.Current)
	if err != nil {
		return offer{}, err
	}
	if account.SecondFactor {
		return offer{}, errHasFactor
	}
	now := a.accounts.now()
	made := offer{account: account, secret: totp.New(), until: now.Add(offerLifetime)}
	a.offers.put(actor.Session, made, now)
	return made, nil
}

// SecondFactorBegun shows again what the actor's session has begun. Its error is
// NotFound when that is nothing.
func (a *Acts) SecondFactorBegun(ctx context.Context, actor acts.Actor) (acts.SecondFactorOffer, error) {
	if err := a.desk.Permit(ctx, actor, ActOwn, actor.Account); err != nil {
		return acts.SecondFactorOffer{}, err
	}
	made, err := a.begun(actor)
	return made.shown(a.issuer), err
}

func (a *Acts) begun(actor acts.Actor) (offer, error) {
	made, ok := a.offers.get(actor.Session, a.accounts.now())
	if !ok || !own(actor, made.account.Name) {
		return offer{}, errNoOffer
	}
	return made, nil
}

// ConfirmSecondFactor switches on what the actor's session has begun. From then
// on nobody is shown its secret.
func (a *Acts) ConfirmSecondFactor(ctx context.Context, actor acts.Actor, in acts.ConfirmSecondFactor) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActOwn, actor.Account); err != nil {
		return acts.AccountChange{}, err
	}
	change, err := a.perform(ctx, actor, ActSecondFactor, []string{actor.Account, "on"}, func(list *Accounts) (Account, string, string, error) {
		made, err := a.begun(actor)
		if err != nil {
			return Account{}, "", "", err
		}
		now, err := list.Get(ctx, made.account.Name)
		switch {
		case err != nil:
			return Account{}, "", "", err
		case now.SecondFactor:
			return Account{}, "", "", errHasFactor
		}
		changed, err := list.SetSecondFactor(ctx, now, made.secret, in.Code)
		if errors.Is(err, ErrRefused) {
			err = errWrongCode
		}
		return changed, changed.Name, "", err
	})
	if err == nil {
		a.offers.drop(actor.Session)
	}
	return change, err
}

// EndSecondFactor switches off the actor's own second factor. The current
// password is asked for.
func (a *Acts) EndSecondFactor(ctx context.Context, actor acts.Actor, in acts.EndSecondFactor) (acts.AccountChange, error) {
	subject := []string{actor.Account, "off"}
	if err := a.desk.Permit(ctx, actor, ActOwn, actor.Account); err != nil {
		return acts.AccountChange{}, err
	}
	if console(actor) {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActSecondFactor, subject, errConsoleFactor)
	}
	account, err := a.current(ctx, actor, in.Current)
	if err != nil {
		return acts.AccountChange{}, a.desk.Failed(ctx, actor, ActSecondFactor, subject, told(err))
	}
	return a.perform(ctx, actor, ActSecondFactor, subject, func(list *Accounts) (Account, string, string, error) {
		changed, err := list.RemoveSecondFactor(ctx, account)
		return changed, changed.Name, "", err
	})
}

// PreviewRemoveSecondFactor says what becomes of an account that loses its second
// factor.
func (a *Acts) PreviewRemoveSecondFactor(ctx context.Context, actor acts.Actor, in acts.RemoveSecondFactor) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, ActSecondFactor, in.Name); err != nil {
		return acts.Preview{}, err
	}
	revision := a.accounts.store.Revision() // before the account: a change meanwhile makes the act stale
	account, err := a.toRemoveSecondFactor(ctx, actor, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActSecondFactor, []string{in.Name, "remove"}, told(err))
	}
	return a.depriving(actor, ActSecondFactor, deprivation{account: account, revision: uint64(revision)},
		fmt.Sprintf("The second factor of %s will be removed: the password alone signs in then.", account.Name),
		"Make sure that it is the owner of the account who asks for it."), nil
}

// RemoveSecondFactor helps somebody who lost his second factor.
func (a *Acts) RemoveSecondFactor(ctx context.Context, actor acts.Actor, in acts.RemoveSecondFactor) (acts.AccountChange, error) {
	if err := a.desk.Permit(ctx, actor, ActSecondFactor, in.Name); err != nil {
		return acts.AccountChange{}, err
	}
	return a.perform(ctx, actor, ActSecondFactor, []string{in.Name, "remove"}, func(list *Accounts) (Account, string, string, error) {
		account, err := a.toRemoveSecondFactor(ctx, actor, in)
		if err != nil {
			return Account{}, "", "", err
		}
		changed, err := list.RemoveSecondFactor(ctx, account)
		return changed, changed.Name, "", err
	})
}

func (a *Acts) toRemoveSecondFactor(ctx context.Context, actor acts.Actor, in acts.RemoveSecondFactor) (Account, error) {
	account, err := a.toManage(ctx, actor, ActDelete, in.Name, in.Revision)
	switch {
	case err != nil:
		return Account{}, err
	case own(actor, account.Name):
		return Account{}, &acts.Error{Code: acts.Refused, Text: "your own second factor is switched off with your password", Hint: "do it on the page of your account"}
	case !account.SecondFactor:
		return Account{}, ErrNoSecondFactor
	}
	return account, nil
}

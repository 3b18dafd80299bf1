package accounts

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"vedette/internal/accounts/totp"
	"vedette/internal/acts"
	"vedette/internal/audit"
)

// begin begins anna's second factor in a session of hers.
func (h *house) begin(t *testing.T, who acts.Actor) (acts.SecondFactorOffer, totp.Secret) {
	t.Helper()
	offer, err := h.BeginSecondFactor(ctx, who, acts.BeginSecondFactor{Current: good})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := totp.Parse(offer.Secret)
	if err != nil || offer.URI != secret.URI(newIssuer(), who.Account) || !strings.HasPrefix(newIssuer(), "Vedette ") || !offer.Until.Equal(h.clock.Now().Add(offerLifetime)) {
		t.Fatalf("%+v, %v", offer, err)
	}
	return offer, secret
}

func TestASecondFactorIsSwitchedOnByItsCodeAndOffByThePassword(t *testing.T) {
	h := newHouse(t)
	other, mine := h.enter(officer, ""), h.enter(officer, "")
	refused(t, second(h.BeginSecondFactor(ctx, mine, acts.BeginSecondFactor{Current: "Wrong-horse7"})), acts.Refused, "current password")
	refused(t, second(h.SecondFactorBegun(ctx, mine)), acts.NotFound, "no second factor was begun")
	offer, secret := h.begin(t, mine)
	if again, err := h.SecondFactorBegun(ctx, mine); err != nil || again != offer {
		t.Errorf("%v, %v", again, err)
	}
	refused(t, second(h.SecondFactorBegun(ctx, other)), acts.NotFound, "no second factor was begun")
	refused(t, second(h.ConfirmSecondFactor(ctx, other, acts.ConfirmSecondFactor{Code: secret.Code(h.clock.Now())})), acts.NotFound, "no second factor was begun")
	refused(t, second(h.ConfirmSecondFactor(ctx, mine, acts.ConfirmSecondFactor{Code: "000000x"})), acts.Invalid, "the code is not right")
	if h.account(t, "anna").SecondFactor {
		t.Fatal("it is on without its code")
	}
	on, err := h.ConfirmSecondFactor(ctx, mine, acts.ConfirmSecondFactor{Code: secret.Code(h.clock.Now())})
	if err != nil || !on.Account.SecondFactor || on.Ended != 1 || !slices.Equal(h.ended, []uint64{other.Session}) {
		t.Fatalf("%+v, %v; ended %v", on, err, h.ended)
	}
	refused(t, second(h.SecondFactorBegun(ctx, mine)), acts.NotFound, "no second factor was begun")
	refused(t, second(h.BeginSecondFactor(ctx, mine, acts.BeginSecondFactor{Current: good})), acts.Refused, "already")

	other = h.enter(officer, "")
	refused(t, second(h.EndSecondFactor(ctx, mine, acts.EndSecondFactor{Current: "Wrong-horse7"})), acts.Refused, "current password")
	off, err := h.EndSecondFactor(ctx, mine, acts.EndSecondFactor{Current: good})
	if err != nil || off.Account.SecondFactor || off.Ended != 1 || h.table.While(other.Session, func() {}) {
		t.Fatalf("%+v, %v", off, err)
	}
	refused(t, second(h.EndSecondFactor(ctx, mine, acts.EndSecondFactor{Current: good})), acts.Refused, "no second factor")
	want := []string{"anna: account second-factor anna on", "anna: account second-factor anna off"}
	if got := h.records(t, audit.Done); !slices.Equal(got, want) {
		t.Errorf("records %q", got)
	}
	all, _, err := h.list.store.List(ctx, "audit/")
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	for _, e := range all {
		if strings.Contains(string(e.Value), offer.Secret) || strings.Contains(string(e.Value), good) {
			t.Errorf("a secret is in the audit: %s", e.Value)
		}
	}
}

func TestABegunSecondFactorIsForgottenAfterAWhile(t *testing.T) {
	h := newHouse(t)
	mine := h.enter(officer, "")
	_, secret := h.begin(t, mine)
	h.clock.advance(offerLifetime)
	refused(t, second(h.SecondFactorBegun(ctx, mine)), acts.NotFound, "too long ago")
	refused(t, second(h.ConfirmSecondFactor(ctx, mine, acts.ConfirmSecondFactor{Code: secret.Code(h.clock.Now())})), acts.NotFound, "too long ago")

	// The newest of a session counts, and too many make room for each other.
	_, first := h.begin(t, mine)
	h.begin(t, mine)
	refused(t, second(h.ConfirmSecondFactor(ctx, mine, acts.ConfirmSecondFactor{Code: first.Code(h.clock.Now())})), acts.Invalid, "the code is not right")
	now := h.clock.Now()
	for i := range uint64(2 * maxOffers) {
		h.offers.put(1000+i, offer{until: now.Add(offerLifetime + codeStep)}, now)
	}
	if n := len(h.offers.of); n > maxOffers {
		t.Errorf("%d offers are kept", n)
	}
	refused(t, second(h.SecondFactorBegun(ctx, mine)), acts.NotFound, "")
}

func TestWhoLostASecondFactorIsHelpedByAnother(t *testing.T) {
	h := newHouse(t)
	code := withFactor(t, h.list, h.clock, "anna")
	withFactor(t, h.list, h.clock, "admin")
	anna := h.enter(officer, "")
	p, err := h.PreviewRemoveSecondFactor(ctx, boss, acts.RemoveSecondFactor{Name: "ANNA"})
	if err != nil || !p.Asks || p.Act != ActSecondFactor || p.Consequences[0].Count != 1 || !strings.Contains(p.Lines[0], "of anna will be removed") {
		t.Fatalf("%+v, %v", p, err)
	}
	left, err := h.RemoveSecondFactor(ctx, boss, acts.RemoveSecondFactor{Name: "ANNA", Revision: p.Revision})
	if err != nil || left.Account.SecondFactor || left.Ended != 1 || h.table.While(anna.Session, func() {}) {
		t.Fatalf("%+v, %v", left, err)
	}
	h.clock.advance(codeStep)
	if _, err := h.list.VerifyCode(ctx, "anna", code(), office); err != ErrRefused {
		t.Error(err)
	}
	refused(t, second(h.RemoveSecondFactor(ctx, boss, acts.RemoveSecondFactor{Name: "anna"})), acts.Refused, "no second factor")
	refused(t, second(h.RemoveSecondFactor(ctx, boss, acts.RemoveSecondFactor{Name: "anna", Revision: p.Revision})), acts.Stale, "account second-factor by admin")
	refused(t, second(h.RemoveSecondFactor(ctx, boss, acts.RemoveSecondFactor{Name: "admin"})), acts.Refused, "switched off with your password")
	refused(t, second(h.RemoveSecondFactor(ctx, officer, acts.RemoveSecondFactor{Name: "admin"})), acts.NotAllowed, "")
	if _, err := h.RemoveSecondFactor(ctx, atHome, acts.RemoveSecondFactor{Name: "admin"}); err != nil {
		t.Error(err)
	}
	if got := h.records(t, audit.Done); !slices.Equal(got, []string{"admin: account second-factor ANNA remove", "local: account second-factor admin remove"}) {
		t.Errorf("records %q", got)
	}
}

func TestTheConsoleHasNoSecondFactor(t *testing.T) {
	h := newHouse(t)
	refused(t, second(h.BeginSecondFactor(ctx, atHome, acts.BeginSecondFactor{Current: good})), acts.Refused, "console")
	refused(t, second(h.EndSecondFactor(ctx, atHome, acts.EndSecondFactor{Current: good})), acts.Refused, "console")
	refused(t, second(h.ConfirmSecondFactor(ctx, atHome, acts.ConfirmSecondFactor{})), acts.NotFound, "")
}

func TestAnOfferedSecretIsInNoLog(t *testing.T) {
	h := newHouse(t)
	offer, _ := h.begin(t, h.enter(officer, ""))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "offer", offer)
	if text := fmt.Sprintf("%v %+v %#v", offer, offer, offer) + log.String(); strings.Contains(text, offer.Secret) {
		t.Error(text)
	}
}

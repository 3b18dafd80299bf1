package admin

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/pki"
	"vedette/sensor/store"
	"vedette/sensor/uplink"
)

// CentralNode shows the configured Central Node and how this Sensor stands with
// it.
func (a *Admin) CentralNode(ctx context.Context, actor acts.Actor) (acts.CentralNode, error) {
	if err := a.desk.Permit(ctx, actor, actViewLink); err != nil {
		return acts.CentralNode{}, err
	}
	shown, err := a.centralNode(ctx)
	if err != nil {
		return acts.CentralNode{}, a.desk.Failed(ctx, actor, actViewLink, nil, err)
	}
	return shown, nil
}

func (a *Admin) centralNode(ctx context.Context) (acts.CentralNode, error) {
	kept, _, err := a.c.Store.CentralNode(ctx)
	if err != nil {
		return acts.CentralNode{}, err
	}
	s := a.c.Uplink.State()
	shown := acts.CentralNode{
		Address: kept.Address, State: s.Link, Since: s.Since, Detail: foreign.Line(s.Detail), Next: foreign.Line(s.Next),
		Expected: s.Expected, Met: s.Met, LinkIdentity: a.c.LinkIdentity, Revision: uint64(kept.Version),
	}
	if shown.Expected.IsZero() {
		shown.Expected = kept.Pin
	}
	return shown, nil
}

// PreviewSetCentralNode looks at the certificate that the Central Node shows
// and gives it to a person to compare.
func (a *Admin) PreviewSetCentralNode(ctx context.Context, actor acts.Actor, in acts.SetCentralNode) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actSetCentralNode); err != nil {
		return acts.Preview{}, err
	}
	p, err := a.previewSet(ctx, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, actSetCentralNode, []string{in.Address}, err)
	}
	return p, nil
}

func (a *Admin) previewSet(ctx context.Context, in acts.SetCentralNode) (acts.Preview, error) {
	address, err := ParseAddress(in.Address)
	if err != nil {
		return acts.Preview{}, err
	}
	// The revision is of before the look at the entry, so that no change between
	// the two goes unnoticed.
	p := acts.Preview{Act: actSetCentralNode, Revision: uint64(a.c.Store.Revision()), Asks: true}
	kept, found, err := a.c.Store.CentralNode(ctx)
	if err != nil {
		return acts.Preview{}, err
	}
	met, err := a.meet(ctx, address)
	switch {
	case err == nil:
		p.Fingerprint = pki.FingerprintOf(met.Raw)
		if err := confirmed(address, in.Fingerprint, p.Fingerprint); err != nil {
			return acts.Preview{}, err
		}
		p.Lines = a.describe(address, met)
	case ctx.Err() != nil:
		return acts.Preview{}, ctx.Err() // nobody waits for it any more
	case in.Fingerprint.IsZero():
		return acts.Preview{}, err
	default:
		p.Fingerprint = in.Fingerprint
		p.Lines = []string{
			"Central Node address: " + address,
			"Nobody shows a certificate there now: " + foreign.Line(err.Error()),
			"Only this certificate (SHA-256) will be accepted: " + in.Fingerprint.String(),
		}
	}
	if found {
		p.Lines = append(p.Lines, changes(kept, address, p.Fingerprint)...)
		p.Consequences = a.repointing()
	}
	p.Lines = append(p.Lines, "The Sensor becomes active after an administrator of the Central Node has accepted it; its link identity is "+a.c.LinkIdentity.String()+".")
	return p, nil
}

// describe lists what a person compares.
func (a *Admin) describe(address string, met *x509.Certificate) []string {
	lines := []string{
		"Central Node address: " + address,
		"Fingerprint (SHA-256): " + pki.FingerprintOf(met.Raw).String(),
		"Subject: " + foreign.Line(met.Subject.String()),
		"Valid from: " + met.NotBefore.UTC().Format(time.RFC3339),
		"Valid until: " + met.NotAfter.UTC().Format(time.RFC3339),
	}
	if w, ok := pki.ExpiryWarning(met, a.c.Now()); ok {
		lines = append(lines, w.Text)
	}
	return append(lines, "Make sure that the displayed certificate matches the Central Node component certificate.")
}

// changes says what becomes of the Central Node that is configured now.
func changes(kept store.CentralNode, address string, next pki.Fingerprint) []string {
	var lines []string
	if kept.Address != address {
		lines = append(lines, "It takes the place of the Central Node at "+kept.Address+".")
	}
	switch {
	case next == kept.Pin:
		if kept.Address == address {
			lines = append(lines, "It is configured already, and will be asked once more to accept this Sensor.")
		}
	case next == kept.Next:
		lines = append(lines, "The Central Node announced this certificate as its next one.")
	default:
		lines = append(lines,
			"Expected: "+kept.Pin.String()+", the certificate confirmed before.",
			"Met: "+next.String()+", another one. Confirm it only when you know why it changed.")
	}
	return lines
}

// repointing lists what configuring a Central Node breaks where one is
// configured already.
func (a *Admin) repointing() []acts.Consequence {
	return []acts.Consequence{
		{Text: "The link begins anew: agents that are carried now are disconnected, and carried again once the Central Node has accepted this Sensor.", InUse: true, Count: a.c.Door.Counts().Agents, Who: a.connected()},
	}
}

// meet looks at the certificate shown at an address.
func (a *Admin) meet(ctx context.Context, address string) (*x509.Certificate, error) {
	met, err := a.c.Probe(ctx, address)
	if err != nil {
		return nil, unseen(address, err)
	}
	return met, nil
}

// unseen says why no certificate was met.
func unseen(address string, err error) *acts.Error {
	const hint = "Who knows the fingerprint already can give it with the address on the command line; then nobody has to answer there."
	var told *uplink.ProbeError
	if errors.As(err, &told) {
		return &acts.Error{Code: acts.Unavailable, Text: foreign.Line(told.Text), Hint: told.Hint + " " + hint, Err: err}
	}
	return &acts.Error{Code: acts.Unavailable, Text: "cannot see the certificate of " + address, Hint: hint, Err: err}
}

// confirmed refuses a certificate that is not the confirmed one; a zero
// fingerprint confirms none yet.
func confirmed(address string, fingerprint, met pki.Fingerprint) error {
	if fingerprint.IsZero() || fingerprint == met {
		return nil
	}
	return &acts.Error{
		Code: acts.Refused, Text: fmt.Sprintf("%s shows another certificate: confirmed %s, met %s", address, fingerprint, met),
		Hint: "nothing was changed; compare with the fingerprint that the Central Node itself shows",
	}
}

// SetCentralNode configures the Central Node and asks it to accept this Sensor,
// also when it rejected the Sensor before. Only the confirmed certificate is
// accepted from then on. A server that shows another one is refused; one that
// does not answer is configured all the same, and the state says so.
func (a *Admin) SetCentralNode(ctx context.Context, actor acts.Actor, in acts.SetCentralNode) (acts.CentralNode, error) {
	subject := []string{in.Address}
	if !in.Fingerprint.IsZero() {
		subject = append(subject, in.Fingerprint.String())
	}
	if err := a.desk.Permit(ctx, actor, actSetCentralNode, subject...); err != nil {
		return acts.CentralNode{}, err
	}
	if err := a.set(ctx, actor, in); err != nil {
		return acts.CentralNode{}, a.desk.Failed(ctx, actor, actSetCentralNode, subject, err)
	}
	return a.centralNode(ctx)
}

// sameChannel says whether what is known of the channel to one Central Node holds
// for another: it has the same address, and a certificate that it showed or
// announced.
func sameChannel(kept, next store.CentralNode) bool {
	return kept.Address == next.Address && (next.Pin == kept.Pin || next.Pin == kept.Next)
}

func (a *Admin) set(ctx context.Context, actor acts.Actor, in acts.SetCentralNode) error {
	address, err := ParseAddress(in.Address)
	if err != nil {
		return err
	}
	if in.Fingerprint.IsZero() {
		return conduct.Invalid("no fingerprint was confirmed", "look at the certificate first, and give back the fingerprint that was compared")
	}
	detail := ""
	if met, err := a.meet(ctx, address); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		detail = err.Error()
	} else if err := confirmed(address, in.Fingerprint, pki.FingerprintOf(met.Raw)); err != nil {
		return err
	}

	a.setting.Lock()
	defer a.setting.Unlock()
	kept, found, err := a.c.Store.CentralNode(ctx)
	if err != nil {
		return err
	}
	if err := conduct.Seen(in.Revision, kept.Version); err != nil {
		return err
	}
	next := store.CentralNode{Address: address, Pin: in.Fingerprint, Request: store.NewRequest()}
	var change store.Change
	change.SetCentralNode(next, kept.Version)
	other := found && !sameChannel(kept, next)
	if other {
		change.ForgetLinkCapacity()
	}
	if _, err := a.desk.Commit(ctx, actor, actSetCentralNode, []string{address, in.Fingerprint.String()}, detail, change.Ops, change.Expect); err != nil {
		return err
	}
	a.c.Uplink.Point(Target(next))
	if other {
		a.c.Quality.Repointed()
	}
	a.c.Logger.Info("Central Node configured", "address", address, "certificate", in.Fingerprint.String())
	return nil
}

// Target is where the link goes when a Central Node is configured; the zero
// CentralNode is none.
func Target(n store.CentralNode) uplink.Target {
	return uplink.Target{Address: n.Address, Pin: n.Pin, Next: n.Next, Request: n.Request}
}

package admin

import (
	"context"
	"fmt"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/pki"
)

// PreviewDeleteAgentCertificates says whom deleting would cut off.
func (a *Admin) PreviewDeleteAgentCertificates(ctx context.Context, actor acts.Actor, in acts.DeleteAgentCertificates) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actDeleteAgent); err != nil {
		return acts.Preview{}, err
	}
	in.Fingerprints = unique(in.Fingerprints)
	// Read before the entries: one that changes meanwhile makes the act stale.
	revision := a.c.Store.Revision()
	if _, err := a.toDelete(ctx, in); err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actDeleteAgent, subjects(in.Fingerprints), err)
	}
	snapshot := a.c.Door.Trust()
	p := acts.Preview{Act: actDeleteAgent, Revision: uint64(revision), Asks: true}
	for _, f := range in.Fingerprints {
		p.Lines = append(p.Lines, f.String()+": "+agentsUse(a.c.Door.Connected(f)))
	}
	switch n := a.c.Door.Affected(snapshot.Without(in.Fingerprints)); {
	case !snapshot.Validation:
		p.Lines = append(p.Lines, "Validation is off: nobody is cut off until it is turned on.")
	default:
		p.Consequences = append(p.Consequences, acts.Consequence{Text: "Connections that are cut at once.", InUse: true, Count: n})
	}
	return p, nil
}

func agentsUse(n int) string {
	if n == 1 {
		return "1 connected agent uses this certificate."
	}
	return fmt.Sprintf("%d connected agents use this certificate.", n)
}

// DeleteAgentCertificates takes certificates off the list. When it returns,
// every connection that used one of them is cut and nothing of theirs was
// taken after the returned revision, provided validation is on.
func (a *Admin) DeleteAgentCertificates(ctx context.Context, actor acts.Actor, in acts.DeleteAgentCertificates) (acts.Withdrawal, error) {
	if err := a.desk.Permit(ctx, actor, actDeleteAgent); err != nil {
		return acts.Withdrawal{}, err
	}
	in.Fingerprints = unique(in.Fingerprints)
	subject := subjects(in.Fingerprints)
	chosen, err := a.toDelete(ctx, in)
	if err != nil {
		return acts.Withdrawal{}, a.desk.Failed(ctx, actor, actDeleteAgent, subject, err)
	}
	var change store.Change
	at := a.c.Now()
	for _, c := range chosen {
		change.WithdrawAgentCertificate(c, at)
	}
	done, err := a.change(ctx, actor, deed{act: actDeleteAgent, subject: subject}, trust.Scope{Leaves: in.Fingerprints}, change,
		func(s *trust.Snapshot) *trust.Snapshot { return s.Without(in.Fingerprints) })
	if err != nil {
		return acts.Withdrawal{}, err
	}
	return a.withdrawn(ctx, done, in.Fingerprints), nil
}

// toDelete finds the entries that an administrator named.
func (a *Admin) toDelete(ctx context.Context, in acts.DeleteAgentCertificates) ([]store.AgentCertificate, error) {
	if len(in.Fingerprints) == 0 {
		return nil, conduct.Invalid("no certificate was named", "name one or more fingerprints from the list")
	}
	// Whether anybody is cut depends on the switch as well.
	_, switched, err := a.c.Store.Validation(ctx)
	if err == nil {
		err = conduct.Seen(in.Revision, switched)
	}
	if err != nil {
		return nil, err
	}
	var chosen []store.AgentCertificate
	for _, f := range in.Fingerprints {
		c, found, err := a.c.Store.AgentCertificate(ctx, f)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, conduct.Gone(in.Revision, actDeleteAgent, f.String(),
				&acts.Error{Code: acts.NotFound, Text: "no agent certificate " + f.String() + " is on the list: nothing was deleted", Hint: "the list shows the certificates that are there"})
		}
		if err := conduct.Seen(in.Revision, c.Version); err != nil {
			return nil, err
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

// PreviewSetValidation says whom the switch would refuse.
func (a *Admin) PreviewSetValidation(ctx context.Context, actor acts.Actor, in acts.SetValidation) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actSetValidation); err != nil {
		return acts.Preview{}, err
	}
	list, err := a.c.Store.AgentList(ctx)
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actSetValidation, nil, err)
	}
	p := acts.Preview{Act: actSetValidation, Revision: uint64(list.Revision), Asks: true}
	switch {
	case in.On == list.Validation:
		p.Lines, p.Asks = []string{"Validation is " + onOff(in.On) + " already."}, false
	case in.On:
		n := a.c.Door.Affected(a.c.Door.Trust().WithValidation(true))
		p.Lines = []string{fmt.Sprintf("Only agents with a certificate on the list (%d now) will be let in.", len(list.Certificates))}
		p.Consequences = []acts.Consequence{{Text: "Connections that are cut at once because they show no listed certificate.", InUse: true, Count: n}}
	default:
		p.Lines = []string{"Every agent will be let in, with any certificate or none."}
	}
	return p, nil
}

// SetValidation sets the switch Validate Endpoint Agent TLS certificates.
func (a *Admin) SetValidation(ctx context.Context, actor acts.Actor, in acts.SetValidation) (acts.Withdrawal, error) {
	if err := a.desk.Permit(ctx, actor, actSetValidation); err != nil {
		return acts.Withdrawal{}, err
	}
	subject := []string{onOff(in.On)}
	on, switched, err := a.c.Store.Validation(ctx)
	if err == nil {
		err = conduct.Seen(in.Revision, switched)
	}
	if err != nil {
		return acts.Withdrawal{}, a.desk.Failed(ctx, actor, actSetValidation, subject, err)
	}
	if on == in.On {
		return acts.Withdrawal{Revision: a.c.Door.Trust().Revision}, nil
	}
	var change store.Change
	change.SetValidation(in.On, switched)
	done, err := a.change(ctx, actor, deed{act: actSetValidation, subject: subject}, trust.Scope{Everybody: true}, change,
		func(s *trust.Snapshot) *trust.Snapshot { return s.WithValidation(in.On) })
	if err != nil {
		return acts.Withdrawal{}, err
	}
	return a.withdrawn(ctx, done, nil), nil
}

// withdrawn has the Sensors take a policy that is in force here, and reports.
func (a *Admin) withdrawn(ctx context.Context, done trust.Changed, leaves []pki.Fingerprint) acts.Withdrawal {
	w := acts.Withdrawal{Fingerprints: leaves, Revision: done.Revision, Cut: done.Cut, Took: done.Took}
	w.Sensors, w.Late = a.c.Sensors.Distribute(ctx)
	return w
}

// deed is an act as its audit record names it.
type deed struct {
	act     string
	subject []string
	detail  string
}

// change commits a change of trust through the gateway and puts it in force.
// edit makes the same change to the lists in memory: what is written is in
// force then, whether or not the state file can still be read. Nobody else
// changes the lists meanwhile, because the gateway makes one change at a time.
func (a *Admin) change(ctx context.Context, actor acts.Actor, d deed, scope trust.Scope, c store.Change, edit func(*trust.Snapshot) *trust.Snapshot) (trust.Changed, error) {
	done, err := a.c.Door.Change(ctx, scope, func() (*trust.Snapshot, error) {
		revision, err := a.desk.Commit(ctx, actor, d.act, d.subject, d.detail, c.Ops, c.Expect)
		if err != nil {
			return nil, err
		}
		agents := scope.Everybody || len(scope.Leaves) > 0
		return edit(a.c.Door.Trust()).At(uint64(revision), agents), nil
	})
	if err != nil {
		return trust.Changed{}, a.desk.Failed(ctx, actor, d.act, d.subject, err)
	}
	return done, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func subjects(fs []pki.Fingerprint) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.String()
	}
	return out
}

func unique(fs []pki.Fingerprint) []pki.Fingerprint {
	known := make(map[pki.Fingerprint]bool, len(fs))
	var out []pki.Fingerprint
	for _, f := range fs {
		if !known[f] {
			known[f] = true
			out = append(out, f)
		}
	}
	return out
}

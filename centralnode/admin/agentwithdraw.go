package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/pki"
)

// PreviewDeleteAgentCertificates says whom deleting would cut off.
func (a *Admin) PreviewDeleteAgentCertificates(ctx context.Context, actor acts.Actor, in acts.DeleteAgentCertificates) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActDeleteAgent); err != nil {
		return acts.Preview{}, err
	}
	in.Fingerprints = unique(in.Fingerprints)
	// Read before the entries: one that changes meanwhile makes the act stale.
	revision := a.c.Store.Revision()
	if _, err := a.toDelete(ctx, in); err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, acts.ActDeleteAgent, subjects(in.Fingerprints), err)
	}
	snapshot := a.c.Door.Trust()
	p := acts.Preview{Act: acts.ActDeleteAgent, Revision: uint64(revision), Asks: true}
	p.Lines = a.used(in.Fingerprints)
	switch n := a.c.Door.Affected(snapshot.Without(in.Fingerprints)); {
	case !snapshot.Validation:
		p.Lines = append(p.Lines, "Validation is off: nobody is cut off until it is turned on.")
	default:
		gone := make(map[pki.Fingerprint]bool, len(in.Fingerprints))
		for _, f := range in.Fingerprints {
			gone[f] = true
		}
		who := a.connected(n, func(leaf pki.Fingerprint) bool { return gone[leaf] })
		p.Consequences = append(p.Consequences, acts.Consequence{Text: "Connections that are cut at once.", InUse: true, Count: n, Who: who})
	}
	return p, nil
}

// maxNamed is how many certificates a preview names one by one.
const maxNamed = 10

// used says which certificates are in use: first those that most agents would
// miss, then how many nobody would. Where there are few, all are named.
func (a *Admin) used(fs []pki.Fingerprint) (lines []string) {
	type row struct {
		of pki.Fingerprint
		n  int
	}
	rows := make([]row, len(fs))
	for i, f := range fs {
		rows[i] = row{f, a.c.Door.Connected(f)}
	}
	slices.SortStableFunc(rows, func(x, y row) int { return cmp.Compare(y.n, x.n) })
	inUse := slices.IndexFunc(rows, func(r row) bool { return r.n == 0 })
	if inUse < 0 {
		inUse = len(rows)
	}
	named := len(rows)
	if named > maxNamed {
		named = min(inUse, maxNamed)
	}
	for _, r := range rows[:named] {
		lines = append(lines, r.of.String()+": "+agentsUse(r.n))
	}
	if more := inUse - named; more > 0 {
		lines = append(lines, fmt.Sprintf("Connected agents use %d more of these certificates.", more))
	}
	if idle := len(rows) - max(named, inUse); idle > 0 {
		lines = append(lines, fmt.Sprintf("No connected agent uses the other %d.", idle))
	}
	return lines
}

// connected names some of n connected hosts by their certificate.
func (a *Admin) connected(n int, with func(leaf pki.Fingerprint) bool) []string {
	if n == 0 {
		return nil
	}
	var names []string
	for _, h := range a.c.Hosts.Hosts() {
		if with(h.Leaf) && a.c.Door.Live(h.Connection) {
			names = append(names, cmp.Or(h.Name, h.AgentID))
		}
	}
	return conduct.Some(names)
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
	if err := a.desk.Permit(ctx, actor, acts.ActDeleteAgent); err != nil {
		return acts.Withdrawal{}, err
	}
	in.Fingerprints = unique(in.Fingerprints)
	subject := subjects(in.Fingerprints)
	chosen, err := a.toDelete(ctx, in)
	if err != nil {
		return acts.Withdrawal{}, a.desk.Failed(ctx, actor, acts.ActDeleteAgent, subject, err)
	}
	var change store.Change
	at := a.c.Now()
	for _, c := range chosen {
		change.WithdrawAgentCertificate(c, at)
	}
	done, err := a.change(ctx, actor, deed{act: acts.ActDeleteAgent, subject: subject}, trust.Scope{Leaves: in.Fingerprints}, change,
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
			return nil, conduct.Gone(in.Revision, acts.ActDeleteAgent, f.String(),
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
	if err := a.desk.Permit(ctx, actor, acts.ActSetValidation); err != nil {
		return acts.Preview{}, err
	}
	list, err := a.c.Store.AgentList(ctx)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, acts.ActSetValidation, nil, err)
	}
	p := acts.Preview{Act: acts.ActSetValidation, Revision: uint64(list.Revision), Asks: true}
	switch {
	case in.On == list.Validation:
		p.Lines, p.Asks = []string{"Validation is " + onOff(in.On) + " already."}, false
	case in.On:
		snapshot := a.c.Door.Trust()
		n := a.c.Door.Affected(snapshot.WithValidation(true))
		who := a.connected(n, func(leaf pki.Fingerprint) bool { return !snapshot.Listed(leaf) })
		p.Lines = []string{fmt.Sprintf("Only agents with a certificate on the list (%d now) will be let in.", len(list.Rows))}
		p.Consequences = []acts.Consequence{{Text: "Connections that are cut at once because they show no listed certificate.", InUse: true, Count: n, Who: who}}
	default:
		p.Lines = []string{"Every agent will be let in, with any certificate or none."}
	}
	return p, nil
}

// SetValidation sets the switch Validate Endpoint Agent TLS certificates.
func (a *Admin) SetValidation(ctx context.Context, actor acts.Actor, in acts.SetValidation) (acts.Withdrawal, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActSetValidation); err != nil {
		return acts.Withdrawal{}, err
	}
	subject := []string{onOff(in.On)}
	on, switched, err := a.c.Store.Validation(ctx)
	if err == nil {
		err = conduct.Seen(in.Revision, switched)
	}
	if err != nil {
		return acts.Withdrawal{}, a.desk.Failed(ctx, actor, acts.ActSetValidation, subject, err)
	}
	if on == in.On {
		return acts.Withdrawal{Revision: a.c.Door.Trust().Revision}, nil
	}
	var change store.Change
	change.SetValidation(in.On, switched)
	done, err := a.change(ctx, actor, deed{act: acts.ActSetValidation, subject: subject}, trust.Scope{Everybody: true}, change,
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

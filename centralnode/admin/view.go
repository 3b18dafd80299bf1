package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"vedette/centralnode/agents"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/foreign"
)

// defaultLimit is how many rows a view shows when nobody says.
const defaultLimit = 1000

// Hosts shows the table of hosts.
func (a *Admin) Hosts(ctx context.Context, actor acts.Actor, f acts.HostFilter) ([]acts.Host, error) {
	if err := a.desk.Permit(ctx, actor, actViewHosts); err != nil {
		return nil, err
	}
	part := strings.ToLower(f.Host)
	out := []acts.Host{}
	for _, h := range a.c.Hosts.Hosts() {
		text := strings.ToLower(strings.Join(append([]string{h.Name, h.AgentID}, h.Addresses...), "\n"))
		if strings.Contains(text, part) {
			out = append(out, a.describeHost(h))
		}
	}
	return out, nil
}

func (a *Admin) describeHost(h agents.Host) acts.Host {
	d := acts.Host{
		AgentID: h.AgentID, Name: foreign.Line(h.Name), Addresses: h.Addresses,
		OSFamily: foreign.Line(h.OSFamily), OSName: foreign.Line(h.OSName), OSVersion: foreign.Line(h.OSVersion),
		AgentVersion: foreign.Line(h.AgentVersion), Collector: foreign.Line(h.Collector),
		Way: h.Way, Remote: h.Remote, Certificate: h.Leaf, FirstContact: h.First, LastContact: h.Last,
		Connected: a.c.Door.Live(h.Connection), Conflict: h.Conflict, Suppressed: h.Suppressed, ClockSkew: h.ClockSkew,
	}
	for reason, n := range h.Dropped {
		if d.Dropped == nil {
			d.Dropped = make(map[string]uint64)
		}
		d.Dropped[foreign.Line(reason)] = n
	}
	return d
}

// Audit shows audit records, oldest first.
func (a *Admin) Audit(ctx context.Context, actor acts.Actor, f acts.AuditFilter) ([]acts.AuditRecord, error) {
	if err := a.desk.Permit(ctx, actor, actViewAudit); err != nil {
		return nil, err
	}
	limit := f.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	records, err := a.c.Trail.List(ctx, audit.Filter{Since: f.Since, Until: f.Until, Account: f.Account, Act: f.Act, Limit: limit})
	if err != nil {
		return nil, a.desk.Failed(ctx, actor, actViewAudit, nil, err)
	}
	out := make([]acts.AuditRecord, 0, len(records))
	for _, r := range slices.Backward(records) { // the trail gives the newest first
		subject := make([]string, len(r.Subject))
		for i, s := range r.Subject {
			subject[i] = foreign.Line(s)
		}
		out = append(out, acts.AuditRecord{
			Seq: r.Seq, Time: r.Time, Account: foreign.Line(r.Account), Role: acts.Role(r.Role), Face: acts.Face(r.Face), From: foreign.Line(r.From),
			Act: r.Act, Subject: subject, Result: r.Result, Detail: foreign.Line(r.Detail), Hash: r.Hash,
		})
	}
	return out, nil
}

// VerifyAudit walks the chain of audit records.
func (a *Admin) VerifyAudit(ctx context.Context, actor acts.Actor) (acts.AuditCheck, error) {
	if err := a.desk.Permit(ctx, actor, actViewAudit); err != nil {
		return acts.AuditCheck{}, err
	}
	count, err := a.c.Trail.Verify(ctx)
	var broken *audit.BrokenError
	if errors.As(err, &broken) {
		return acts.AuditCheck{}, &acts.Error{Code: acts.Failed, Text: broken.Error(), Hint: "the state file was changed by another hand; compare with a backup", Err: err}
	}
	if err != nil {
		return acts.AuditCheck{}, a.desk.Failed(ctx, actor, actViewAudit, nil, err)
	}
	head, err := a.c.Trail.Head(ctx)
	if err != nil {
		return acts.AuditCheck{}, a.desk.Failed(ctx, actor, actViewAudit, nil, err)
	}
	return acts.AuditCheck{Records: uint64(count), Head: head.Hash}, nil
}

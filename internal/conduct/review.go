package conduct

import (
	"context"
	"errors"
	"slices"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/foreign"
)

// ActReview is looking at what was done, by the word that audit records carry.
const ActReview = "audit view"

// defaultRecords is how many records a view shows when nobody says.
const defaultRecords = 1000

// Review shows to administrators what the desk recorded.
type Review struct{ desk *Desk }

// NewReview makes the acts of looking at a desk's records.
func NewReview(d *Desk) *Review { return &Review{desk: d} }

// Audit shows audit records, oldest first.
func (r *Review) Audit(ctx context.Context, actor acts.Actor, f acts.AuditFilter) ([]acts.AuditRecord, error) {
	if err := r.desk.Permit(ctx, actor, ActReview); err != nil {
		return nil, err
	}
	limit := f.Limit
	if limit == 0 {
		limit = defaultRecords
	}
	records, err := r.desk.trail.List(ctx, audit.Filter{Since: f.Since, Until: f.Until, Account: f.Account, Act: f.Act, Limit: limit})
	if err != nil {
		return nil, r.desk.Failed(ctx, actor, ActReview, nil, err)
	}
	out := make([]acts.AuditRecord, 0, len(records))
	for _, one := range slices.Backward(records) { // the trail gives the newest first
		out = append(out, shown(one))
	}
	return out, nil
}

// shown gives a record the form in which its texts move no screen.
func shown(r audit.Record) acts.AuditRecord {
	subject := make([]string, len(r.Subject))
	for i, s := range r.Subject {
		subject[i] = foreign.Line(s)
	}
	return acts.AuditRecord{
		Seq: r.Seq, Time: r.Time, Account: foreign.Line(r.Account), Role: acts.Role(r.Role), Face: acts.Face(r.Face), From: foreign.Line(r.From),
		Act: r.Act, Subject: subject, Result: r.Result, Detail: foreign.Line(r.Detail), Hash: r.Hash,
	}
}

// VerifyAudit walks the chain of audit records.
func (r *Review) VerifyAudit(ctx context.Context, actor acts.Actor) (acts.AuditCheck, error) {
	if err := r.desk.Permit(ctx, actor, ActReview); err != nil {
		return acts.AuditCheck{}, err
	}
	count, err := r.desk.trail.Verify(ctx)
	var broken *audit.BrokenError
	if errors.As(err, &broken) {
		return acts.AuditCheck{}, &acts.Error{Code: acts.Failed, Text: broken.Error(), Hint: "the state file was changed by another hand; compare with a backup", Err: err}
	}
	if err != nil {
		return acts.AuditCheck{}, r.desk.Failed(ctx, actor, ActReview, nil, err)
	}
	head, err := r.desk.trail.Head(ctx)
	if err != nil {
		return acts.AuditCheck{}, r.desk.Failed(ctx, actor, ActReview, nil, err)
	}
	return acts.AuditCheck{Records: uint64(count), Head: head.Hash}, nil
}

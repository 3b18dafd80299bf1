package conduct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/foreign"
)

// ActReview is looking at what was done, by the word that audit records carry.
const ActReview = "audit view"

// defaultRecords is how many records a view shows when nobody says.
const defaultRecords = 1000

// Review shows to administrators what the desk recorded.
type Review struct {
	desk  *Desk
	check check
}

// NewReview makes the acts of looking at a desk's records.
func NewReview(d *Desk) *Review { return &Review{desk: d, check: check{walk: d.trail.Verify}} }

// Audit shows audit records, oldest first.
func (r *Review) Audit(ctx context.Context, actor acts.Actor, f acts.AuditFilter) ([]acts.AuditRecord, error) {
	page, err := r.page(ctx, actor, f, 0)
	slices.Reverse(page.Records)
	return page.Records, err
}

// pageBytes is how much is read for one page of records: a search for what is
// rare ends there, and says so.
const pageBytes = 8 << 20

// AuditPage shows audit records, newest first, and where the older ones begin.
func (r *Review) AuditPage(ctx context.Context, actor acts.Actor, f acts.AuditFilter) (acts.AuditPage, error) {
	return r.page(ctx, actor, f, pageBytes)
}

func (r *Review) page(ctx context.Context, actor acts.Actor, f acts.AuditFilter, most int) (acts.AuditPage, error) {
	if err := r.desk.Permit(ctx, actor, ActReview); err != nil {
		return acts.AuditPage{}, err
	}
	filter, err := auditFilter(f)
	if err != nil {
		return acts.AuditPage{}, err
	}
	if filter.Limit == 0 {
		filter.Limit = defaultRecords
	}
	found, err := r.desk.trail.Page(ctx, filter, most)
	if err != nil {
		return acts.AuditPage{}, r.failed(ctx, actor, err)
	}
	head, err := r.desk.trail.Head(ctx)
	if err != nil {
		return acts.AuditPage{}, r.failed(ctx, actor, err)
	}
	page := acts.AuditPage{Total: head.Seq, Before: found.Before, Records: make([]acts.AuditRecord, len(found.Records))}
	for i, one := range found.Records {
		page.Records[i] = shown(one)
	}
	if found.Looked > 0 {
		page.Stopped = &acts.AuditBound{Records: found.Looked, At: found.Reached}
	}
	return page, nil
}

// AuditRecord shows one audit record by its number.
func (r *Review) AuditRecord(ctx context.Context, actor acts.Actor, seq uint64) (acts.AuditRecord, error) {
	if err := r.desk.Permit(ctx, actor, ActReview); err != nil {
		return acts.AuditRecord{}, err
	}
	one, found, err := r.desk.trail.Record(ctx, seq)
	switch {
	case err != nil:
		return acts.AuditRecord{}, r.failed(ctx, actor, err)
	case !found:
		return acts.AuditRecord{}, &acts.Error{Code: acts.NotFound, Text: fmt.Sprintf("there is no audit record %d", seq), Hint: "look for it in the list"}
	}
	return shown(one), nil
}

// EachAudit gives all audit records that match, newest first, until yield has
// enough: as many as there are, and few of them in memory at a time.
func (r *Review) EachAudit(ctx context.Context, actor acts.Actor, f acts.AuditFilter, yield func(acts.AuditRecord) bool) error {
	if err := r.desk.Permit(ctx, actor, ActReview); err != nil {
		return err
	}
	filter, err := auditFilter(f)
	if err != nil {
		return err
	}
	err = r.desk.trail.Each(ctx, filter, func(one audit.Record) bool { return yield(shown(one)) })
	if err != nil {
		return r.failed(ctx, actor, err)
	}
	return nil
}

// auditFilter makes ready what somebody asks for.
func auditFilter(f acts.AuditFilter) (audit.Filter, error) {
	if f.Result != "" && !slices.Contains(acts.AuditResults(), f.Result) {
		return audit.Filter{}, Invalid("result \""+foreign.Line(f.Result)+"\" is not known", "the results are "+strings.Join(acts.AuditResults(), ", "))
	}
	if f.Limit < 0 {
		return audit.Filter{}, Invalid(fmt.Sprintf("limit %d is negative", f.Limit), fmt.Sprintf("0 stands for the newest %d", defaultRecords))
	}
	return audit.Filter{
		Since: f.Since, Until: f.Until, Account: f.Account, Act: f.Act, Result: f.Result, Text: f.Text, Before: f.Before, Limit: f.Limit,
	}, nil
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

// VerifyAudit walks the chain of audit records. When one does not fit, the check
// names it beside the error. Whoever asks while it is walked for somebody else
// gets the same answer.
func (r *Review) VerifyAudit(ctx context.Context, actor acts.Actor) (acts.AuditCheck, error) {
	if err := r.desk.Permit(ctx, actor, ActReview); err != nil {
		return acts.AuditCheck{}, err
	}
	count, err := r.check.wait(ctx)
	if broken := broken(err); broken != nil {
		return acts.AuditCheck{Records: uint64(count), Broken: broken.Text}, broken
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

// failed is the error of a look. A record that was changed is named, and leaves
// none of its own: whoever looks again would leave another.
func (r *Review) failed(ctx context.Context, actor acts.Actor, err error) error {
	if broken := broken(err); broken != nil {
		return broken
	}
	return r.desk.Failed(ctx, actor, ActReview, nil, err)
}

// broken names the record that another hand has changed, if that is the error.
func broken(err error) *acts.Error {
	var which *audit.BrokenError
	if !errors.As(err, &which) {
		return nil
	}
	return &acts.Error{Code: acts.Failed, Text: which.Error(), Hint: "the state file was changed by another hand; compare with a backup", Err: err}
}

// Package conduct is how an administrative act is carried out in either
// daemon: the actor's role is asked, the change and its audit record are
// committed together, and an error gets the form that a person reads, with a
// record of its own. Whoever acts on what has changed is told whose act changed
// it.
//
// Which acts there are, and what they do, is each daemon's admin room's.
package conduct

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/budget"
	"vedette/internal/kv"
	"vedette/internal/sessions"
)

// viewing ends the word of every act that only looks.
const viewing = " view"

// How many records of what was not done an account may leave, at once and then
// in each period: they are never removed, and everybody who signs in can be
// refused as often as he likes.
const (
	notesBurst, notesPeriod = 30, 2 * time.Second
	notesAccounts           = 1 << 10
)

// Desk carries acts out.
type Desk struct {
	trail    *audit.Trail
	sessions *sessions.Table
	may      func(acts.Role, string) bool
	log      *slog.Logger
	notes    *budget.Rate[string] // by account

	mu   sync.Mutex        // guards held
	held map[string]uint64 // records that an account had no room for since its last one
}

// New makes a Desk. may is the daemon's table of roles and acts, and s those who
// are signed in.
func New(trail *audit.Trail, s *sessions.Table, may func(role acts.Role, act string) bool, log *slog.Logger) *Desk {
	return &Desk{
		trail: trail, sessions: s, may: may, log: log,
		notes: budget.NewRate[string](notesPeriod, notesBurst, notesAccounts, time.Now),
		held:  make(map[string]uint64),
	}
}

// Permit asks whether the actor's role may do an act, and leaves an audit
// record when it may not.
func (d *Desk) Permit(ctx context.Context, actor acts.Actor, act string, subject ...string) error {
	if d.may(actor.Role, act) {
		return nil
	}
	err := NotAllowed(actor.Role, act, d.may)
	d.note(ctx, actor, act, subject, err)
	return err
}

// May asks the same and leaves no record, for what is shown to some only.
func (d *Desk) May(actor acts.Actor, act string) bool { return d.may(actor.Role, act) }

// Commit writes a change together with the record of the act that made it. It
// refuses when the actor's session was ended meanwhile: an act that was begun
// before somebody's rights were withdrawn is not done after it.
func (d *Desk) Commit(ctx context.Context, actor acts.Actor, act string, subject []string, detail string, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
	r := record(actor, act, subject)
	r.Result, r.Detail = audit.Done, detail
	var revision kv.Revision
	err := error(&acts.Error{Code: acts.Refused, Text: "your session was ended: nothing was done", Hint: "sign in again"})
	d.sessions.While(actor.Session, func() { revision, err = d.trail.Commit(ctx, r, ops, expect) })
	return revision, err
}

// Failed leaves a record of an act that was not done, and gives its error the
// form that a person reads: an *acts.Error. A look leaves none when nobody waits
// for it any more, and when there is nothing of what was asked for.
func (d *Desk) Failed(ctx context.Context, actor acts.Actor, act string, subject []string, err error) error {
	known := d.explain(ctx, act, subject, err)
	ours := known.Code == acts.Failed || known.Code == acts.Unavailable
	if strings.HasSuffix(act, viewing) && (ctx.Err() != nil || !ours) {
		return known
	}
	if d.note(ctx, actor, act, subject, known) {
		d.log.Warn("act not done", "act", act, "account", actor.Account, "code", known.Code, "error", err)
	}
	return known
}

// NotPreviewed gives the error of a preview the form that a person reads. It was
// asked what an act would do, and nothing was to be done, so there is no record:
// looking changes nothing. Who may not do the act leaves one, by Permit.
func (d *Desk) NotPreviewed(ctx context.Context, act string, subject []string, err error) error {
	known := d.explain(ctx, act, subject, err)
	if known.Code == acts.Failed && ctx.Err() == nil {
		d.log.Warn("act not previewed", "act", act, "error", err)
	}
	return known
}

func (d *Desk) explain(ctx context.Context, act string, subject []string, err error) *acts.Error {
	var known *acts.Error
	var moved *change
	var conflict *kv.ConflictError
	var disk *kv.StorageError
	switch {
	case errors.As(err, &moved):
		return d.stale(ctx, act, *moved, err)
	case errors.As(err, &conflict):
		return d.stale(ctx, act, changeOf(conflict, subject), err)
	case errors.As(err, &known):
		return known
	case errors.As(err, &disk):
		// Whether anything was changed is the store's to say: after a failed sync
		// nobody knows until the next start.
		return &acts.Error{Code: acts.Unavailable, Text: disk.Error(), Hint: disk.Hint(), Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &acts.Error{Code: acts.Unavailable, Text: "the act was interrupted", Hint: "look at the present state and repeat it if needed", Err: err}
	default:
		return &acts.Error{Code: acts.Failed, Text: act + " failed", Hint: "the daemon's log has the cause", Err: err}
	}
}

// note leaves a record of what was not done. False means that the account has
// left too many lately; the next one counts those.
func (d *Desk) note(ctx context.Context, actor acts.Actor, act string, subject []string, err *acts.Error) bool {
	held, ok := d.room(actor.Account)
	if !ok {
		return false
	}
	r := record(actor, act, subject)
	r.Result, r.Detail = audit.Refused, err.Text
	if held > 0 {
		r.Detail = fmt.Sprintf("%s (before it, %d more were not done and not recorded)", err.Text, held)
	}
	if err.Code == acts.Failed || err.Code == acts.Unavailable {
		r.Result = audit.Failed
	}
	if noteErr := d.trail.Note(context.WithoutCancel(ctx), r); noteErr != nil {
		d.log.Error("write audit record", "act", act, "error", noteErr)
	}
	return true
}

// room asks whether an account may leave one more record, and says how many it
// could not leave before.
func (d *Desk) room(account string) (held uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.notes.Allow(account); !ok {
		d.held[account]++
		return 0, false
	}
	held = d.held[account]
	delete(d.held, account)
	return held, true
}

func record(actor acts.Actor, act string, subject []string) audit.Record {
	return audit.Record{
		Account: actor.Account, Role: string(actor.Role), Face: string(actor.Face), From: actor.From,
		Act: act, Subject: subject,
	}
}

// InvalidInput refuses an input whose fault err names for a person.
func InvalidInput(err error) *acts.Error {
	return &acts.Error{Code: acts.Invalid, Text: err.Error(), Err: err}
}

// Invalid refuses an input that violates a rule.
func Invalid(text, hint string) *acts.Error {
	return &acts.Error{Code: acts.Invalid, Text: text, Hint: hint}
}

package conduct

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/foreign"
	"vedette/internal/kv"
)

// change is what made an administrator's view stale. It is the cause inside a
// Stale refusal; the Desk that reports the refusal looks up whose act it was.
type change struct {
	// at is the revision of the change. An act and its record are written in one
	// commit, so the record of that revision is the one.
	at kv.Revision
	// What was removed has no revision: then the record is the newest one after
	// the revision at which it was seen that is about one of these subjects, and
	// of this act where it is known.
	after    kv.Revision
	act      string
	subjects []string
	instead  error // says it when there is no such record; nil: nothing does
}

func (*change) Error() string { return "changed since it was seen" }

// Seen refuses when an entity was written after the revision that the
// administrator saw; 0 means that nothing was previewed.
func Seen(revision uint64, written kv.Revision) error {
	if revision != 0 && uint64(written) > revision {
		return refusal(&change{at: written})
	}
	return nil
}

// Gone refuses because an entity is not there: as Stale when an act has removed
// it, as a subject of its record, after the revision that the administrator saw,
// and otherwise with the error instead.
func Gone(revision uint64, act, subject string, instead error) error {
	if revision == 0 {
		return instead
	}
	return refusal(&change{after: kv.Revision(revision), act: act, subjects: []string{subject}, instead: instead})
}

// changeOf is what a conflict in the store was about; the act that met it is
// about the subjects.
func changeOf(c *kv.ConflictError, subjects []string) change {
	if c.Have != 0 {
		return change{at: c.Have}
	}
	return change{after: c.Want, subjects: subjects}
}

const (
	staleText = "what you saw has changed since"
	staleHint = "look at it again, then repeat the act if it is still right"
)

func refusal(c *change) *acts.Error {
	return &acts.Error{Code: acts.Stale, Text: staleText + ": nothing was done", Hint: staleHint, Err: c}
}

// made says whether a record is of the act that made the change.
func (c change) made(r audit.Record) bool {
	switch {
	case r.Result != audit.Done:
		return false
	case c.at != 0:
		return r.Revision == c.at
	}
	return (c.act == "" || r.Act == c.act) && slices.ContainsFunc(r.Subject, func(s string) bool { return slices.Contains(c.subjects, s) })
}

// stale refuses an act whose administrator saw something that has changed, and
// says what changed it.
func (d *Desk) stale(ctx context.Context, act string, c change, err error) *acts.Error {
	known := refusal(&c)
	known.Err = err
	after := c.after
	if c.at != 0 {
		after = c.at - 1
	}
	r, found, lookErr := d.trail.Newest(context.WithoutCancel(ctx), after, c.made)
	switch {
	case lookErr != nil:
		d.log.Warn("who made this act stale cannot be told", "error", lookErr)
	case found:
		known.Text = fmt.Sprintf("%s: %s; nothing was done", staleText, told(r))
	case c.instead != nil:
		return d.explain(ctx, act, nil, c.instead)
	case c.at != 0: // by no act
		known.Text = staleText + ", by this server itself: nothing was done"
	}
	return known
}

// told is a record in a sentence.
func told(r audit.Record) string {
	from := "from " + foreign.Line(r.From)
	if r.From == "local" {
		from = "on this server"
	}
	return fmt.Sprintf("%s by %s %s at %s", r.Act, foreign.Line(r.Account), from, r.Time.UTC().Format(time.RFC3339))
}

package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/centralnode/eventlog"
	"vedette/internal/acts"
)

const (
	// listBytes bounds what is read for a list, in bytes of packages.
	listBytes = 2 << 30
	// listPage is how many events of a list are held in memory: who asks for ten
	// million gets them, and nobody else notices.
	listPage = 20_000
)

// Events shows the newest events that match, oldest first.
func (a *Admin) Events(ctx context.Context, actor acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error {
	if err := a.desk.Permit(ctx, actor, acts.ActViewEvents); err != nil {
		return err
	}
	q, err := eventSearch(f, listBytes)
	if err != nil {
		return err
	}
	var whole eventlog.Found
	if !q.Newer {
		if whole, err = a.reach(ctx, &q); err != nil {
			return a.eventError(err)
		}
	}
	if err := a.show(ctx, q, whole.Records, yield); err != nil {
		return a.eventError(err)
	}
	if !whole.Stopped.IsZero() {
		return &acts.Error{
			Code: acts.Refused, Text: fmt.Sprintf("search stopped after %d packages, at those of %s", whole.Packages, whole.Stopped.UTC().Format(time.DateTime)),
			Hint: "narrow the search by host, kind or time",
		}
	}
	return nil
}

// reach looks from the end of the log, or the search's place, back to where a
// list begins, and makes the search one from there on for as many as there are.
// What it returns has the records of that first page, which are the oldest.
func (a *Admin) reach(ctx context.Context, q *eventlog.Search) (eventlog.Found, error) {
	var whole eventlog.Found
	back, left := *q, q.Limit
	for {
		back.Limit = min(left, listPage)
		found, err := a.c.Events.Search(ctx, back)
		if err != nil {
			return whole, err
		}
		left -= len(found.Records)
		back.MaxBytes = max(1, back.MaxBytes-found.Bytes)
		back.From = found.Oldest
		found.Packages += whole.Packages
		whole = found
		if left == 0 || !found.Older || !found.Stopped.IsZero() {
			break
		}
	}
	q.Newer, q.Limit, q.MaxBytes, q.From = true, q.Limit-left, 0, whole.Newest
	return whole, nil
}

// show yields records, the newest first among them, and then what a search to
// newer ones finds, up to its limit in all.
func (a *Admin) show(ctx context.Context, q eventlog.Search, records []eventlog.Record, yield func(acts.Event) bool) error {
	for {
		for _, r := range slices.Backward(records) {
			if !yield(a.Describe(r)) {
				return nil
			}
		}
		left := q.Limit - len(records)
		if left <= 0 {
			return nil
		}
		page := q
		page.Limit = min(left, listPage)
		found, err := a.c.Events.Search(ctx, page)
		if err != nil {
			return err
		}
		q.Limit, q.From, records = left, found.Newest, found.Records
		if !found.Newer && len(records) == 0 {
			return nil
		}
	}
}

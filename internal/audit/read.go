package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"vedette/internal/kv"
)

// pageSize is how many records are read at a time.
const pageSize = 512

// Filter chooses records. The zero value chooses all.
type Filter struct {
	Since, Until time.Time // Since <= time < Until; zero: open
	Account, Act string    // exact; empty: any
	Result       string    // Done, Refused, Failed; empty: any
	Text         string    // part of any text of the record, without regard to case; empty: any
	Before       uint64    // only records with a smaller number; 0: all
	Limit        int       // at most so many, the newest ones; 0: all
}

func (f Filter) matches(r Record) bool {
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) &&
		(f.Until.IsZero() || r.Time.Before(f.Until)) &&
		(f.Account == "" || r.Account == f.Account) &&
		(f.Act == "" || r.Act == f.Act) &&
		(f.Result == "" || r.Result == f.Result) &&
		(f.Text == "" || r.holds(strings.ToLower(f.Text)))
}

// holds says whether one of its texts has a part, which is in lower case.
func (r Record) holds(part string) bool {
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), part) }
	return in(r.Account) || in(r.Role) || in(r.Face) || in(r.From) || in(r.Act) || in(r.Result) || in(r.Detail) || slices.ContainsFunc(r.Subject, in)
}

// List returns the chosen records, newest first. A record that was tampered
// with is a *BrokenError, if it is one of them or nothing is said about texts:
// others are passed over as they lie in the store, and it is Verify's to check
// them.
func (t *Trail) List(ctx context.Context, f Filter) ([]Record, error) {
	var out []Record
	err := t.Each(ctx, f, func(r Record) bool {
		out = append(out, r)
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Page is a part of the chosen records, newest first.
type Page struct {
	Records []Record
	// Before leads to the older ones, as the filter's field; 0: there are none.
	Before uint64
	// Looked is how many records were looked at, if the look ended because that
	// was much, and Reached when the oldest of them was written; zero: it did not.
	Looked  uint64
	Reached time.Time
}

// Page returns the newest of the chosen records, as many as the filter's limit,
// and where the others are. It reads few records more than have so many bytes,
// unless most is 0. Errors are those of List.
func (t *Trail) Page(ctx context.Context, f Filter, most int) (Page, error) {
	var p Page
	limit := f.Limit
	if limit > 0 {
		f.Limit++ // one more tells that there are others
	}
	s := &search{filter: f, most: most}
	err := t.each(ctx, s, func(r Record) bool {
		p.Records = append(p.Records, r)
		return true
	})
	switch {
	case err != nil:
		return Page{}, err
	case limit > 0 && len(p.Records) > limit:
		p.Records = p.Records[:limit]
		p.Before = p.Records[limit-1].Seq
	case s.stopped:
		p.Before, p.Looked, p.Reached = s.reached, s.looked, s.at
	}
	return p, nil
}

// Record returns one record; found is false when there is none of this number.
// One that was tampered with is a *BrokenError.
func (t *Trail) Record(ctx context.Context, seq uint64) (_ Record, found bool, err error) {
	e, err := t.store.Get(ctx, recordKey(seq))
	if errors.Is(err, kv.ErrNotFound) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("read audit record %d: %w", seq, err)
	}
	r, err := read(e)
	return r, err == nil, err
}

// Each gives the chosen records, newest first, until yield has enough. It holds
// few of them at a time.
func (t *Trail) Each(ctx context.Context, f Filter, yield func(Record) bool) error {
	return t.each(ctx, &search{filter: f}, yield)
}

func (t *Trail) each(ctx context.Context, s *search, yield func(Record) bool) error {
	f, n := s.filter, 0
	for r, err := range t.newestFirst(ctx, s) {
		if err != nil {
			return err
		}
		if !f.matches(r) {
			continue
		}
		if n++; !yield(r) || n == f.Limit {
			break
		}
	}
	return nil
}

// Newest returns the newest record after a revision that matches.
func (t *Trail) Newest(ctx context.Context, after kv.Revision, matches func(Record) bool) (_ Record, found bool, err error) {
	for r, err := range t.newestFirst(ctx, &search{}) {
		if err != nil {
			return Record{}, false, err
		}
		if r.Revision <= after {
			break
		}
		if matches(r) {
			return r, true, nil
		}
	}
	return Record{}, false, nil
}

// firstPage is how many records are read at first: one page of a table.
const firstPage = 128

// search is a look through the records, and how far it came.
type search struct {
	filter Filter
	most   int // bytes to read, and few more; 0: all

	read    int       // bytes
	looked  uint64    // records
	reached uint64    // all records from this number on were looked at
	at      time.Time // when that one was written
	stopped bool      // there it read too much, and ended
}

// took notes a page that was read, and says whether the look goes on.
func (s *search) took(entries []kv.Entry, start uint64) bool {
	for _, e := range entries {
		s.read += len(e.Value)
	}
	s.looked += uint64(len(entries))
	if s.reached = start; len(entries) > 0 {
		s.at, _ = timeOf(entries[0].Value)
	}
	s.stopped = s.most > 0 && s.read >= s.most && start > 1
	return !s.stopped
}

// newestFirst goes through the records that a filter may choose, page by page.
// An error is the last.
func (t *Trail) newestFirst(ctx context.Context, s *search) iter.Seq2[Record, error] {
	f := s.filter
	return func(yield func(Record, error) bool) {
		head, err := t.Head(ctx)
		if err != nil {
			yield(Record{}, err)
			return
		}
		end := head.Seq
		if f.Before > 0 {
			end = min(end, f.Before-1)
		}
		timed := !f.Since.IsZero() || !f.Until.IsZero()
		sieve := newSieve(f)
		for first := true; end > 0; first = false {
			page := (end - 1) / pageSize
			start := page*pageSize + 1
			if first && end-start >= firstPage {
				start = end - firstPage + 1 // often enough
			}
			if timed && !t.spans.may(page, f) {
				end = page * pageSize
				continue
			}
			entries, _, err := t.store.Range(ctx, recordKey(start), recordKey(end+1), 0)
			if err != nil {
				yield(Record{}, fmt.Errorf("read audit records: %w", err))
				return
			}
			if timed {
				t.spans.note(page, entries)
				if !t.spans.may(page, f) { // it costs nothing the next time
					end = page * pageSize
					continue
				}
			}
			for _, e := range slices.Backward(entries) {
				if !sieve.passes(e.Value) {
					continue
				}
				if r, err := read(e); !yield(r, err) || err != nil {
					return
				}
			}
			if !s.took(entries, start) {
				return
			}
			end = start - 1
		}
	}
}

// read opens a stored record; a fault names it by its key.
func read(e kv.Entry) (Record, error) {
	var seq uint64
	if _, err := fmt.Sscanf(e.Key, prefix+"%d", &seq); err != nil || recordKey(seq) != e.Key {
		return Record{}, &BrokenError{Text: fmt.Sprintf("key %q has no number", e.Key)}
	}
	r, err := open(e.Value)
	if err != nil {
		return Record{}, &BrokenError{Seq: seq, Text: err.Error()}
	}
	if r.Seq != seq {
		return Record{}, &BrokenError{Seq: seq, Text: fmt.Sprintf("holds the content of record %d", r.Seq)}
	}
	r.Revision = e.Revision
	return r, nil
}

// Verify walks the whole chain and returns how many records are good. A
// *BrokenError names the first one that was changed, removed or put in.
// Records that are added meanwhile are included.
func (t *Trail) Verify(ctx context.Context) (count int, err error) {
	hash, next := genesis(t.store), uint64(1)
	for {
		before, err := t.Head(ctx)
		if err != nil {
			return count, err
		}
		page, _, err := t.store.Range(ctx, recordKey(next), headKey, pageSize)
		if err != nil {
			return count, fmt.Errorf("read audit records: %w", err)
		}
		for _, e := range page {
			r, err := follow(e, next, hash)
			if err != nil {
				return count, err
			}
			hash, next = r.Hash, next+1
			count++
		}
		if len(page) == pageSize {
			continue
		}
		// All records that the earlier head counts must have been there.
		if next <= before.Seq {
			return count, &BrokenError{Seq: next, Text: "is missing"}
		}
		end, err := t.Head(ctx)
		switch {
		case err != nil:
			return count, err
		case end.Seq >= next:
			continue // added meanwhile
		case end.Seq < next-1:
			return count, &BrokenError{Seq: end.Seq + 1, Text: "lies behind the end of the chain"}
		case end.Hash != hash:
			return count, &BrokenError{Seq: end.Seq, Text: "is not the one that the end of the chain names"}
		}
		return count, nil
	}
}

// follow opens the entry that should be the next record.
func follow(e kv.Entry, next uint64, prev string) (Record, error) {
	if e.Key > recordKey(next) {
		return Record{}, &BrokenError{Seq: next, Text: "is missing"}
	}
	r, err := read(e)
	if err != nil {
		return Record{}, err
	}
	if r.Prev != prev {
		return Record{}, &BrokenError{Seq: next, Text: "does not follow the record before it"}
	}
	return r, nil
}

package audit

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"vedette/internal/kv"
)

// pageSize is how many records are read at a time.
const pageSize = 512

// Filter chooses records. The zero value chooses all.
type Filter struct {
	Since, Until time.Time // Since <= time < Until; zero: open
	Account, Act string    // exact; empty: any
	Limit        int       // at most so many, the newest ones; 0: all
}

func (f Filter) matches(r Record) bool {
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) &&
		(f.Until.IsZero() || r.Time.Before(f.Until)) &&
		(f.Account == "" || r.Account == f.Account) &&
		(f.Act == "" || r.Act == f.Act)
}

// List returns the chosen records, newest first. A record that was tampered
// with is a *BrokenError.
func (t *Trail) List(ctx context.Context, f Filter) ([]Record, error) {
	var out []Record
	for r, err := range t.newestFirst(ctx) {
		if err != nil {
			return nil, err
		}
		if f.matches(r) {
			out = append(out, r)
			if len(out) == f.Limit {
				break
			}
		}
	}
	return out, nil
}

// Newest returns the newest record after a revision that matches.
func (t *Trail) Newest(ctx context.Context, after kv.Revision, matches func(Record) bool) (_ Record, found bool, err error) {
	for r, err := range t.newestFirst(ctx) {
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

// newestFirst goes through the records, page by page. An error is the last.
func (t *Trail) newestFirst(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		head, err := t.Head(ctx)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for end := head.Seq; end > 0; {
			start := uint64(1)
			if end > pageSize {
				start = end - pageSize + 1
			}
			entries, _, err := t.store.Range(ctx, recordKey(start), recordKey(end+1), 0)
			if err != nil {
				yield(Record{}, fmt.Errorf("read audit records: %w", err))
				return
			}
			for _, e := range slices.Backward(entries) {
				if r, err := read(e); !yield(r, err) || err != nil {
					return
				}
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

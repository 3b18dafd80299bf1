package eventlog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// arrivalSlack is how far packages may lie out of the order of their
	// arrival, because one waited longer than another for the disk.
	arrivalSlack = 2 * publishTimeout

	// A search reads backwards in chunks of places, each forwards. The first is
	// small, because most of those who look want the newest few; one that brings
	// little makes the next larger.
	firstChunk   = 8
	maxChunk     = 1 << 20
	chunkEnough  = 256 << 10 // bytes of a chunk after which the next is not larger
	chunkTooMuch = 8 << 20   // bytes of a chunk at which it is read again in smaller ones
)

// Search says what to look for, and where.
type Search struct {
	// Filter selects records; its From is where the search begins, the end of the
	// log when that is empty.
	Filter
	// Newer looks from there to what came later; otherwise to what came before.
	Newer bool
	// Limit is the most records that are found, MaxBytes how much may be read for
	// them, in bytes of packages; a search may read some more than that.
	Limit, MaxBytes int
}

// Found is the stretch of the log that a search looked at.
type Found struct {
	// Records are those that match, the newest first.
	Records []Record
	// Newest and Oldest are the ends of the stretch. A search that goes on from
	// one of them neither loses nor repeats a record.
	Newest, Oldest Cursor
	// Older and Newer say whether packages that the filter's times allow lie
	// before or behind the stretch.
	Older, Newer bool
	// Packages were read, of Bytes in all.
	Packages uint64
	Bytes    int
	// Stopped is when the last package that was read arrived, if the search ended
	// because it had read too much.
	Stopped time.Time
}

// Search looks for records among the acknowledged packages. ErrCursor says that
// the place it is to begin at is not one of this store as it is now.
func (l *Log) Search(ctx context.Context, q Search) (Found, error) {
	m, err := newMatcher(q.Filter)
	if err != nil {
		return Found{}, err
	}
	s, end, err := l.acknowledged()
	if err != nil {
		return Found{}, err
	}
	if q.From == (Cursor{}) {
		q.From = Cursor{Store: s.store, Place: end + 1}
	}
	if err := q.From.in(s, end); err != nil {
		return Found{}, err
	}
	r := &searcher{session: s, matcher: m, search: q}
	if err := r.bounds(ctx, end); err != nil {
		return Found{}, readError(ctx, s, err)
	}
	if q.Newer {
		err = r.forwards(ctx)
	} else {
		err = r.backwards(ctx)
	}
	if err != nil {
		return Found{}, readError(ctx, s, err)
	}
	f := r.found
	f.Bytes = r.read
	f.Older = f.Oldest.Place > r.first || f.Oldest.Place == r.first && f.Oldest.Index > 0
	f.Newer = f.Newest.Place <= r.last
	if q.Newer && !f.Newer || !q.Newer && !f.Older {
		f.Stopped = time.Time{} // at the very end of what there was to look at
	}
	return f, nil
}

// Record reads the record that lies behind a place; found is false when it is
// not kept any more, or never was there.
func (l *Log) Record(ctx context.Context, at Cursor) (_ Record, found bool, err error) {
	s, end, err := l.acknowledged()
	if err != nil {
		return Record{}, false, err
	}
	if err := at.in(s, end); err != nil || at.Place > end {
		return Record{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := s.stream.GetMsg(ctx, at.Place)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, readError(ctx, s, err)
	}
	e, err := decode(m.Subject, m.Header, m.Data, m.Sequence)
	if err != nil {
		return Record{}, false, nil // not a package
	}
	e.store = s.store
	events, err := e.events()
	if err != nil || at.Index >= len(events) {
		return Record{}, false, nil
	}
	return e.record(at.Index, events[at.Index]), true, nil
}

// searcher is one Search under way.
type searcher struct {
	*session
	*matcher
	search Search
	// first and last are the places of the packages that there are to look at.
	first, last uint64
	read        int // bytes
	found       Found
}

// bounds finds what there is to look at.
func (r *searcher) bounds(ctx context.Context, end uint64) error {
	st, err := r.info(ctx)
	if err != nil {
		return err
	}
	r.first, r.last = max(st.FirstSeq, 1), end
	if !r.filter.Since.IsZero() {
		if r.first, err = r.since(ctx, st, r.filter.Since.Add(-arrivalSlack)); err != nil {
			return err
		}
	}
	if !r.filter.Until.IsZero() {
		behind, err := r.since(ctx, st, r.filter.Until.Add(arrivalSlack))
		if err != nil {
			return err
		}
		r.last = min(r.last, behind-1)
	}
	return nil
}

// match returns what matches in a package, and counts it as read.
func (r *searcher) match(e *envelope) ([]Record, error) {
	r.read += len(e.body)
	r.found.Packages++
	if !r.inTime(e.received) {
		return nil, nil
	}
	var out []Record
	_, err := r.each(e, func(rec Record) bool {
		out = append(out, rec)
		return true
	})
	return out, err
}

// stop ends the search where it is when it has read too much.
func (r *searcher) stop(e *envelope) bool {
	if r.search.MaxBytes == 0 || r.read < r.search.MaxBytes {
		return false
	}
	r.found.Stopped = e.received
	return true
}

// full says whether enough was found.
func (r *searcher) full() bool { return len(r.found.Records) == r.search.Limit }

// forwards looks from the search's place on.
func (r *searcher) forwards(ctx context.Context) error {
	from := r.search.From
	r.found.Oldest, r.found.Newest = from, from
	if from.Place > r.last {
		return nil
	}
	stopped := false
	err := r.scan(ctx, scan{from: max(from.Place, r.first), to: r.last, filter: r.subject}, func(e envelope) (bool, error) {
		matching, err := r.match(&e)
		if err != nil {
			return false, err
		}
		r.found.Newest = Cursor{Store: r.store, Place: e.streamSeq + 1}
		for i, rec := range matching {
			if e.streamSeq == from.Place && rec.Index < from.Index {
				continue
			}
			r.found.Records = append(r.found.Records, rec)
			if stopped = r.full(); stopped {
				if i < len(matching)-1 { // behind the last of them nothing matches
					r.found.Newest = rec.Behind()
				}
				return false, nil
			}
		}
		stopped = r.stop(&e)
		return !stopped, nil
	})
	slices.Reverse(r.found.Records)
	if !stopped {
		r.found.Newest = Cursor{Store: r.store, Place: r.last + 1}
	}
	return err
}

// backwards looks from the search's place back.
func (r *searcher) backwards(ctx context.Context) error {
	from := r.search.From
	r.found.Newest, r.found.Oldest = from, from
	to := from.Place
	if from.Index == 0 {
		to--
	}
	to = min(to, r.last)
	for size := uint64(firstChunk); to >= r.first && to > 0; {
		low := r.first
		if to-r.first >= size {
			low = to - size + 1
		}
		before := r.read
		ended, err := r.chunk(ctx, low, to)
		switch {
		case errors.Is(err, errTooMuch):
			size = max(1, size/8)
			continue
		case err != nil || ended:
			return err
		}
		if to = low - 1; r.read-before < chunkEnough {
			size = min(2*size, maxChunk)
		}
	}
	r.found.Oldest = Cursor{Store: r.store, Place: min(from.Place, r.first)}
	return nil
}

// errTooMuch says that a chunk would take too much memory.
var errTooMuch = errors.New("chunk is too large")

// chunk looks at the packages of a few places, the newest first. ended says that
// the search is over.
func (r *searcher) chunk(ctx context.Context, low, to uint64) (ended bool, err error) {
	var packages []envelope
	held := 0
	err = r.scan(ctx, scan{from: low, to: to, filter: r.subject}, func(e envelope) (bool, error) {
		packages = append(packages, e)
		if held += len(e.body); held > chunkTooMuch && low < to {
			r.read += held // it was work all the same
			return false, errTooMuch
		}
		return true, nil
	})
	if err != nil {
		return true, err
	}
	from := r.search.From
	for _, e := range slices.Backward(packages) {
		matching, err := r.match(&e)
		if err != nil {
			return true, err
		}
		r.found.Oldest = Cursor{Store: r.store, Place: e.streamSeq}
		for i, rec := range slices.Backward(matching) {
			if e.streamSeq == from.Place && rec.Index >= from.Index {
				continue
			}
			r.found.Records = append(r.found.Records, rec)
			if r.full() {
				if i > 0 { // before the first of them nothing matches
					r.found.Oldest = rec.Cursor()
				}
				return true, nil
			}
		}
		if r.stop(&e) {
			return true, nil
		}
	}
	return false, nil
}

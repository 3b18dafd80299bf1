package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Cursor is a place between two events of one event store, for a reader that
// wants every event once: what it has read lies before it, whatever comes lies
// behind it. It stays good across restarts.
type Cursor struct {
	// Store is the identity of the event store.
	Store string
	// Place is the package that the next event is in, and Index how many events
	// of it lie before the cursor.
	Place uint64
	Index int
	// Skipped counts the packages before the cursor that were left out since the
	// last record, because they were too old or had been removed. The next record
	// tells it.
	Skipped uint64
}

// in says whether a place is one of a store as it is now.
func (c Cursor) in(s *session, end uint64) error {
	switch {
	case c.Store != s.store:
		return fmt.Errorf("%w: it is of another event store", ErrCursor)
	case c.Place > end+1 || c.Place == 0 || c.Index < 0:
		return fmt.Errorf("%w: the event store ends at package %d", ErrCursor, end)
	}
	return nil
}

// String writes a cursor as one word of letters, digits and full stops. Skipped
// is no part of it.
func (c Cursor) String() string { return fmt.Sprintf("%s.%d.%d", c.Store, c.Place, c.Index) }

// ParseCursor reads what String wrote, or returns ErrCursor.
func ParseCursor(s string) (Cursor, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return Cursor{}, ErrCursor
	}
	place, err := strconv.ParseUint(parts[1], 10, 64)
	index, err2 := strconv.ParseUint(parts[2], 10, 31)
	c := Cursor{Store: parts[0], Place: place, Index: int(index)}
	if err != nil || err2 != nil || c.Store == "" || c.String() != s {
		return Cursor{}, ErrCursor
	}
	return c, nil
}

// Start returns a cursor with everything behind it that arrived at or after
// since. Some older packages may lie behind it too, because packages lie a
// little out of the order of their arrival; Read tells them apart.
func (l *Log) Start(ctx context.Context, since time.Time) (Cursor, error) {
	s, end, err := l.acknowledged()
	if err != nil {
		return Cursor{}, err
	}
	first, err := s.firstSince(ctx, since)
	if err != nil {
		return Cursor{}, readError(ctx, s, err)
	}
	return Cursor{Store: s.store, Place: min(first, end+1)}, nil
}

// Read yields the records behind a cursor in the order in which they became
// durable, until yield returns false or there are no more, and returns the
// cursor behind the last record that was yielded. Packages that arrived before
// oldest are left out like those that are not kept any more; the next record's
// Skipped counts them.
//
// Only acknowledged packages are read: one that may still be lost could leave
// its place to another. With an error the cursor is right all the same: what
// was yielded lies before it. ErrCursor says that the cursor is not one of this
// store as it is now.
func (l *Log) Read(ctx context.Context, c Cursor, oldest time.Time, yield func(Record) bool) (Cursor, error) {
	s, end, err := l.acknowledged()
	if err != nil {
		return c, err
	}
	if err := c.in(s, end); err != nil {
		return c, err
	}
	r := cursorReader{at: c, oldest: oldest, yield: yield}
	for tries := 0; r.at.Place <= end && !r.done; tries++ {
		before := r.at
		err := s.scan(ctx, scan{from: r.at.Place, to: end, filter: subjectAll}, r.visit)
		switch {
		case err != nil || r.done:
		case r.stale:
			err = r.jump(ctx, s, end)
		default:
			err = r.finish(ctx, s, end)
		}
		if err == nil && r.at == before && tries >= scanTries {
			err = errGap
		}
		if err != nil {
			return r.at, readError(ctx, s, err)
		}
	}
	return r.at, nil
}

// cursorReader is one Read under way.
type cursorReader struct {
	at     Cursor
	oldest time.Time
	yield  func(Record) bool
	// done is set when no more is wanted, stale when a package was met that is
	// too old; jumped when the search for those that are not has been made.
	done, stale, jumped bool
}

// visit yields what lies behind the cursor in one package.
func (r *cursorReader) visit(e envelope) (more bool, err error) {
	r.skipTo(e.streamSeq)
	if e.received.Before(r.oldest) {
		if !r.jumped {
			r.stale = true
			return false, nil
		}
		r.skipTo(e.streamSeq + 1)
		return true, nil
	}
	events, err := e.events()
	if err != nil {
		events = nil // a body that cannot be decoded has no events
	}
	for i := r.at.Index; i < len(events); i++ {
		rec := e.record(i, events[i])
		rec.Skipped, r.at.Skipped = r.at.Skipped, 0
		r.at.Index = i + 1
		if !r.yield(rec) {
			r.done = true
			return false, nil
		}
	}
	r.at.Place, r.at.Index = e.streamSeq+1, 0
	return true, nil
}

// skipTo moves the cursor over packages that are left out.
func (r *cursorReader) skipTo(place uint64) {
	if place > r.at.Place {
		r.at.Skipped += place - r.at.Place
		r.at.Place, r.at.Index = place, 0
	}
}

// jump looks for the first package that is not too old, instead of reading all
// that are.
func (r *cursorReader) jump(ctx context.Context, s *session, end uint64) error {
	first, err := s.firstSince(ctx, r.oldest)
	if err != nil {
		return err
	}
	r.skipTo(min(first, end+1))
	r.stale, r.jumped = false, true
	return nil
}

// finish accounts for packages that should have come before end and did not.
// What is still there is not passed over.
func (r *cursorReader) finish(ctx context.Context, s *session, end uint64) error {
	if r.at.Place > end {
		return nil
	}
	m, err := s.stream.GetMsg(ctx, r.at.Place)
	if err == nil {
		if _, err := decode(m.Subject, m.Header, nil, m.Sequence); err != nil {
			r.skipTo(r.at.Place + 1) // not a package
		}
		return nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	st, err := s.info(ctx)
	if err != nil {
		return err
	}
	// Removed from the front, or one that is missing in the middle.
	r.skipTo(min(max(r.at.Place+1, st.FirstSeq), end+1))
	return nil
}

// firstSince returns the first place from which on packages may have arrived at
// or after t.
func (s *session) firstSince(ctx context.Context, t time.Time) (uint64, error) {
	st, err := s.info(ctx)
	if err != nil {
		return 0, err
	}
	return s.since(ctx, st, t.Add(-arrivalSlack))
}

// Ready returns a channel that is closed when there may be something to read
// behind the cursor: a package became durable, or the store was opened again. It
// may be closed already, and it stays open through a fault of the store.
func (l *Log) Ready(c Cursor) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.at.Store != c.Store || l.highest >= c.Place {
		now := make(chan struct{})
		close(now)
		return now
	}
	if l.stored == nil {
		l.stored = make(chan struct{})
	}
	return l.stored
}

// tellReaders wakes whoever waits for more. l.mu is held.
func (l *Log) tellReaders() {
	if l.stored != nil {
		close(l.stored)
		l.stored = nil
	}
}

// acknowledged returns the session in use and the place of the last package in
// it that is known to be durable.
func (l *Log) acknowledged() (*session, uint64, error) {
	s, err := l.session()
	if err != nil {
		return nil, 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != s || l.at.Store != s.store {
		return nil, 0, fmt.Errorf("%w: the event store is being opened again", ErrUnavailable)
	}
	return s, l.highest, nil
}

// readError tells an event store that went away from a reader that left.
func readError(ctx context.Context, s *session, err error) error {
	if ctx.Err() == nil {
		return fmt.Errorf("%w: read the event store: %w", ErrUnavailable, errors.Join(s.failed(), err))
	}
	return err
}

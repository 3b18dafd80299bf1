package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// watchLag is how many packages a watcher may be behind before it is
	// brought to the newest ones.
	watchLag = 1024
	// watchWait is how long one request of a watcher waits for events.
	watchWait = 30 * time.Second
	// watchPause is how long a watcher rests after a fault of its reader.
	watchPause = time.Second
)

var errStopped = errors.New("watcher wants no more")

// watcher is where one Watch is.
type watcher struct {
	m     *matcher
	yield func(Record) bool
	// store and next say where the next package is expected.
	store string
	next  uint64
	// skipped counts packages left out before the next record.
	skipped uint64
	// since, unless zero, is where to begin, not yet looked up; from, unless
	// empty, is the place to begin at.
	since time.Time
	from  Cursor
	// behind is the last package of the past that was asked for: up to there a
	// watcher is not late.
	behind uint64
}

// Watch yields matching records as they become durable, from now on, from
// Filter.Since on or behind Filter.From, until yield returns false or ctx ends;
// it returns nil then. A place of another store is as good as none. It reads what is stored, so a slow reader holds nobody up: one that falls more than 1,024
// packages behind is brought to the newest, and the next record's Skipped says
// how many packages it missed. It outlives faults of the store. Until is not
// used.
func (l *Log) Watch(ctx context.Context, f Filter, yield func(Record) bool) error {
	m, err := newMatcher(f)
	if err != nil {
		return err
	}
	l.mu.Lock()
	w := &watcher{m: m, yield: yield, store: l.at.Store, next: l.highest + 1, since: f.Since}
	if f.From.Store == w.store && f.From.Place <= w.next {
		w.from, w.next = f.From, f.From.Place
	}
	l.mu.Unlock()
	for {
		s, err := l.await(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if w.store != s.store {
			w.store, w.next = s.store, 1
		}
		if err = w.begin(ctx, s); err == nil {
			err = w.follow(ctx, s)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, errStopped):
			return nil
		case errors.Is(err, errGap) || s.failed() != nil:
			continue
		}
		l.cfg.Logger.Warn("watching events was interrupted", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchPause):
		}
	}
}

// begin finds where to begin when that is in the past.
func (w *watcher) begin(ctx context.Context, s *session) error {
	if w.since.IsZero() {
		return nil
	}
	st, err := s.info(ctx)
	if err != nil {
		return err
	}
	if w.next, err = s.since(ctx, st, w.since); err != nil {
		return err
	}
	w.since, w.behind = time.Time{}, st.LastSeq
	return nil
}

// await waits for a session that works.
func (l *Log) await(ctx context.Context) (*session, error) {
	for {
		l.mu.Lock()
		s, changed, closed := l.current, l.changed, l.closed
		l.mu.Unlock()
		switch {
		case closed:
			return nil, ErrClosed
		case s != nil && s.failed() == nil:
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// follow reads with one consumer until something ends it.
func (w *watcher) follow(ctx context.Context, s *session) error {
	c, err := s.reader(ctx, w.next, w.m.subject, false)
	if err != nil {
		return err
	}
	defer s.forgetReader(c.CachedInfo().Name)
	delivered := uint64(0)
	for {
		err := s.fetch(ctx, c, fetchCount, watchWait, func(m jetstream.Msg, meta *jetstream.MsgMetadata) (bool, error) {
			if delivered++; meta.Sequence.Consumer != delivered {
				return false, errGap
			}
			w.next = meta.Sequence.Stream + 1
			if err := w.show(m, meta); err != nil {
				return false, err
			}
			if meta.NumPending > watchLag && meta.Sequence.Stream > w.behind {
				return false, w.skip(ctx, s, meta.NumPending)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
}

// show yields what matches of one package.
func (w *watcher) show(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
	e, err := decode(m.Subject(), nats.Header(m.Headers()), m.Data(), meta.Sequence.Stream)
	if err != nil {
		return nil // not a package
	}
	e.store = w.store
	more, err := w.m.each(&e, func(r Record) bool {
		if r.Place == w.from.Place && r.Index < w.from.Index && r.Store == w.from.Store {
			return true
		}
		r.Skipped, w.skipped = w.skipped, 0
		return w.yield(r)
	})
	if err == nil && !more {
		err = errStopped
	}
	return err
}

// skip goes on behind the newest package.
func (w *watcher) skip(ctx context.Context, s *session, pending uint64) error {
	st, err := s.info(ctx)
	if err != nil {
		return err
	}
	w.skipped += pending
	w.next = st.LastSeq + 1
	return errGap
}

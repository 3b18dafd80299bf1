package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// QueueKey names one disk queue of one agent. The queue's id is a secret
// between the agent and the Central Node: it must not be shown or logged.
type QueueKey struct {
	AgentID, QueueID string
}

// QueueState is what must be remembered of a queue for ever.
type QueueState struct {
	// Highest is the highest durable seq.
	Highest uint64 `json:"highest"`
	// Recent holds the digests of the newest packages, at most 256 bytes,
	// opaque to whoever keeps it.
	Recent []byte `json:"recent,omitempty"`
}

// Position says up to where checkpoints cover an event store.
type Position struct {
	// Store is the identity of the event store that Seq belongs to.
	Store string `json:"store"`
	// Seq is the stream sequence of the last message that is covered.
	Seq uint64 `json:"seq"`
}

// Checkpoints keeps queue states durably. It is called by several goroutines.
type Checkpoints interface {
	// Load returns the saved state of one queue, or false when there is none.
	Load(ctx context.Context, key QueueKey) (QueueState, bool, error)
	// Position returns the last saved position, zero when there is none.
	Position(ctx context.Context) (Position, error)
	// Save makes the states of the changed queues and the position durable. It
	// may use several transactions as long as the position comes with the last.
	Save(ctx context.Context, changed map[QueueKey]QueueState, at Position) error
}

const (
	// checkpointEvery is the longest time between checkpoints; an eighth of
	// the retention time when that is shorter.
	checkpointEvery = 5 * time.Minute
	// checkpointPackages bounds what a start has to read after the checkpoint.
	checkpointPackages = 100_000
	// messageOverhead is what the store adds to a package, roughly.
	messageOverhead = 512
	// foldBatch is how many changed queues are saved at once at a start.
	foldBatch = 16_384
)

// checkpoint saves what changed since the last one. Without a session it
// returns ErrUnavailable.
func (l *Log) checkpoint(ctx context.Context) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	s, err := l.session()
	if err != nil {
		return err
	}
	if err := l.checkpointWith(ctx, s); err != nil {
		l.mu.Lock()
		l.saveErr = err
		l.mu.Unlock()
		return err
	}
	return nil
}

func (l *Log) checkpointWith(ctx context.Context, s *session) error {
	// Every message up to this sequence was published by now. Taking each
	// queue's turn below waits for those whose answer is still on its way.
	st, err := s.info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	l.mu.Lock()
	before, beforePackages := l.unsaved, l.unsavedPackages
	l.mu.Unlock()
	if s.server == nil {
		// What an ended connection had sent may have been stored after its
		// queue was read back, so the messages themselves are asked.
		if err := l.fold(ctx, s, st.LastSeq); err != nil {
			return err
		}
	}
	if err := l.save(ctx, s, Position{Store: s.store, Seq: st.LastSeq}); err != nil {
		return err
	}
	if err := s.adopt(ctx, l.cfg.MaxBytes); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsaved -= before
	l.unsavedPackages -= beforePackages
	l.saveErr = nil
	l.saved = l.cfg.Now()
	return nil
}

// save settles what is in doubt and saves all queues that changed.
func (l *Log) save(ctx context.Context, s *session, at Position) error {
	changed := make(map[QueueKey]QueueState)
	versions := make(map[*queue]uint64)
	pinned := l.table.pinAll()
	defer func() {
		for _, q := range pinned {
			l.table.unpin(q)
		}
	}()
	var mu sync.Mutex // guards changed and versions
	err := eachTurn(ctx, pinned, func(ctx context.Context, q *queue) error {
		if q.doubt != nil {
			if err := l.resolveWith(ctx, s, q); err != nil {
				return err
			}
		}
		if q.version != q.saved {
			mu.Lock()
			defer mu.Unlock()
			changed[q.key], versions[q] = q.history.state(), q.version
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := l.cfg.Checkpoints.Save(ctx, changed, at); err != nil {
		return fmt.Errorf("save queue states: %w", err)
	}
	err = eachTurn(ctx, slices.Collect(maps.Keys(versions)), func(_ context.Context, q *queue) error {
		q.saved = versions[q]
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = at
	if at.Seq > l.highest {
		// It is answered as a duplicate from now on, so readers may have it.
		l.highest = at.Seq
		l.tellReaders()
	}
	return nil
}

// turnsAtOnce bounds the queues whose turn is waited for at once.
const turnsAtOnce = 1024

// eachTurn calls do with the turn of each queue, in no order. Turns that are
// free are taken at once. Those of queues with a package on its way are waited
// for side by side, so that under load it takes as long as one package and not
// as all of them.
func eachTurn(ctx context.Context, queues []*queue, do func(context.Context, *queue) error) error {
	waits, ctx := errgroup.WithContext(ctx)
	waits.SetLimit(turnsAtOnce)
	turn := func(q *queue) error {
		defer q.give()
		return do(ctx, q)
	}
	for _, q := range queues {
		if q.tryTake() {
			if err := turn(q); err != nil {
				return errors.Join(err, waits.Wait())
			}
			continue
		}
		waits.Go(func() error {
			if err := q.take(ctx); err != nil {
				return err
			}
			return turn(q)
		})
	}
	return waits.Wait()
}

// catchUp brings the table up to a session that is not in use yet: from the
// checkpoint over the messages after it.
func (l *Log) catchUp(ctx context.Context, s *session) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	at, err := l.cfg.Checkpoints.Position(ctx)
	if err != nil {
		return fmt.Errorf("read the position of the checkpoint: %w", err)
	}
	st, err := s.info(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	known := at.Seq
	if at.Store == s.store && l.at.Store == s.store {
		known = max(known, l.highest)
	}
	l.mu.Unlock()
	switch {
	case at.Store != s.store:
		if at.Store != "" {
			s.warnings = append(s.warnings, "the event store is another one than before: earlier events are not in it")
		}
		at = Position{Store: s.store}
	case st.LastSeq < known:
		s.warnings = append(s.warnings, fmt.Sprintf(
			"%d acknowledged packages are missing at the end of the event store; was its folder restored from a copy?", known-st.LastSeq))
		at.Seq = min(at.Seq, st.LastSeq)
	}
	l.mu.Lock()
	if l.at.Store != s.store || st.LastSeq < l.highest {
		l.highest = st.LastSeq
	}
	l.at = at
	l.mu.Unlock()
	if err := l.fold(ctx, s, st.LastSeq); err != nil {
		return err
	}
	l.mu.Lock()
	l.highest = max(l.highest, st.LastSeq)
	l.mu.Unlock()
	if err := l.checkpointWith(ctx, s); err != nil {
		// Events may come in while checkpoints fail, as far as admit allows.
		if s.failed() != nil || errors.Is(err, ErrUnavailable) {
			return err
		}
		l.mu.Lock()
		l.saveErr = err
		l.mu.Unlock()
	}
	return nil
}

// fold applies the messages after the checkpoint, up to a sequence, to the
// table, saving on the way when very many queues change.
func (l *Log) fold(ctx context.Context, s *session, to uint64) error {
	l.mu.Lock()
	from := l.at.Seq + 1
	l.mu.Unlock()
	changes := 0
	return s.scan(ctx, scan{from: from, to: to, filter: subjectAll, headersOnly: true}, func(e envelope) (bool, error) {
		q, err := l.table.acquire(ctx, e.key)
		if err != nil {
			return false, err
		}
		if q.version == q.saved && e.seq > q.history.highest {
			changes++
		}
		q.stored(e.seq, e.digest)
		l.table.release(q)
		if changes < foldBatch {
			return true, nil
		}
		changes = 0
		return true, l.save(ctx, s, Position{Store: s.store, Seq: e.streamSeq})
	})
}

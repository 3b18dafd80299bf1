package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errCodeTooManyRequests is the server's word that too much is waiting to be
// stored; the package was not taken.
const errCodeTooManyRequests jetstream.ErrorCode = 10167

// Append makes a package durable. It returns only when that is done, or with
// one of this package's errors; after any error the agent may send the package
// again. ctx bounds the wait for earlier packages of the queue and for room; a
// package that is on its way to the disk is waited for.
func (l *Log) Append(ctx context.Context, p Package) (Receipt, error) {
	e, err := encode(p, l.cfg.Now())
	if err != nil {
		return Receipt{}, err
	}
	q, err := l.table.acquire(ctx, e.key)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer l.table.release(q)
	if err := l.resolve(ctx, q); err != nil {
		return Receipt{}, err
	}
	switch q.history.judge(e.seq, e.digest) {
	case verdictDuplicate:
		return Receipt{Outcome: Duplicate, DurableSeq: q.history.highest}, nil
	case verdictConflict:
		return Receipt{}, fmt.Errorf("%w: seq %d came with other content before", ErrConflict, e.seq)
	case verdictJump:
		return Receipt{}, fmt.Errorf("%w: seq %d after %d", ErrSeqJump, e.seq, q.history.highest)
	}
	return l.store(ctx, q, e)
}

// resolve reads back what became of a publish with an unknown outcome.
func (l *Log) resolve(ctx context.Context, q *queue) error {
	if q.doubt == nil {
		return nil
	}
	s, err := l.session()
	if err != nil {
		return err
	}
	return l.resolveWith(ctx, s, q)
}

func (l *Log) resolveWith(ctx context.Context, s *session, q *queue) error {
	last, found, err := s.last(ctx, q.key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if found && last.seq > q.history.highest {
		if last.seq != q.doubt.seq || last.digest != q.doubt.digest {
			q.history.forget()
		}
		q.stored(last.seq, last.digest)
	}
	q.doubt = nil
	return nil
}

// store publishes a new package.
func (l *Log) store(ctx context.Context, q *queue, e entry) (Receipt, error) {
	size := int64(len(e.msg.Data))
	if err := l.room.Acquire(ctx, size); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer l.room.Release(size)
	s, err := l.admit()
	if err != nil {
		return Receipt{}, err
	}
	seq, duplicate, err := s.publish(e)
	if err == nil {
		q.stored(e.seq, e.digest)
		l.count(s, seq, size)
		r := Receipt{Outcome: Stored, DurableSeq: q.history.highest}
		if duplicate {
			r.Outcome = Duplicate
		}
		return r, nil
	}
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return Receipt{}, fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.As(err, &api) && api.ErrorCode == errCodeTooManyRequests:
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// Nobody knows what became of it. The session ends, and whatever it had
	// sent with it; then the truth can be read back.
	q.doubt = &recent{e.seq, e.digest}
	s.fail(fmt.Errorf("store a package: %w", err))
	return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// admit gives the session, unless so much is stored without a checkpoint that
// retention by size could remove what no checkpoint covers.
func (l *Log) admit() (*session, error) {
	s, err := l.session()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unsaved > l.cfg.MaxBytes/2 {
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, l.unsavedReason())
	}
	return s, nil
}

// count notes a stored package.
func (l *Log) count(s *session, seq uint64, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.store == l.at.Store {
		l.highest = max(l.highest, seq)
	}
	l.tellReaders()
	// Between two looks, and while nobody can look, this keeps the counts right.
	l.view.Messages++
	l.view.Bytes += uint64(size) + messageOverhead
	l.unsaved += size + messageOverhead
	l.unsavedPackages++
	if l.unsaved > l.cfg.MaxBytes/8 || l.unsavedPackages > checkpointPackages {
		l.press()
	}
}

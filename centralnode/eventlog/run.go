package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// lookEvery is how often Run looks at the store while it is well.
	lookEvery = 2 * time.Second
	// retryFirst and retryMost bound the growing wait between attempts to open
	// a store that is not well.
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
)

// Run keeps the log in order until ctx ends: it recovers from faults, saves
// checkpoints and removes what is too old.
func (l *Log) Run(ctx context.Context) error {
	wait := retryFirst
	faulted := true
	for ctx.Err() == nil {
		l.mu.Lock()
		s := l.current
		l.mu.Unlock()
		if s != nil {
			if s.failed() == nil {
				wait = retryFirst
				l.tend(ctx, s)
			}
			if s.failed() != nil {
				faulted = true
				l.drop(s)
			}
			continue
		}
		err := l.connect(ctx, faulted)
		if errors.Is(err, ErrClosed) || ctx.Err() != nil {
			return nil
		}
		if err == nil {
			faulted = false
			continue
		}
		l.degrade(err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
	return nil
}

// tend looks after a session until it fails or ctx ends.
func (l *Log) tend(ctx context.Context, s *session) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	due := time.Now().Add(l.checkpointEvery())
	said := false
	for {
		forced := false
		select {
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		case <-l.pressed:
			forced = true
		case <-ticker.C:
		}
		s.suspect()
		if forced || !time.Now().Before(due) {
			err := l.checkpoint(ctx)
			if err == nil {
				err = l.retire(ctx, s)
			}
			switch {
			case err == nil:
				due, said = time.Now().Add(l.checkpointEvery()), false
			case ctx.Err() == nil && s.failed() == nil && !said:
				l.cfg.Logger.Error("upkeep of the event log; it is tried again", "error", err)
				said = true
			}
		}
		st, err := s.info(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.fail(err)
			}
			return
		}
		l.mu.Lock()
		l.look(s, st)
		l.mu.Unlock()
	}
}

func (l *Log) checkpointEvery() time.Duration { return min(checkpointEvery, l.cfg.MaxAge/8) }

// retire removes packages that are too old and that the checkpoint covers.
func (l *Log) retire(ctx context.Context, s *session) error {
	st, err := s.info(ctx)
	if err != nil || st.Msgs == 0 {
		return err
	}
	first, err := s.since(ctx, st, l.cfg.Now().Add(-l.cfg.MaxAge))
	if err != nil {
		return err
	}
	l.mu.Lock()
	keep := min(first, l.at.Seq+1)
	l.mu.Unlock()
	if keep <= st.FirstSeq {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := s.stream.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return err
	}
	l.cfg.Logger.Debug("old events removed", "packages", keep-st.FirstSeq)
	return nil
}

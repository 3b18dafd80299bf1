package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// inFlight bounds the bytes of packages on their way into the store.
const inFlight = 32 << 20

// Log is the durable log of events. Its methods may be called by many
// goroutines.
type Log struct {
	cfg   Config
	table *table
	room  *semaphore.Weighted
	// pressed asks Run for a checkpoint before its time.
	pressed chan struct{}
	// opening is held while a session is opened or the log closed and guards
	// folder. Order of locks: opening, saving, a queue's turn, mu.
	opening sync.Mutex
	folder  *folder
	// saving is held by whoever moves the checkpoint.
	saving sync.Mutex

	mu sync.Mutex // guards what follows; held for moments only
	// current is the session in use, nil while there is none.
	current *session
	closed  bool
	// changed is closed and made anew whenever current changes.
	changed chan struct{}
	// stored, unless nil, is closed when a package is acknowledged, a session is
	// put to use or the log closed; see Ready.
	stored chan struct{}
	// cause is why there is no session.
	cause error
	// at is the position of the last checkpoint, highest the last stream
	// sequence of the same store that was acknowledged.
	at      Position
	highest uint64
	// unsaved counts the bytes and packages stored after the last checkpoint.
	unsaved, unsavedPackages int64
	saveErr                  error
	saved                    time.Time
	view                     State
}

// Open opens the log. It returns an error only for a Config that can never
// work; whatever else is wrong leaves the log degraded, see State.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg:     cfg,
		room:    semaphore.NewWeighted(inFlight),
		pressed: make(chan struct{}, 1),
		changed: make(chan struct{}),
		view:    State{Kind: Embedded},
	}
	if cfg.NATSURL != "" {
		l.view.Kind = Cluster
	}
	l.table = newTable(tableLimit, l.press, cfg.Checkpoints.Load)
	if err := l.connect(ctx, false); err != nil {
		l.degrade(err)
	}
	return l, nil
}

// press asks Run for a checkpoint.
func (l *Log) press() {
	select {
	case l.pressed <- struct{}{}:
	default:
	}
}

// connect opens a session, brings the table up to it and puts it to use.
// faulted says that the session before it met a fault.
func (l *Log) connect(ctx context.Context, faulted bool) error {
	l.opening.Lock()
	defer l.opening.Unlock()
	s, err := l.openSession(ctx, faulted)
	if err != nil {
		return err
	}
	if err := l.catchUp(ctx, s); err != nil {
		s.close()
		return err
	}
	st, err := s.info(ctx)
	if err != nil {
		s.close()
		return err
	}
	l.mu.Lock()
	l.cause = nil
	l.look(s, st)
	l.swap(s)
	l.mu.Unlock()
	s.logOpened(l.cfg.Logger)
	return nil
}

// openSession opens the store that the configuration names. l.opening is held.
func (l *Log) openSession(ctx context.Context, faulted bool) (*session, error) {
	l.mu.Lock()
	closed, again := l.closed, l.cause != nil
	l.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if l.cfg.NATSURL != "" {
		return openCluster(ctx, l.cfg)
	}
	if l.folder == nil {
		f, err := openFolder(l.cfg.Dir)
		if err != nil {
			return nil, err
		}
		l.folder = f
	}
	return openEmbedded(ctx, l.folder, l.cfg, faulted, again)
}

// swap puts a session to use, or none, and wakes whoever waits for a change.
func (l *Log) swap(s *session) {
	l.current = s
	close(l.changed)
	l.changed = make(chan struct{})
	if s != nil || l.closed {
		l.tellReaders()
	}
}

// session returns the session in use, or why there is none.
func (l *Log) session() (*session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ErrClosed)
	}
	if l.current == nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, l.cause)
	}
	if err := l.current.failed(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return l.current, nil
}

// drop takes a failed session out of use and closes it.
func (l *Log) drop(s *session) {
	l.mu.Lock()
	if l.current == s {
		l.swap(nil)
	}
	l.mu.Unlock()
	l.degrade(s.failed())
	s.close()
}

// Close saves a last checkpoint and releases the store. Call it after Run has
// returned and the last Append has been answered.
func (l *Log) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	err := l.checkpoint(ctx)
	if errors.Is(err, ErrUnavailable) {
		err = nil // there is no store to save a position of
	}
	l.opening.Lock()
	defer l.opening.Unlock()
	l.mu.Lock()
	s := l.current
	l.closed = true
	l.swap(nil)
	l.mu.Unlock()
	if s != nil {
		s.close()
	}
	if l.folder != nil {
		err = errors.Join(err, l.folder.close())
		l.folder = nil
	}
	return err
}

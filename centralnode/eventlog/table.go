package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// tableLimit is how many queues are held in memory before idle ones that a
// checkpoint covers are dropped; twice as many is the most.
const tableLimit = 32_768

var errTableFull = errors.New("too many queues wait for a checkpoint")

// queue is one queue in memory. Whoever acquired it owns all of it.
type queue struct {
	key QueueKey
	// turn holds one token: the right to the fields below.
	turn chan struct{}
	// refs counts owners and waiters, guarded by table.mu.
	refs int

	loaded  bool
	history history
	// doubt is set while the outcome of a publish is unknown.
	doubt *recent
	// version grows with every change; saved is the one in the checkpoint.
	version, saved uint64
}

// take waits for the queue's turn.
func (q *queue) take(ctx context.Context) error {
	select {
	case q.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryTake takes the turn if nobody has it.
func (q *queue) tryTake() bool {
	select {
	case q.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// give passes the turn on.
func (q *queue) give() { <-q.turn }

// clean says whether a checkpoint holds all that is known of the queue.
func (q *queue) clean() bool { return q.version == q.saved && q.doubt == nil }

func (q *queue) stored(seq uint64, d digest) {
	if seq > q.history.highest {
		q.history.stored(seq, d)
		q.version++
	}
}

// table holds the queues in use.
type table struct {
	load  func(context.Context, QueueKey) (QueueState, bool, error)
	limit int
	// pressed is told when only a checkpoint can make room.
	pressed func()

	mu     sync.Mutex // guards what follows and queue.refs
	queues map[QueueKey]*queue
}

func newTable(limit int, pressed func(), load func(context.Context, QueueKey) (QueueState, bool, error)) *table {
	return &table{load: load, limit: limit, pressed: pressed, queues: make(map[QueueKey]*queue)}
}

// acquire waits for the queue's turn and gives it with its history loaded.
// Every acquired queue must be released.
func (t *table) acquire(ctx context.Context, key QueueKey) (*queue, error) {
	q, err := t.pin(key)
	if err != nil {
		return nil, err
	}
	if err := q.take(ctx); err != nil {
		t.unpin(q)
		return nil, err
	}
	if !q.loaded {
		s, _, err := t.load(ctx, key)
		if err == nil {
			q.history, err = restore(s)
		}
		if err != nil {
			t.release(q)
			return nil, fmt.Errorf("read checkpoint of a queue: %w", err)
		}
		q.loaded = true
	}
	return q, nil
}

// release gives the turn back.
func (t *table) release(q *queue) {
	q.give()
	t.unpin(q)
}

func (t *table) unpin(q *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q.refs--
}

// pin finds or makes the queue's place and keeps it from being dropped.
func (t *table) pin(key QueueKey) (*queue, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[key]
	if q == nil {
		if len(t.queues) >= t.limit {
			t.evictLocked()
		}
		if len(t.queues) >= t.limit {
			t.pressed()
		}
		if len(t.queues) >= 2*t.limit {
			return nil, errTableFull
		}
		q = &queue{key: key, turn: make(chan struct{}, 1)}
		t.queues[key] = q
	}
	q.refs++
	return q, nil
}

// evictLocked drops idle queues that a checkpoint covers until an eighth of
// the room is free. Which ones does not matter: a dropped queue costs one read.
func (t *table) evictLocked() {
	for key, q := range t.queues {
		if len(t.queues) <= t.limit-t.limit/8 {
			return
		}
		if q.refs == 0 && q.clean() {
			delete(t.queues, key)
		}
	}
}

// pinAll pins every queue that has something to save or to settle, as far as
// that can be seen from outside: queues in use are included.
func (t *table) pinAll() []*queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*queue
	for _, q := range t.queues {
		if q.refs > 0 || !q.clean() {
			q.refs++
			all = append(all, q)
		}
	}
	return all
}

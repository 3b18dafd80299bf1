package scan

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"vedette/internal/kv"
)

// Bounds of one batch, below those of the state file.
const (
	batchOps   = kv.MaxOps / 2
	batchBytes = kv.MaxChange / 2
)

// journal writes changes to the state file, many callers' in one: while one
// batch is being synced the next one gathers. Batches are written in the order
// in which they were begun.
type journal struct {
	store *kv.Store
	names func() error // makes the names of new files durable

	turn chan struct{} // holds one token: whoever puts it in may write

	mu    sync.Mutex // guards what follows
	queue []*batch
}

// batch is what is written together.
type batch struct {
	ops   []kv.Op
	bytes int
	names bool
	done  chan struct{}
	err   error // valid once done is closed
}

func newJournal(store *kv.Store, names func() error) *journal {
	return &journal{store: store, names: names, turn: make(chan struct{}, 1)}
}

// write makes a change and returns when it is durable. names says that it
// speaks of new files, whose names must be durable before. No key may be in two
// changes that are under way at once.
func (j *journal) write(ops []kv.Op, names bool) error {
	b := j.join(ops, names)
	for {
		select {
		case <-b.done:
			return b.err
		case j.turn <- struct{}{}:
			j.flush()
			<-j.turn
		}
	}
}

// join adds a change to the batch that gathers.
func (j *journal) join(ops []kv.Op, names bool) *batch {
	size := 0
	for i := range ops {
		ops[i].Quiet = true // nobody watches this file
		size += len(ops[i].Key) + len(ops[i].Value)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var b *batch
	if n := len(j.queue); n > 0 {
		b = j.queue[n-1]
	}
	if b == nil || len(b.ops)+len(ops) > batchOps || b.bytes+size > batchBytes {
		b = &batch{done: make(chan struct{})}
		j.queue = append(j.queue, b)
	}
	b.ops = append(b.ops, ops...)
	b.bytes += size
	b.names = b.names || names
	return b
}

// flush writes the oldest batch. The caller has the turn.
func (j *journal) flush() {
	j.mu.Lock()
	if len(j.queue) == 0 {
		j.mu.Unlock()
		return
	}
	b := j.queue[0]
	j.queue[0] = nil
	j.queue = j.queue[1:]
	j.mu.Unlock()
	if b.names {
		b.err = j.names()
	}
	if b.err == nil {
		_, b.err = j.store.Apply(context.Background(), b.ops, nil)
	}
	close(b.done)
}

// noSpace reports whether there was no room, on the disk or in the state file.
func noSpace(err error) bool {
	var s *kv.StorageError
	if errors.As(err, &s) {
		return s.Cause != nil && !s.Uncertain
	}
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// uncertain reports whether a change may be there after a restart although it
// was not acknowledged.
func uncertain(err error) bool {
	var s *kv.StorageError
	return errors.As(err, &s) && s.Uncertain
}

package kv

import (
	"bytes"
	"context"
	"slices"
)

// Change is one operation as a watcher sees it. Its bytes are the watcher's own.
type Change struct {
	Key      string
	Value    []byte
	Deleted  bool
	Revision Revision
}

// Bounds of the history that watchers share; the newest change is always kept.
const (
	historyChanges = MaxOps
	historyBytes   = MaxChange
)

// history holds the latest changes, oldest first.
type history struct {
	batches []batch
	floor   Revision // the newest revision that is not held
	latest  Revision
	changes int
	bytes   int
}

type batch struct {
	revision Revision
	changes  []Change
	bytes    int
}

func (h *history) add(r Revision, ops []Op) {
	b := batch{revision: r}
	for _, op := range ops {
		if op.Quiet {
			continue
		}
		c := Change{Key: op.Key, Deleted: op.Delete, Revision: r}
		if !op.Delete {
			c.Value = bytes.Clone(op.Value)
		}
		b.changes = append(b.changes, c)
		b.bytes += len(c.Key) + len(c.Value)
	}
	h.latest = r
	if len(b.changes) == 0 {
		return
	}
	h.batches = append(h.batches, b)
	h.changes += len(b.changes)
	h.bytes += b.bytes
	for len(h.batches) > 1 && (h.changes > historyChanges || h.bytes > historyBytes) {
		old := h.batches[0]
		h.batches[0] = batch{}
		h.batches = h.batches[1:]
		h.floor = old.revision
		h.changes -= len(old.changes)
		h.bytes -= old.bytes
	}
}

// since copies the changes after a revision.
func (h *history) since(r Revision) []Change {
	i, _ := slices.BinarySearchFunc(h.batches, r+1, func(b batch, r Revision) int {
		switch {
		case b.revision < r:
			return -1
		case b.revision > r:
			return 1
		}
		return 0
	})
	var out []Change
	for _, b := range h.batches[i:] {
		for _, c := range b.changes {
			c.Value = bytes.Clone(c.Value)
			out = append(out, c)
		}
	}
	return out
}

// Watch follows the changes of a store. It holds no resources of the store
// and never delays a change; who pulls too slowly is told to list again.
type Watch struct {
	store  *Store
	at     Revision // delivered up to here; guarded by store.mu
	closed chan struct{}
}

// Watch begins behind the given revision: with what List or View returned, no
// change is missed and none is seen twice.
func (s *Store) Watch(from Revision) *Watch {
	return &Watch{store: s, at: from, closed: make(chan struct{})}
}

// Next waits for changes and returns all that are there, in order, with the
// revision that they lead up to. Quiet operations are left out. ErrListAgain
// means that changes were missed: list anew and watch from there. Next is for
// one goroutine at a time.
func (w *Watch) Next(ctx context.Context) ([]Change, Revision, error) {
	for {
		changes, upTo, changed, err := w.pull()
		if err != nil {
			return nil, 0, err
		}
		if len(changes) > 0 {
			return changes, upTo, nil
		}
		select {
		case <-changed:
		case <-w.closed:
			return nil, 0, ErrClosed
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (w *Watch) pull() ([]Change, Revision, <-chan struct{}, error) {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.closed:
		return nil, 0, nil, ErrClosed
	default:
	}
	if s.closed {
		return nil, 0, nil, ErrClosed
	}
	// A revision from the future belongs to another life of this store, for
	// instance before a backup was put back.
	if w.at < s.history.floor || w.at > s.history.latest {
		return nil, 0, nil, ErrListAgain
	}
	changes := s.history.since(w.at)
	w.at = s.history.latest
	return changes, w.at, s.changed, nil
}

// Close wakes a waiting Next with ErrClosed. Closing twice is allowed.
func (w *Watch) Close() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	select {
	case <-w.closed:
	default:
		close(w.closed)
	}
}

package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	// openEvery is how often a folder is tried that could not be used.
	openEvery = 10 * time.Second
	// storageWait is how long something waits that the disk or the alerts refused.
	storageWait = 5 * time.Second
	// settleTime is how long a verdict may take to be noted once the daemon stops.
	settleTime = 10 * time.Second
)

// Run scans what was taken until ctx ends, and returns when nothing of it runs
// any more but calls of engines that do not end. What was being scanned then is
// scanned again after the next start.
func (r *Room) Run(ctx context.Context) error {
	var inside sync.WaitGroup
	defer inside.Wait()
	for _, h := range r.hands {
		inside.Go(func() { h.watch(ctx) })
	}
	if !r.opened(ctx) {
		return nil
	}
	for e, h := range r.hands {
		h.doubtAgain()
		inside.Go(func() { r.tend(ctx, e) })
		for range r.cfg.Limits.Workers {
			inside.Go(func() { r.work(ctx, e, &inside) })
		}
	}
	r.keep(ctx, &inside)
	r.mu.Lock()
	r.wakeAll() // who waits for work sees that ctx has ended
	r.mu.Unlock()
	return nil
}

// opened waits until the folder can be used. It returns false when ctx ended
// before.
func (r *Room) opened(ctx context.Context) bool {
	for {
		r.mu.Lock()
		ready := r.disk != nil
		r.mu.Unlock()
		if ready {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(openEvery):
		}
		r.open(ctx)
	}
}

// work does one task of an engine after the other.
func (r *Room) work(ctx context.Context, e int, inside *sync.WaitGroup) {
	for {
		t, inner := r.next(ctx, e)
		if t == nil {
			return
		}
		if !r.worked(t, r.look(inner, t)) {
			continue
		}
		// Waiting for the disk is not the worker's: the verdicts of many go there
		// together.
		r.settling <- struct{}{}
		inside.Go(func() { r.settle(ctx, t.item, t.job) })
	}
}

// poke wakes whoever looks after what waits for a time.
func (r *Room) poke() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// look has an engine look at an object.
func (r *Room) look(ctx context.Context, t *task) outcome {
	h := r.hands[t.engine]
	if err := h.refuses(); err != nil {
		return outcome{known: true, answer: answer{asked: true, err: err}}
	}
	path, remove, err := r.lay(ctx, t.item.number, t.job)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return outcome{}
	case noSpace(err):
		r.diskTrouble(err)
		return outcome{wait: storageWait} // no try of the engine
	case r.disappears(t.item):
		return outcome{wait: time.Second}
	default:
		r.cfg.Logger.Error("an object cannot be read from the spool", "error", err)
		return outcome{known: true, answer: answer{asked: true, err: fmt.Errorf("the object cannot be read from the spool: %w", cause(err))}}
	}
	leave := r.disk.slots.enter(t.item.number)
	result, err := h.scan(ctx, t.item.object(t.job, path))
	leave()
	remove()
	if ctx.Err() != nil {
		return outcome{} // nothing is known
	}
	return outcome{known: true, answer: answer{asked: true, result: result, err: err}}
}

// disappears reports whether an item is gone, or a write about it is under way,
// which may delete it.
func (r *Room) disappears(it *item) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return it.gone || it.changing != nil
}

// cause is what the system said, without our names of files.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// lay gives an object a path.
func (r *Room) lay(ctx context.Context, number uint64, j *job) (path string, remove func(), err error) {
	if !j.inline {
		path := r.disk.spool.Path(number)
		_, err := os.Stat(path)
		return path, func() {}, err
	}
	e, err := r.disk.store.Get(ctx, objectKey(number))
	if err != nil {
		return "", nil, err
	}
	path, err = r.disk.spool.Lay(e.Value)
	return path, func() {
		if err := os.Remove(path); err != nil {
			r.cfg.Logger.Warn("a passing copy was not removed", "error", err)
		}
	}, err
}

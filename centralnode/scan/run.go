package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"vedette/internal/kv"
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
	for range r.cfg.Limits.Workers {
		inside.Go(func() { r.work(ctx, &inside) })
	}
	r.keep(ctx)
	r.mu.Lock()
	r.wake.Broadcast() // who waits for work sees that ctx has ended
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

// next waits for an item and takes it, with its job, which the item may lose
// when it is deleted, and a context that ends with ctx and at a deletion. It
// returns nil when ctx has ended.
func (r *Room) next(ctx context.Context) (*item, *job, context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, nil, nil
		}
		if it := r.take(); it != nil {
			inner, cancel := context.WithCancel(ctx)
			it.job.place, it.job.stop = atWorker, cancel
			r.running++
			return it, it.job, inner
		}
		r.wake.Wait()
	}
}

// take takes the next item, or nil when there is none to be scanned now. r.mu is
// held.
func (r *Room) take() *item {
	switch {
	case r.alone:
		return nil
	case len(r.queue.suspects) == 0:
		return r.queue.pop()
	case r.running > 0:
		return nil // until nothing else is being scanned
	}
	it := r.queue.popSuspect()
	it.job.alone, r.alone = true, true
	return it
}

// work scans one item after the other.
func (r *Room) work(ctx context.Context, inside *sync.WaitGroup) {
	for {
		it, j, inner := r.next(ctx)
		if it == nil {
			return
		}
		v, wait := j.verdict, time.Duration(0)
		if v == nil {
			v, wait = r.look(inner, it, j)
		}
		j.stop()
		if !r.worked(ctx, it, j, v, wait) {
			continue
		}
		// Waiting for the disk is not the worker's: the verdicts of many go there
		// together.
		r.settling <- struct{}{}
		inside.Go(func() {
			defer func() { <-r.settling }()
			r.settle(ctx, it, v)
		})
	}
}

// worked takes an item back from a worker, and reports whether its verdict is to
// be made known.
func (r *Room) worked(ctx context.Context, it *item, j *job, v *verdict, wait time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j.alone || len(r.queue.suspects) > 0 {
		r.wake.Broadcast() // others may go on, or one alone
	}
	if j.alone {
		j.alone, r.alone = false, false
	}
	if it.gone {
		return false
	}
	r.running--
	j.place = nowhere
	switch {
	case v != nil:
		return true
	case ctx.Err() != nil:
		r.queue.push(it) // it waits for the next start
	default:
		r.queue.delay(it, time.Now().Add(wait))
		r.poke()
	}
	return false
}

// poke wakes whoever looks after what waits for a time.
func (r *Room) poke() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// look has the engines look at an item. It returns a verdict, or how long to wait
// before the next try.
func (r *Room) look(ctx context.Context, it *item, j *job) (*verdict, time.Duration) {
	l := r.cfg.Limits
	if j.answers == nil {
		j.answers = make([]answer, len(r.hands))
	}
	path, remove, err := r.lay(ctx, it.number, j)
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0
		}
		if noSpace(err) {
			r.diskTrouble(err)
			return nil, storageWait // no try of an engine
		}
		r.cfg.Logger.Error("an object cannot be read from the spool", "error", err)
		err = fmt.Errorf("the object cannot be read from the spool: %w", cause(err))
		for i := range j.answers {
			j.answers[i] = answer{asked: true, err: err}
		}
	} else {
		leave := r.disk.slots.enter(it.number)
		known := r.ask(ctx, j.answers, it.object(j, path))
		leave()
		remove()
		if !known {
			return nil, 0
		}
	}
	j.tries++
	state, reason, settled := judge(r.cfg.Engines, j.answers, j.tries >= l.Attempts)
	if !settled {
		return nil, backoff(l.RetryAfter, j.tries)
	}
	at := r.cfg.Now()
	return &verdict{state: state, reason: reason, at: at, findings: r.findings(it, j, at)}, 0
}

// backoff is the wait after so many tries.
func backoff(first time.Duration, tries int) time.Duration {
	const most = 10 * time.Minute
	wait := first
	for range tries - 1 {
		if wait >= most {
			return max(first, most)
		}
		wait *= 2
	}
	return wait
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

// settle makes a verdict known: first its findings, then itself.
func (r *Room) settle(ctx context.Context, it *item, v *verdict) {
	// The daemon may stop meanwhile; a verdict that is this far is noted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	for _, f := range v.findings {
		if err := r.cfg.Alerts.Detected(ctx, f); err != nil {
			r.alertTrouble(err)
			r.later(it, v)
			return
		}
	}
	if len(v.findings) > 0 {
		r.alertTrouble(nil)
	}
	if !r.claim(it) {
		return // deleted meanwhile
	}
	ops := []kv.Op{{Key: scanKey(it.number), Delete: true}}
	if it.key.id != "" {
		ops[0] = recordOf(it).finishedWith(v).op(it.number)
	}
	if it.job.inline {
		ops = append(ops, kv.Op{Key: objectKey(it.number), Delete: true})
	}
	if err := r.disk.journal.write(ops, false); err != nil {
		r.diskTrouble(err)
		r.mu.Lock()
		it.changed()
		r.mu.Unlock()
		r.later(it, v)
		return
	}
	r.settled(it, v)
}

// claim begins a write about an item, and returns false when it is gone.
func (r *Room) claim(it *item) bool {
	for {
		r.mu.Lock()
		wait := it.changing
		if it.gone || wait == nil {
			defer r.mu.Unlock()
			if it.gone {
				return false
			}
			it.changing = make(chan struct{})
			return true
		}
		r.mu.Unlock()
		<-wait
	}
}

// later lets a verdict wait that could not be made known.
func (r *Room) later(it *item, v *verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if it.gone {
		return
	}
	it.job.verdict = v
	r.queue.delay(it, time.Now().Add(storageWait))
	r.poke()
}

// settled notes a durable verdict.
func (r *Room) settled(it *item, v *verdict) {
	if !it.job.inline {
		r.unlink(r.disk, it)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	it.state, it.reason, it.finished = v.state, v.reason, v.at
	it.changed()
	r.finished(it)
	r.verdicts[v.state]++
	r.pace.count(r.cfg.Now())
	if it.key.id == "" {
		it.gone = true
		return
	}
	r.addResult(it)
	if r.results.len() > r.cfg.Limits.MaxResults {
		r.poke()
	}
}

// finished takes an item out of flight. r.mu is held.
func (r *Room) finished(it *item) {
	it.job = nil
	r.unfinished--
	it.system.unfinished--
	r.quota.Give(it.system.id, it.size)
}

// addResult keeps an item with its verdict. r.mu is held.
func (r *Room) addResult(it *item) {
	r.results.add(it)
	it.system.kept++
}

// dropResult forgets a verdict. The item is gone, and r.mu is held.
func (r *Room) dropResult(it *item) {
	r.results.dropped()
	it.system.kept--
}

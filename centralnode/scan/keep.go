package scan

import (
	"context"
	"errors"
	"sync"
	"time"

	"vedette/internal/kv"
)

const (
	reclassEvery = time.Second
	expireEvery  = time.Minute
	probeEvery   = 10 * time.Second
	// expireSlack is how far below Limits.MaxResults verdicts are removed, in parts
	// of it, so that not every new verdict costs a removal of its own.
	expireSlack = 100
)

// keep looks after what waits for a time, until ctx ends.
func (r *Room) keep(ctx context.Context, inside *sync.WaitGroup) {
	reclass := time.NewTicker(reclassEvery)
	defer reclass.Stop()
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	again := time.NewTicker(storageWait)
	defer again.Stop()
	r.expire(ctx)
	for {
		wait := r.dueNow()
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
			if r.crowded() {
				r.expire(ctx)
			}
		case <-wait:
		case <-again.C:
			r.retell(ctx, inside)
		case <-reclass.C:
			r.reclass()
		case <-expire.C:
			r.expire(ctx)
			r.tidy()
			r.countAside()
		case <-probe.C:
			r.probe()
		}
	}
}

// dueNow puts in line what has waited long enough, and returns a channel for the
// next.
func (r *Room) dueNow() <-chan time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := r.queue.due(time.Now())
	r.wakeAll()
	if wait == 0 {
		return nil
	}
	return time.After(wait)
}

func (r *Room) crowded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results.len() > r.cfg.Limits.MaxResults
}

// expire removes verdicts, by age and by number.
func (r *Room) expire(ctx context.Context) {
	defer r.tellCrowd()
	for ctx.Err() == nil {
		items := r.claimOld()
		if len(items) == 0 {
			return
		}
		if err := r.remove(items); err != nil {
			r.cfg.Logger.Error("old verdicts were not removed; it is tried again", "error", err)
			return
		}
		r.cfg.Logger.Info("old verdicts were removed", "verdicts", len(items))
	}
}

// claimOld claims some of the verdicts that are kept no longer: those that are
// too old, and while there are too many the oldest of the systems that have most.
func (r *Room) claimOld() []*item {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.cfg.Limits
	var lose map[*system]int
	if n := r.results.len(); n > l.MaxResults {
		have := make(map[*system]int, len(r.systems))
		for _, s := range r.systems {
			have[s] = s.kept
		}
		lose = shares(have, n-l.MaxResults+l.MaxResults/expireSlack)
	}
	oldest := r.steady.now(r.cfg.Now(), time.Now()).Add(-l.KeepResults)
	var items, crowded []*item
	for _, it := range r.results.items {
		// Not only from the front: a clock that was wrong for a while may have put
		// times out of order.
		old := !it.finished.After(oldest)
		if it.gone || it.changing != nil || it.job != nil || !old && lose[it.system] == 0 {
			continue
		}
		if lose[it.system] > 0 {
			lose[it.system]--
		}
		if !old {
			crowded = append(crowded, it)
		}
		it.changing = make(chan struct{})
		if items = append(items, it); len(items) == deleteAtOnce {
			break
		}
	}
	r.crowd.add(crowded)
	return items
}

// tidy forgets systems that have nothing here.
func (r *Room) tidy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.systems {
		if s.idle() {
			delete(r.systems, id)
		}
	}
}

// probe tries whether trouble with the disk has gone.
func (r *Room) probe() {
	r.mu.Lock()
	trouble := r.storage != ""
	r.mu.Unlock()
	if !trouble {
		return
	}
	err := errors.Join(r.disk.spool.Probe(), r.disk.journal.write([]kv.Op{{Key: probeKey}}, true))
	if err != nil {
		r.diskTrouble(err)
		return
	}
	r.mu.Lock()
	r.storage = ""
	r.mu.Unlock()
	r.cfg.Logger.Info("the disk takes objects again")
}

package scan

import (
	"context"
	"sync"

	"vedette/internal/kv"
)

// step is what is to be made known about an object.
type step struct {
	findings []Finding
	told     []*task // whose those are
	verdict  *verdict
	// last: no engine looks any more.
	last bool
}

// settle makes known what engines said about an object, as long as there is
// something new: first their findings, then the verdict. Somebody who set
// job.telling does so.
func (r *Room) settle(ctx context.Context, it *item, j *job) {
	defer func() { <-r.settling }()
	for {
		s := r.step(it, j)
		if s == nil {
			return
		}
		if !r.announce(ctx, it, s) {
			r.mu.Lock()
			r.refused = append(r.refused, it)
			r.mu.Unlock()
			return
		}
	}
}

// step says what is to be made known next; nil: nothing, and nobody is telling
// any more.
func (r *Room) step(it *item, j *job) *step {
	r.mu.Lock()
	defer r.mu.Unlock()
	if it.job == nil || it.gone || !j.news() {
		j.telling = false
		return nil
	}
	s := &step{last: j.over()}
	at := it.finished
	for _, t := range j.tasks {
		if !t.over {
			continue
		}
		if it.state == Processing && t.at.After(at) {
			at = t.at
		}
		if t.found() && !t.told {
			s.told = append(s.told, t)
			s.findings = append(s.findings, r.finding(t))
		}
	}
	switch state, reason, settled := judge(r.cfg.Engines, j.answers(), s.last); {
	case it.state != Processing:
		s.verdict = &verdict{state: it.state, reason: it.reason, at: it.finished}
	case settled:
		s.verdict = &verdict{state: state, reason: reason, at: at}
		if state == Failed || state == Timeout {
			s.verdict.engine = blamed(r.cfg.Engines, j.answers())
		}
	}
	return s
}

// announce makes a step durable and known. It returns false when the alerts or the
// disk refused it.
func (r *Room) announce(ctx context.Context, it *item, s *step) bool {
	// The daemon may stop meanwhile; what is this far is noted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	for _, f := range s.findings {
		if err := r.cfg.Alerts.Detected(ctx, f); err != nil {
			r.alertTrouble(err)
			return false
		}
	}
	if len(s.findings) > 0 {
		r.alertTrouble(nil)
	}
	if !r.claim(it) {
		return true // deleted meanwhile
	}
	if ops := s.ops(it); len(ops) > 0 {
		if err := r.disk.journal.write(ops, false); err != nil {
			r.diskTrouble(err)
			r.mu.Lock()
			it.changed()
			r.mu.Unlock()
			return false
		}
	}
	if s.last && !it.job.inline {
		r.unlink(r.disk, it)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	it.changed()
	r.made(it, s)
	return true
}

// ops is what a step changes on disk. The caller has claimed the item.
func (s *step) ops(it *item) []kv.Op {
	if !s.last {
		if it.key.id == "" || it.state != Processing {
			return nil // nobody can see a verdict, or it is there already
		}
		rec := recordOf(it)
		rec.State, rec.Finished, rec.Looking = s.verdict.state, s.verdict.at, true
		return []kv.Op{rec.op(it.number)}
	}
	ops := []kv.Op{{Key: scanKey(it.number), Delete: true}}
	if it.key.id != "" {
		ops[0] = recordOf(it).finishedWith(s.verdict).op(it.number)
	}
	if it.job.inline {
		ops = append(ops, kv.Op{Key: objectKey(it.number), Delete: true})
	}
	return ops
}

// made notes a step that is durable. r.mu is held.
func (r *Room) made(it *item, s *step) {
	for _, t := range s.told {
		t.told = true
	}
	if v := s.verdict; it.state == Processing && (s.last || it.key.id != "") {
		it.state, it.reason, it.finished = v.state, v.reason, v.at
		r.verdicts[v.state]++
		if v.state == Failed || v.state == Timeout {
			r.fail(it.fullKey(), it.sha256, v)
		}
		if it.key.id != "" {
			r.addResult(it)
		}
	}
	if !s.last {
		return
	}
	r.finished(it)
	r.pace.count(r.cfg.Now())
	if it.key.id == "" {
		it.gone = true
	}
	if r.results.len() > r.cfg.Limits.MaxResults {
		r.poke()
	}
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

// retell makes known, in the background, what was refused before.
func (r *Room) retell(ctx context.Context, inside *sync.WaitGroup) {
	r.mu.Lock()
	items := r.refused
	r.refused = nil
	r.mu.Unlock()
	if len(items) == 0 {
		return
	}
	inside.Go(func() {
		for i, it := range items {
			select {
			case r.settling <- struct{}{}:
			case <-ctx.Done():
				r.mu.Lock()
				r.refused = append(r.refused, items[i:]...)
				r.mu.Unlock()
				return
			}
			r.mu.Lock()
			j := it.job
			r.mu.Unlock()
			if j == nil { // deleted meanwhile
				<-r.settling
				continue
			}
			inside.Go(func() { r.settle(ctx, it, j) })
		}
	})
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

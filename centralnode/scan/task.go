package scan

import (
	"context"
	"time"

	"vedette/centralnode/scan/engine"
)

// place is where a task is.
type place int

const (
	nowhere  place = iota // done, or on its way from one place to another
	inLine                // in its system's line
	apart                 // waits to be done while nothing else is scanned
	delayed               // waits for a time
	atWorker              // a worker has it
)

// task is one engine's look at one object. The room's lock guards it, but for
// what is said to never change.
type task struct {
	item   *item // never changes
	job    *job  // never changes
	engine int   // never changes

	place  place
	index  int       // in the pile of that place
	due    time.Time // while delayed
	stop   func()    // ends it, while at a worker
	tries  int
	answer answer    // of the last try
	at     time.Time // when that came
	over   bool      // there is no other try
	told   bool      // what was found has its alert
}

// answer is what came of asking one engine.
type answer struct {
	asked  bool
	result engine.Result
	err    error
}

// found reports whether the engine found something.
func (t *task) found() bool {
	return t.over && t.answer.err == nil && len(t.answer.result.Detections) > 0
}

// over reports whether no engine has to look any more.
func (j *job) over() bool {
	for _, t := range j.tasks {
		if !t.over {
			return false
		}
	}
	return true
}

// news reports whether there is something to make known.
func (j *job) news() bool {
	for _, t := range j.tasks {
		if t.found() && !t.told {
			return true
		}
	}
	return j.over()
}

func (j *job) answers() []answer {
	all := make([]answer, len(j.tasks))
	for i, t := range j.tasks {
		all[i] = t.answer
	}
	return all
}

// enqueue puts an item in line at all engines, or lets it wait to be scanned
// alone. r.mu is held.
func (r *Room) enqueue(it *item, alone bool) {
	j := it.job
	j.tasks = make([]*task, len(r.hands))
	for e := range j.tasks {
		j.tasks[e] = &task{item: it, job: j, engine: e}
	}
	if alone {
		r.queue.suspect(j)
		return
	}
	for _, t := range j.tasks {
		r.queue.push(t)
	}
}

// next waits for a task of an engine and takes it, with a context that ends with
// ctx and at a deletion. It returns nil when ctx has ended.
func (r *Room) next(ctx context.Context, e int) (*task, context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, nil
		}
		if t := r.take(e); t != nil {
			inner, cancel := context.WithCancel(ctx)
			t.place, t.stop = atWorker, cancel
			if t.job.busy++; t.job.busy == 1 {
				r.running++
			}
			r.atWork++
			return t, inner
		}
		r.wakes[e].Wait()
	}
}

// take takes the next task of an engine, or nil when there is none to be done
// now. r.mu is held.
func (r *Room) take(e int) *task {
	if r.hands[e].onTrial() {
		return nil
	}
	if r.alone == nil {
		if len(r.queue.suspects) == 0 {
			return r.queue.pop(e)
		}
		if r.atWork > 0 {
			return nil // until nothing else is being scanned
		}
		r.alone = r.queue.popSuspect()
		r.wakeAll()
	}
	t := r.alone.tasks[e]
	if t.place != apart {
		return nil
	}
	t.place = nowhere
	return t
}

// endAlone lets others go on when an object was scanned alone. r.mu is held.
func (r *Room) endAlone() {
	if r.alone == nil {
		if len(r.queue.suspects) > 0 {
			r.wakeAll() // perhaps it is the turn of one alone
		}
		return
	}
	for _, t := range r.alone.tasks {
		if t.place == apart || t.place == atWorker {
			return
		}
	}
	r.alone = nil
	r.wakeAll()
}

// wakeAll wakes all workers. r.mu is held.
func (r *Room) wakeAll() {
	for _, w := range r.wakes {
		w.Broadcast()
	}
}

// outcome is what came of a task.
type outcome struct {
	answer answer
	// known: there is an answer. Else the task waits for so long, or, when it was
	// interrupted, not at all.
	known bool
	wait  time.Duration
}

// worked takes a task back from a worker, and reports whether there is something
// to make known that nobody makes known yet.
func (r *Room) worked(t *task, o outcome) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.stop()
	it, j := t.item, t.job
	t.place, t.stop = nowhere, nil
	r.atWork--
	j.busy--
	defer r.endAlone()
	if it.gone {
		return false
	}
	if j.busy == 0 {
		r.running--
	}
	l := r.cfg.Limits
	switch {
	case !o.known && o.wait == 0:
		r.queue.push(t) // it waits for the next start
	case !o.known:
		r.delay(t, o.wait)
	default:
		t.answer, t.at = o.answer, r.cfg.Now()
		t.tries++
		if t.over = o.answer.err == nil || t.tries >= l.Attempts; !t.over {
			r.delay(t, backoff(l.RetryAfter, t.tries))
		}
	}
	if j.telling || !j.news() {
		return false
	}
	j.telling = true
	return true
}

// delay lets a task wait. r.mu is held.
func (r *Room) delay(t *task, wait time.Duration) {
	r.queue.delay(t, time.Now().Add(wait))
	r.poke()
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

package scan

import (
	"container/heap"
	"slices"
	"time"
)

// system is one external system that has something here. The room's lock guards
// it.
type system struct {
	id string
	// first: its objects go first while Maximum scan priority is on.
	first bool

	uploading  int
	unfinished int // without a verdict
	kept       int // with one

	lines []*line // one for each engine, as far as they are known

	scans map[local]*item // what has a scan ID
	order roll            // the same, in order of submission
	// instances counts the same by instance.
	instances map[string]int
}

func newSystem(id string) *system {
	return &system{id: id, scans: make(map[local]*item), instances: make(map[string]int)}
}

// line is what of one system waits for one engine.
type line struct {
	system *system
	tasks  pile // what can be done now, oldest first
	ready  bool // it is among the lane's ready ones
	// served is the turn in which the engine last looked at an object of it.
	served uint64
}

// line returns the line at an engine.
func (s *system) line(e int) *line {
	for len(s.lines) <= e {
		s.lines = append(s.lines, &line{system: s, tasks: pile{less: func(a, b *task) bool { return a.item.number < b.item.number }}})
	}
	return s.lines[e]
}

// add makes an item known by its scan ID, if it has one.
func (s *system) add(it *item) {
	if it.key.id == "" {
		return
	}
	s.scans[it.key] = it
	s.order.add(it)
	s.instances[it.key.instance]++
}

// drop takes an item out of what can be looked up.
func (s *system) drop(it *item) {
	it.gone = true
	if it.key.id == "" {
		return
	}
	delete(s.scans, it.key)
	s.order.dropped()
	if s.instances[it.key.instance]--; s.instances[it.key.instance] == 0 {
		delete(s.instances, it.key.instance)
	}
}

// replaced takes an item out whose ID another one has now.
func (s *system) replaced(it *item) {
	it.gone = true
	s.order.dropped()
	s.instances[it.key.instance]--
}

// idle reports whether nothing of the system is left.
func (s *system) idle() bool {
	return s.uploading == 0 && s.unfinished == 0 && len(s.scans) == 0
}

// queue decides what each engine looks at next: of the systems that have
// something waiting for it the one whose last turn there is longest ago, and of
// that system its oldest object. So a system that sends one object waits, behind
// another's ten thousand, for what is being scanned already and for no more. With
// priority on, the systems that go first do so by the same rule, and the others
// by the same rule after them: nothing keeps those from waiting for as long as
// the first have something. Engines do not wait for each other.
//
// Objects that the daemon may have died of come first of all, one at a time and
// alone.
type queue struct {
	priority bool
	lanes    []lane // one for each engine
	delayed  pile   // what waits for a time, the earliest first
	suspects []*job // what is to be scanned alone
}

// lane is what waits for one engine.
type lane struct {
	turn  uint64
	ready []*line // those with something in them, in no order
}

func newQueue(engines int) queue {
	return queue{lanes: make([]lane, engines), delayed: pile{less: func(a, b *task) bool { return a.due.Before(b.due) }}}
}

// push puts a task into its system's line.
func (q *queue) push(t *task) {
	t.place = inLine
	l := t.item.system.line(t.engine)
	heap.Push(&l.tasks, t)
	if !l.ready {
		l.ready = true
		lane := &q.lanes[t.engine]
		lane.ready = append(lane.ready, l)
	}
}

// suspect lets an object wait to be scanned alone.
func (q *queue) suspect(j *job) {
	for _, t := range j.tasks {
		t.place = apart
	}
	q.suspects = append(q.suspects, j)
}

// popSuspect takes the next object that is to be scanned alone.
func (q *queue) popSuspect() *job {
	j := q.suspects[0]
	q.suspects = q.suspects[1:]
	return j
}

// delay lets a task wait until due.
func (q *queue) delay(t *task, due time.Time) {
	t.place, t.due = delayed, due
	heap.Push(&q.delayed, t)
}

// pop takes the task of an engine whose turn it is, or nil.
func (q *queue) pop(e int) *task {
	lane := &q.lanes[e]
	var best *line
	for _, l := range lane.ready {
		if best == nil || q.before(l, best) {
			best = l
		}
	}
	if best == nil {
		return nil
	}
	lane.turn++
	best.served = lane.turn
	t := heap.Pop(&best.tasks).(*task)
	t.place = nowhere
	lane.emptied(best)
	return t
}

// before reports whether a's turn is before b's.
func (q *queue) before(a, b *line) bool {
	if q.priority && a.system.first != b.system.first {
		return a.system.first
	}
	if a.served != b.served {
		return a.served < b.served
	}
	return a.tasks.items[0].item.number < b.tasks.items[0].item.number
}

// due moves what has waited long enough into its line, and returns how long the
// next one still waits; zero: there is none.
func (q *queue) due(now time.Time) time.Duration {
	for len(q.delayed.items) > 0 {
		t := q.delayed.items[0]
		if wait := t.due.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&q.delayed)
		q.push(t)
	}
	return 0
}

// revive ends the waits of an engine's tasks.
func (q *queue) revive(e int) {
	for _, t := range slices.Clone(q.delayed.items) {
		if t.engine == e {
			q.remove(t)
			q.push(t)
		}
	}
}

// remove takes a task out of wherever it waits.
func (q *queue) remove(t *task) {
	switch t.place {
	case inLine:
		l := t.item.system.line(t.engine)
		heap.Remove(&l.tasks, t.index)
		q.lanes[t.engine].emptied(l)
	case delayed:
		heap.Remove(&q.delayed, t.index)
	case apart:
		q.suspects = slices.DeleteFunc(q.suspects, func(j *job) bool { return j == t.job })
	default:
		return
	}
	t.place = nowhere
}

// behind counts the objects that wait, at the engine where they are most, behind
// systems that go first.
func (q *queue) behind() int {
	if !q.priority {
		return 0
	}
	most := 0
	for _, lane := range q.lanes {
		behind, first := 0, false
		for _, l := range lane.ready {
			if l.system.first {
				first = true
			} else {
				behind += len(l.tasks.items)
			}
		}
		if first {
			most = max(most, behind)
		}
	}
	return most
}

func (l *lane) emptied(of *line) {
	if len(of.tasks.items) > 0 {
		return
	}
	of.ready = false
	if i := slices.Index(l.ready, of); i >= 0 {
		last := len(l.ready) - 1
		l.ready[i] = l.ready[last]
		l.ready[last] = nil
		l.ready = l.ready[:last]
	}
}

// pile is a heap of tasks that each know their place in it.
type pile struct {
	items []*task
	less  func(a, b *task) bool
}

func (p *pile) Len() int           { return len(p.items) }
func (p *pile) Less(i, j int) bool { return p.less(p.items[i], p.items[j]) }

func (p *pile) Swap(i, j int) {
	p.items[i], p.items[j] = p.items[j], p.items[i]
	p.items[i].index, p.items[j].index = i, j
}

func (p *pile) Push(x any) {
	t := x.(*task)
	t.index = len(p.items)
	p.items = append(p.items, t)
}

func (p *pile) Pop() any {
	last := len(p.items) - 1
	t := p.items[last]
	p.items[last] = nil
	p.items = p.items[:last]
	return t
}

// roll is a list of items in a fixed order. Those that are gone are left in it
// until they are many.
type roll struct {
	items []*item
	gone  int
}

func (r *roll) add(it *item) { r.items = append(r.items, it) }

// dropped says that one of the items is gone now.
func (r *roll) dropped() {
	r.gone++
	if r.gone > 32 && r.gone > len(r.items)/2 {
		r.items = slices.DeleteFunc(r.items, func(it *item) bool { return it.gone })
		r.gone = 0
	}
}

// len counts the items that are not gone.
func (r *roll) len() int { return len(r.items) - r.gone }

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

	line  pile // what can be scanned now, oldest first
	ready bool // it is in queue.ready
	// served is the turn in which it last had an object scanned.
	served uint64

	scans map[local]*item // what has a scan ID
	order roll            // the same, in order of submission
	// instances counts the same by instance.
	instances map[string]int
}

func newSystem(id string) *system {
	return &system{id: id, line: newLine(), scans: make(map[local]*item), instances: make(map[string]int)}
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

// idle reports whether nothing of the system is left.
func (s *system) idle() bool {
	return s.uploading == 0 && s.unfinished == 0 && len(s.scans) == 0
}

// queue decides what is scanned next: of the systems that have something
// waiting the one whose last turn is longest ago, and of that system its oldest
// object. So a system that sends one object waits, behind another's ten
// thousand, for what is being scanned already and for no more. With priority on,
// the systems that go first do so by the same rule, and the others by the same
// rule after them: nothing keeps those from waiting for as long as the first
// have something.
//
// Objects that the daemon may have died of come first of all, one at a time and
// alone.
type queue struct {
	priority bool
	turn     uint64
	ready    []*system // those with something in their line, in no order
	delayed  pile      // what waits for a time, the earliest first
	suspects []*item   // what is to be scanned alone
}

func newQueue() queue {
	return queue{delayed: pile{less: func(a, b *item) bool { return a.job.due.Before(b.job.due) }}}
}

func newLine() pile {
	return pile{less: func(a, b *item) bool { return a.number < b.number }}
}

// push puts an item into its system's line.
func (q *queue) push(it *item) {
	it.job.place = inLine
	heap.Push(&it.system.line, it)
	if !it.system.ready {
		it.system.ready = true
		q.ready = append(q.ready, it.system)
	}
}

// suspect lets an item wait to be scanned alone.
func (q *queue) suspect(it *item) {
	it.job.place = apart
	q.suspects = append(q.suspects, it)
}

// popSuspect takes the next item that is to be scanned alone.
func (q *queue) popSuspect() *item {
	it := q.suspects[0]
	q.suspects = q.suspects[1:]
	it.job.place = nowhere
	return it
}

// delay lets an item wait until due.
func (q *queue) delay(it *item, due time.Time) {
	it.job.place, it.job.due = delayed, due
	heap.Push(&q.delayed, it)
}

// pop takes the item whose turn it is, or nil.
func (q *queue) pop() *item {
	best := -1
	for i, s := range q.ready {
		if best < 0 || q.before(s, q.ready[best]) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s := q.ready[best]
	q.turn++
	s.served = q.turn
	it := heap.Pop(&s.line).(*item)
	it.job.place = nowhere
	q.emptied(s)
	return it
}

// before reports whether a's turn is before b's.
func (q *queue) before(a, b *system) bool {
	if q.priority && a.first != b.first {
		return a.first
	}
	if a.served != b.served {
		return a.served < b.served
	}
	return a.line.items[0].number < b.line.items[0].number
}

// due moves what has waited long enough into its line, and returns how long the
// next one still waits; zero: there is none.
func (q *queue) due(now time.Time) time.Duration {
	for len(q.delayed.items) > 0 {
		it := q.delayed.items[0]
		if wait := it.job.due.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&q.delayed)
		q.push(it)
	}
	return 0
}

// remove takes an item out of wherever it waits.
func (q *queue) remove(it *item) {
	switch it.job.place {
	case inLine:
		heap.Remove(&it.system.line, it.job.index)
		q.emptied(it.system)
	case delayed:
		heap.Remove(&q.delayed, it.job.index)
	case apart:
		q.suspects = slices.DeleteFunc(q.suspects, func(other *item) bool { return other == it })
	default:
		return
	}
	it.job.place = nowhere
}

func (q *queue) emptied(s *system) {
	if len(s.line.items) > 0 {
		return
	}
	s.ready = false
	if i := slices.Index(q.ready, s); i >= 0 {
		last := len(q.ready) - 1
		q.ready[i] = q.ready[last]
		q.ready[last] = nil
		q.ready = q.ready[:last]
	}
}

// pile is a heap of items that each know their place in it.
type pile struct {
	items []*item
	less  func(a, b *item) bool
}

func (p *pile) Len() int           { return len(p.items) }
func (p *pile) Less(i, j int) bool { return p.less(p.items[i], p.items[j]) }

func (p *pile) Swap(i, j int) {
	p.items[i], p.items[j] = p.items[j], p.items[i]
	p.items[i].job.index, p.items[j].job.index = i, j
}

func (p *pile) Push(x any) {
	it := x.(*item)
	it.job.index = len(p.items)
	p.items = append(p.items, it)
}

func (p *pile) Pop() any {
	last := len(p.items) - 1
	it := p.items[last]
	p.items[last] = nil
	p.items = p.items[:last]
	return it
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

package share

import "container/heap"

// turns says who is next. It is fair queueing by virtual time: each owner has a
// mark, which moves on by the bytes that it was granted; the owner with the
// lowest mark is next. The level is where the mark of an owner is that always
// got its part. Newcomers start there, so that a stream of them starves nobody;
// whoever comes back starts at most slack bytes lower, which it may catch up.
type turns[O comparable] struct {
	slack   uint64
	level   uint64
	highest uint64 // mark of all
	owners  map[O]*turn[O]
	waiting byMark[O]
	swept   int // owners that were left after the last sweep
}

// turn is one owner: those of its connections that wait, oldest first.
type turn[O comparable] struct {
	mark       uint64
	head, tail *waiter[O]
	place      int // in waiting; -1: nobody waits
}

type waiter[O comparable] struct {
	of           *turn[O]
	n            int
	granted      chan struct{}
	before, next *waiter[O]
}

func newTurns[O comparable](slack uint64) turns[O] {
	return turns[O]{slack: slack, level: slack, highest: slack, owners: make(map[O]*turn[O])}
}

// empty says that nobody waits.
func (q *turns[O]) empty() bool { return len(q.waiting) == 0 }

// first is the number of bytes that is due next, when somebody waits.
func (q *turns[O]) first() int { return q.waiting[0].head.n }

// wait puts a connection of owner behind its others.
func (q *turns[O]) wait(owner O, n int) *waiter[O] {
	t := q.turn(owner)
	w := &waiter[O]{of: t, n: n, granted: make(chan struct{}), before: t.tail}
	if t.tail == nil {
		t.head = w
		heap.Push(&q.waiting, t)
	} else {
		t.tail.next = w
	}
	t.tail = w
	return w
}

// grant gives the next waiter its bytes and returns how many.
func (q *turns[O]) grant() int {
	t := q.waiting[0]
	w := t.head
	q.advance(t, uint64(w.n))
	heap.Fix(&q.waiting, 0)
	q.leave(w)
	close(w.granted)
	return w.n
}

// pay counts bytes that an owner took while nobody waited.
func (q *turns[O]) pay(owner O, n uint64) { q.advance(q.turn(owner), n) }

func (q *turns[O]) advance(t *turn[O], n uint64) {
	level := max(q.level, t.mark)
	t.mark += n
	q.highest = max(q.highest, t.mark)
	q.level = min(level+n/uint64(max(len(q.waiting), 1)), q.highest)
}

// leave takes a waiter out.
func (q *turns[O]) leave(w *waiter[O]) {
	t := w.of
	if w.before == nil {
		t.head = w.next
	} else {
		w.before.next = w.next
	}
	if w.next == nil {
		t.tail = w.before
	} else {
		w.next.before = w.before
	}
	if t.head == nil {
		heap.Remove(&q.waiting, t.place)
	}
}

// turn finds or makes an owner's turn.
func (q *turns[O]) turn(owner O) *turn[O] {
	t := q.owners[owner]
	if t == nil {
		if len(q.owners) >= 2*q.swept+64 {
			q.sweep()
		}
		t = &turn[O]{mark: q.level, place: -1}
		q.owners[owner] = t
	} else if t.head == nil {
		t.mark = max(t.mark, q.level-q.slack)
	}
	return t
}

// sweep forgets the owners who were away for too long to catch up.
func (q *turns[O]) sweep() {
	for owner, t := range q.owners {
		if t.head == nil && t.mark <= q.level-q.slack {
			delete(q.owners, owner)
		}
	}
	q.swept = len(q.owners)
}

// forget starts anew, when nobody waits.
func (q *turns[O]) forget() {
	if q.empty() && len(q.owners) > 0 {
		*q = newTurns[O](q.slack)
	}
}

// byMark is a heap of owners for whom somebody waits.
type byMark[O comparable] []*turn[O]

func (h byMark[O]) Len() int           { return len(h) }
func (h byMark[O]) Less(i, j int) bool { return h[i].mark < h[j].mark }
func (h byMark[O]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for container/heap.
func (h *byMark[O]) Push(x any) {
	t := x.(*turn[O])
	t.place = len(*h)
	*h = append(*h, t)
}

// Pop is for container/heap.
func (h *byMark[O]) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.place = -1
	return t
}

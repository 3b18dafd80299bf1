package link

// queue holds streams with something to send, round robin by owner, then by stream. The zero queue is empty.
type queue struct {
	head, tail *turn
	owners     map[uint64]*turn
	spare      *turn
}

// turn is an owner in a queue.
type turn struct {
	owner      uint64
	head, tail *stream
	next       *turn
}

// first returns the stream whose turn it is, or nil.
func (q *queue) first() *stream {
	if q.head == nil {
		return nil
	}
	return q.head.head
}

// push appends a stream that is in no queue.
func (q *queue) push(s *stream) {
	t := q.owners[s.owner]
	if t == nil {
		if t = q.spare; t != nil {
			q.spare = t.next
			*t = turn{}
		} else {
			t = new(turn)
		}
		t.owner = s.owner
		if q.owners == nil {
			q.owners = make(map[uint64]*turn)
		}
		q.owners[s.owner] = t
		q.append(t)
	}
	s.queue, s.after = q, nil
	if t.tail == nil {
		t.head = s
	} else {
		t.tail.after = s
	}
	t.tail = s
}

func (q *queue) append(t *turn) {
	t.next = nil
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
}

// pop removes the stream that first returned and ends its owner's turn.
func (q *queue) pop() *stream {
	t := q.head
	s := t.head
	if q.head = t.next; q.head == nil {
		q.tail = nil
	}
	if t.head = s.after; t.head == nil {
		delete(q.owners, t.owner)
		*t = turn{next: q.spare}
		q.spare = t
	} else {
		q.append(t)
	}
	s.queue, s.after = nil, nil
	return s
}

// fifo is a list of waiting things.
type fifo[T any] struct {
	items []T
	start int
}

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) len() int { return len(f.items) - f.start }

func (f *fifo[T]) pop() T {
	v := f.items[f.start]
	var zero T
	f.items[f.start] = zero
	if f.start++; f.start == len(f.items) {
		f.items, f.start = f.items[:0], 0
		if cap(f.items) > 1024 {
			f.items = nil
		}
	} else if f.start > 64 && f.start > len(f.items)/2 {
		n := copy(f.items, f.items[f.start:])
		clear(f.items[n:])
		f.items, f.start = f.items[:n], 0
	}
	return v
}

package link

import "time"

// wake says whom a change concerns.
type wake uint8

const (
	wakeRead wake = 1 << iota
	wakeWrite
)

// stream is one end's state of one stream.
//
//	opening --any frame of the peer--> open --both directions ended and acknowledged--> closed
//	opening, open --reset here--> resetting --RST or RST ACK--> closed
//	opening, open --RST--> closed
type stream struct {
	id      uint32
	owner   uint64
	in      inbound
	out     outbound
	allow   allowance
	renewed time.Duration // when the credit was last renewed
	metered uint64        // bytes that were read at renewed
	linger  time.Duration // when a stream that the program has left is reset, unless the peer ends it; 0: never

	meta       []byte // of OPEN, until confirmed; dialing end only
	openLane   uint16 // the lane that carried OPEN; 0: OPEN is to be sent
	openTwin   uint16 // the lane that carried a copy of that OPEN; 0: none did
	confirmed  bool   // the peer knows the stream
	resetting  bool   // RST waits for its answer
	resetDue   bool
	starving   bool // it is in the list of those that wait for buffers
	closed     bool // the peer needs nothing more
	window     due
	windowLane uint16 // the lane that carried WINDOW last
	err        error  // why it ended early
	rst        ResetError

	queue *queue // where it waits to send
	after *stream
	user  *Stream // what the program holds, once it was told
}

// due returns whether the stream has something to send that waits for a turn.
func (s *stream) due() bool {
	if s.closed {
		return false
	}
	if !s.confirmed && s.openLane == 0 {
		return true
	}
	return !s.resetting && (s.out.pending() != nil || s.out.finDue())
}

// enqueue puts the stream where the right lanes find it.
func (e *end) enqueue(s *stream, now time.Duration) {
	if s.queue != nil || !s.due() {
		return
	}
	class := Bulk
	if s.allow.interactive(s.out.backlog(), now) {
		class = Small
	}
	e.laneFor(s, class, now).of(e, class).push(s)
}

// laneFor returns the only lane that is to carry the stream's next frame, or nil.
func (e *end) laneFor(s *stream, class Class, now time.Duration) *lane {
	if !s.confirmed {
		return e.lanes[s.openLane]
	}
	l := e.lanes[s.out.lane]
	switch {
	case l == nil:
		return nil
	case s.out.again > 0 || s.out.turns >= maxTurns:
		return l
	case class == Bulk && s.out.head != nil && l.carries[2] && !l.isFull(now) && s.out.head.sent:
		// What follows bytes that are on their way overtakes them on another lane, and the peer has to keep it aside. It
		// is worth that only when the lane cannot take more: then whichever lane is free has it.
		return l
	}
	return nil
}

func (l *lane) of(e *end, class Class) *queue {
	if l != nil {
		return &l.own[class]
	}
	return &e.shared[class]
}

// open starts a stream. The caller has checked the limit on streams.
func (e *end) open(meta []byte, owner uint64, now time.Duration) *stream {
	e.nextID++
	s := e.newStream(e.nextID, owner, now)
	s.meta = meta
	e.enqueue(s, now)
	return s
}

func (e *end) newStream(id uint32, owner uint64, now time.Duration) *stream {
	w := uint64(e.limits.initWindow)
	s := &stream{id: id, owner: owner, renewed: now}
	s.in.window, s.in.granted, s.out.credit = w, w, w
	s.allow = allowance{saved: allowanceStart, last: now}
	e.streams[id] = s
	return s
}

// write takes what credit and the cap on retained buffers allow; 0 means: wait.
func (e *end) write(s *stream, p []byte, now time.Duration) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.out.closed:
		return 0, ErrWriteClosed
	case e.retained >= e.retainCap && s.out.head != nil:
		e.starve(s)
		return 0, nil
	}
	n, buffers := s.out.write(p)
	e.retained += buffers
	e.enqueue(s, now)
	return n, nil
}

// room says how many bytes write would take now.
func (e *end) room(s *stream) uint64 {
	if e.retained >= e.retainCap && s.out.head != nil {
		e.starve(s)
		return 0
	}
	return s.out.credit - s.out.written
}

// starve notes, once, that a stream waits for retained buffers to become free.
func (e *end) starve(s *stream) {
	if !s.starving {
		s.starving = true
		e.starved.push(s)
	}
}

// adopt retains a chunk that the program has filled, within what room allowed.
func (e *end) adopt(s *stream, c *chunk, now time.Duration) {
	s.out.append(c)
	e.retained += len(c.buf)
	e.enqueue(s, now)
}

// consumed notes that the program took n bytes of a detached chunk.
func (e *end) consumed(s *stream, n int, now time.Duration) {
	if s.err != nil || s.closed {
		return
	}
	s.in.read += uint64(n)
	e.credit(s, now)
	e.settle(s)
}

// closeWrite ends the sending direction after the bytes written.
func (e *end) closeWrite(s *stream, now time.Duration) error {
	if s.err != nil {
		return s.err
	}
	s.out.closed = true
	e.enqueue(s, now)
	return nil
}

// read returns bytes, or 0 to wait, or why there will be none.
func (e *end) read(s *stream, p []byte, now time.Duration) (n int, done bool, err error) {
	if s.err != nil {
		return 0, false, s.err
	}
	n = s.in.take(p)
	if n > 0 {
		e.credit(s, now)
	}
	done = s.in.complete() && s.in.read == s.in.final
	e.settle(s)
	return n, done, nil
}

// leave is the program's goodbye: what it wrote is still delivered, what comes is dropped, and a peer that goes on
// sending or never ends its direction is reset.
func (e *end) leave(s *stream, now time.Duration) {
	if s.err != nil || s.closed || s.in.discard {
		return
	}
	_ = e.closeWrite(s, now)
	s.in.discard = true
	s.in.clear()
	s.linger = now + lingerTime
	e.lingering.push(s)
	e.settle(s)
}

// settle closes a stream that both ends are done with.
func (e *end) settle(s *stream) {
	if s.closed || s.resetting || !s.out.finAcked {
		return
	}
	in := &s.in
	switch {
	case in.complete():
		if in.ackSent == in.final+1 && s.window == dueNever && (in.discard || in.read == in.final) {
			e.forget(s)
		}
	case in.discard && in.highest > in.read:
		e.reset(s, CodeCancel, "")
	}
}

// reset ends both directions at once.
func (e *end) reset(s *stream, code Code, reason string) {
	if s.closed || s.resetting || s.err != nil {
		return
	}
	s.rst = ResetError{Code: code, Reason: reason[:min(len(reason), maxReason)]}
	e.abort(s, &s.rst)
	s.resetting, s.resetDue = true, true
	e.resetting++
	e.queueReset(s)
}

// queueReset sends RST, behind OPEN where the peer may not know the stream yet.
func (e *end) queueReset(s *stream) {
	switch {
	case s.confirmed:
		e.resets.push(s)
	case s.openLane != 0:
		l := e.lanes[s.openLane]
		l.resets.push(s)
	} // otherwise it follows when OPEN is sent
}

// abort drops what a stream holds and tells the program why.
func (e *end) abort(s *stream, err error) {
	s.err = err
	s.out.clear(e.released)
	s.in.clear()
	e.growth += s.in.window - uint64(e.limits.initWindow)
	s.in.window = uint64(e.limits.initWindow)
	e.wake(s, wakeRead|wakeWrite)
}

// forget closes a stream: its id is remembered, nothing else.
func (e *end) forget(s *stream) {
	if s.err == nil {
		s.out.clear(e.released)
		e.growth += s.in.window - uint64(e.limits.initWindow)
		s.in.clear()
	}
	s.closed = true
	if s.resetting {
		e.resetting--
	}
	delete(e.streams, s.id)
	if !e.dials {
		e.ended.add(s.id)
	}
	e.wake(s, wakeRead|wakeWrite)
	e.slot()
}

// released notes that a retained buffer is free again.
func (e *end) released(lane uint16, buffer int) {
	e.retained -= buffer
	if l := e.lanes[lane]; l != nil {
		l.unacked--
	}
	for e.retained < e.retainCap && e.starved.len() > 0 {
		s := e.starved.pop()
		s.starving = false
		e.wake(s, wakeWrite)
	}
}

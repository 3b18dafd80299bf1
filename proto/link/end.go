package link

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

const (
	lingerTime  = 30 * time.Second
	ackDelay    = 25 * time.Millisecond // an acknowledgement waits this long for company
	pingEvery   = 5 * time.Second
	silence     = 15 * time.Second
	startingRTT = 100 * time.Millisecond
	maxFinals   = 1 << 18 // last words that wait for a lane
)

// end is one end of a link, free of I/O and of clocks: whoever drives it passes in frames and the time since the link's
// start, and takes out what is to be written. It is not safe for concurrent use.
type end struct {
	dials  bool // the end that opens streams
	limits limits
	err    error // why the link ended; nothing works any more

	lanes     map[uint16]*lane
	streams   map[uint32]*stream
	ended     intervals // accepting end: ids of closed streams
	nextID    uint32    // dialing end: the newest stream
	resetting int       // streams whose RST was not answered yet

	shared    [2]queue // by class
	resets    fifo[*stream]
	finals    fifo[final]
	urgent    fifo[*stream]
	lazy      fifo[*stream]
	starved   fifo[*stream]
	lingering fifo[*stream]
	control   control
	copying   bool // small frames go out on two lanes; set by whoever drives the end
	goAway    Code // what we said, or 0
	peerAway  Code // what the peer said, or 0

	growth    uint64 // bytes by which windows may still grow in all
	retained  int    // bytes of retained buffers
	retainCap int
	rtt       time.Duration

	sentBytes, copiedBytes uint64 // of records, and of the second copies in them

	opens, again, rsts, pings, empties bucket

	wake     func(*stream, wake) // the program may read or write again
	offer    func(*stream, Meta) // a new stream
	slot     func()              // a stream ended
	message  func()              // the control stream has something, or room
	unretain bool                // tests and benchmarks only: forget bytes once sent
}

// final is the last thing that an end says about a stream: the acknowledgement of FIN, or of RST when ack is 0.
type final struct {
	stream uint32
	ack    uint64
}

// newEnd returns an end without lanes. credit is the budget of the link's receive windows, retainCap the bytes that it
// may retain.
func newEnd(dials bool, l limits, credit uint64, retainCap int) *end {
	e := &end{dials: dials, limits: l, lanes: make(map[uint16]*lane), streams: make(map[uint32]*stream), retainCap: retainCap, rtt: startingRTT,
		wake: func(*stream, wake) {}, offer: func(*stream, Meta) {}, slot: func() {}, message: func() {}}
	if base := uint64(l.initWindow) * uint64(l.maxStreams); base < credit {
		e.growth = credit - base
	}
	streams := float64(l.maxStreams)
	e.opens = newBucket(2*streams+openBurst, openRate)
	if dials {
		e.opens = newBucket(openBurst, openPace)
	}
	e.again = newBucket(4*streams+openBurst, openRate)
	e.rsts = newBucket(8*streams+200, 40_000)
	e.pings = newBucket(200, 100)
	e.empties = newBucket(100, 100)
	e.control.in.granted, e.control.credit = controlWindow, controlWindow
	return e
}

// receive takes one frame. An error is what to close the link with.
func (e *end) receive(l *lane, f frame, now time.Duration) error {
	if e.err != nil {
		return nil
	}
	l.heard = now
	if err := e.dispatch(l, f, now); err != nil {
		return err
	}
	return nil
}

func (e *end) dispatch(l *lane, f frame, now time.Duration) *Error {
	switch f.kind {
	case typeOpen:
		return e.receiveOpen(f, now)
	case typeData, typeWindow, typeReset:
		if f.stream == 0 {
			return e.control.receive(e, f)
		}
		return e.receiveStream(f, now)
	case typePing:
		if !e.pings.take(now) {
			return flood("pings")
		}
		l.receivePing(e, f, now)
	case typeDrain:
		if !l.drainReceived {
			l.drainReceived = true
			e.drain(l, now)
		}
	case typeGoAway:
		if e.peerAway = f.code; f.code == CodeNone {
			e.peerAway = CodeShutdown
		}
		e.slot()
	case typeClose:
		return &Error{Code: f.code, Reason: f.reason, Remote: true}
	}
	return nil
}

func flood(what string) *Error { return &Error{Code: CodeFlood, Reason: "too many " + what} }

// known says whether the peer may speak of a stream that is not there any more.
func (e *end) known(id uint32) bool {
	if e.dials {
		return id <= e.nextID
	}
	return e.ended.has(id)
}

func (e *end) receiveOpen(f frame, now time.Duration) *Error {
	if e.dials {
		return violation("OPEN from the accepting end")
	}
	if e.streams[f.stream] != nil || e.known(f.stream) { // a copy
		if !e.again.take(now) {
			return flood("copies of opens")
		}
		return nil
	}
	if !e.opens.take(now) {
		return flood("opens")
	}
	if len(e.ended) > 2*int(e.limits.maxStreams)+1024 {
		return flood("gaps between streams")
	}
	if e.resetting > 2*int(e.limits.maxStreams)+1024 {
		return flood("streams beyond their RST")
	}
	s := e.newStream(f.stream, uint64(f.stream), now)
	s.confirmed = true
	m, err := decodeMeta(f.meta)
	over := e.limits.maxStreams + e.limits.maxStreams/16 + 16 // an OPEN may overtake what ends another stream
	switch {
	case err == errCritical:
		return e.refuse(s, CodeUnsupported)
	case err != nil:
		return err.(*Error)
	case len(e.streams)-e.resetting > int(over):
		return e.refuse(s, CodeBusy)
	case e.goAway != 0:
		return e.refuse(s, e.goAway)
	}
	s.owner = m.owner()
	if err := s.in.receive(0, f.data, false, nil); err != nil {
		return err
	}
	e.windowDue(s, dueNow) // tells the peer that OPEN has arrived
	e.offer(s, m)
	return nil
}

func (e *end) refuse(s *stream, code Code) *Error {
	e.reset(s, code, "")
	return nil
}

func (e *end) receiveStream(f frame, now time.Duration) *Error {
	if f.kind == typeReset && !e.rsts.take(now) {
		return flood("resets")
	}
	if f.kind == typeData && len(f.data) == 0 && !f.flag && !e.empties.take(now) {
		return flood("empty frames")
	}
	s := e.streams[f.stream]
	if s == nil {
		return e.receiveEnded(f)
	}
	e.confirm(s, now)
	switch f.kind {
	case typeReset:
		if f.flag {
			if s.resetting {
				e.forget(s)
			}
			return nil
		}
		e.finals.push(final{stream: s.id})
		if !s.resetting {
			e.abort(s, &ResetError{Code: f.code, Reason: f.reason, Remote: true})
		}
		e.forget(s)
	case typeData:
		return e.receiveData(s, f)
	case typeWindow:
		return e.receiveWindow(s, f, now)
	}
	return nil
}

// receiveEnded answers the RST of a closed stream, without any memory of it. Nothing else needs an answer: what closed
// the stream was said, and is said again when its lane dies (lane.said).
func (e *end) receiveEnded(f frame) *Error {
	if !e.known(f.stream) {
		return violation("frame of type %d for stream %d, which was never opened", f.kind, f.stream)
	}
	if f.kind == typeReset && !f.flag {
		if e.finals.push(final{stream: f.stream}); e.finals.len() > maxFinals {
			return flood("resets of closed streams")
		}
	}
	return nil
}

// confirm notes that the peer knows a stream, so that its frames may use every lane.
func (e *end) confirm(s *stream, now time.Duration) {
	if s.confirmed {
		return
	}
	s.confirmed, s.meta, s.openLane = true, nil, 0
	if s.resetDue {
		e.resets.push(s)
	}
	e.enqueue(s, now)
}

func (e *end) receiveData(s *stream, f frame) *Error {
	if s.resetting {
		return nil
	}
	before := s.in.next
	ended := s.in.complete()
	if err := s.in.receive(f.offset, f.data, f.flag, f.lent); err != nil {
		return err
	}
	if s.in.next != before || s.in.complete() != ended {
		e.wake(s, wakeRead)
	}
	if f.flag && ended {
		e.windowDue(s, dueNow) // FIN again: the acknowledgement was lost
	}
	e.received(s)
	e.settle(s)
	return nil
}

func (e *end) receiveWindow(s *stream, f frame, now time.Duration) *Error {
	o := &s.out
	if s.resetting {
		return nil
	}
	limit := o.sent
	if o.finLane != 0 {
		limit++
	}
	if f.ack > limit {
		return violation("acknowledgement of %d, sent %d", f.ack, o.sent)
	}
	o.ack(f.ack, e.released)
	if f.max > o.credit {
		o.credit = f.max
		e.wake(s, wakeWrite)
	}
	e.settle(s)
	return nil
}

// inOrder returns the streams by id, so that what happens to all of them happens in the same order each time.
func (e *end) inOrder() []*stream {
	return slices.SortedFunc(maps.Values(e.streams), func(a, b *stream) int { return cmp.Compare(a.id, b.id) })
}

// close ends the link here: every stream ends with err.
func (e *end) close(err error) {
	if e.err != nil {
		return
	}
	e.err = err
	for _, s := range e.streams {
		if s.err == nil {
			e.abort(s, err)
		}
	}
	clear(e.streams)
	e.slot()
	e.message()
}

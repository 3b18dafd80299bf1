package link

import (
	"errors"
	"io"
	"net"
	"time"
)

// Lane is one connection of a link, with its reader and its writer.
type Lane struct {
	link       *Link
	conn       net.Conn
	state      *lane
	first      bool
	congestion string

	whole *Whole    // under conn; nil: there is none
	until time.Time // the write deadline; for the writer
	run   int       // bytes of large frames that whole holds; for the writer

	seen    TCP // when the link last looked; these four for its watch
	unsent  int // how many unsent bytes the socket takes
	advance advance
	vigour  vigour

	idle  bool // the writer waits; guarded by link.mu
	woken chan struct{}
	dead  bool // guarded by link.mu
	err   error
	done  chan struct{}
}

// start adds a lane after its handshake. The caller holds mu.
func (l *Link) startLane(conn net.Conn, id uint16, class Class, first bool) *Lane {
	lane := &Lane{link: l, conn: conn, first: first, woken: make(chan struct{}, 1), done: make(chan struct{}),
		state: l.end.laneUp(id, class, l.now()), congestion: tune(conn), unsent: startUnsent, whole: wholeOf(conn)}
	lane.state.scratch = make([]byte, 0, maxFrame)
	l.lanes = append(l.lanes, lane)
	l.running.Add(2)
	go lane.readLoop()
	go lane.writeLoop()
	return lane
}

// Link returns the link of the lane.
func (n *Lane) Link() *Link { return n.link }

// First says whether this lane began its link.
func (n *Lane) First() bool { return n.first }

// Class returns what the lane was made for.
func (n *Lane) Class() Class { return n.state.class }

// Congestion is the congestion control in force on the lane's socket, BBR unless the kernel refused it; empty where there is none to ask.
func (n *Lane) Congestion() string { return n.congestion }

// Done is closed when the lane is dead; Err says why.
func (n *Lane) Done() <-chan struct{} { return n.done }

// Err says why the lane died: nil while it lives and after a drain.
func (n *Lane) Err() error {
	n.link.mu.Lock()
	defer n.link.mu.Unlock()
	return n.err
}

// Drain moves the lane's work to others and closes it when the peer has everything. Add another one first: a link whose
// last lane closes ends.
func (n *Lane) Drain() {
	n.link.mu.Lock()
	defer n.link.mu.Unlock()
	if !n.dead && n.link.failed == nil {
		n.link.end.drain(n.state, n.link.now())
		n.link.kick()
	}
}

// Abandon takes the lane down at once, and err is why. What the peer has not acknowledged goes again on other lanes.
func (n *Lane) Abandon(err error) { n.fail(err) }

// wake ends a wait of the writer. The caller holds mu.
func (n *Lane) wake() {
	n.idle = false
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

// fail takes the lane down.
func (n *Lane) fail(err error) {
	l := n.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.dead {
		return
	}
	n.dead = true
	kill(n.conn) // reader and writer find err instead of what they get
	if !n.state.drainSent || !n.state.drainReceived {
		n.err = err
	}
	for i, o := range l.lanes {
		if o == n {
			l.lanes = append(l.lanes[:i:i], l.lanes[i+1:]...)
			break
		}
	}
	l.end.laneDown(n.state, l.now())
	delete(l.taken, n.state.id)
	close(n.done)
	n.wake()
	if len(l.lanes) == 0 && l.reserved == 0 {
		l.finish(&Error{Code: CodeLost, Reason: "the last lane died"})
	}
	l.kick()
}

// readLoop reads frames and hands them to the state. It never waits for a writer: what must be answered is noted there.
// It reads into a chunk: a large DATA that begins there is at its place in it, and the stream keeps the chunk instead of
// a copy.
func (n *Lane) readLoop() {
	defer n.link.running.Done()
	in, end := largeChunks.Get().(*chunk), 0
	defer func() { in.free() }()
	for {
		m, err := n.conn.Read(in.buf[end:])
		if m > 0 {
			in, end = n.take(in, end+m)
		}
		if err != nil {
			n.fail(err)
			return
		}
	}
}

// take acts on every whole frame at the beginning of a chunk that holds so many bytes. It returns the chunk to read into
// next, with the bytes of a frame that is not whole yet.
func (n *Lane) take(in *chunk, end int) (next *chunk, rest int) {
	l := n.link
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	in.refs++ // its bytes are read here, whatever becomes of a stream that keeps it
	used := 0
	for b := in.buf[:end]; len(b)-used >= headerSize; {
		if l.failed != nil || n.dead {
			used = end // the rest of a link that has ended
			break
		}
		h, err := parseHeader(b[used:])
		if err == nil && len(b)-used < headerSize+h.length {
			break
		}
		if err == nil {
			var lent *chunk
			if used == 0 && h.length > largeBuffer/2 {
				lent = in
			}
			err = n.act(h, b[used+headerSize:used+headerSize+h.length], lent, now)
		}
		if fault := (*Error)(nil); errors.As(err, &fault) {
			l.finish(fault)
			used = end
			break
		}
		used += headerSize + h.length
	}
	next = in
	if in.n > 0 { // a stream has it
		next = largeChunks.Get().(*chunk)
	}
	rest = copy(next.buf, in.buf[used:end])
	in.release()
	l.kick()
	return next, rest
}

func (n *Lane) act(h header, body []byte, lent *chunk, now time.Duration) error {
	f, ok, err := decode(h, body)
	if err != nil || !ok {
		return err
	}
	if f.kind == typeData {
		f.lent = lent
	}
	return n.link.end.receive(n.state, f, now)
}

// writeLoop writes what the state has for this lane, one record at a time.
func (n *Lane) writeLoop() {
	l := n.link
	defer l.running.Done()
	var held *chunk
	for {
		l.mu.Lock()
		if held != nil {
			held.release()
			held = nil
		}
		switch {
		case n.dead:
			l.mu.Unlock()
			return
		case l.failed != nil:
			l.mu.Unlock()
			if n.flush() == nil {
				n.sayClose()
			}
			return
		case n.state.drained():
			l.mu.Unlock()
			_ = n.conn.SetWriteDeadline(time.Now().Add(closeTime))
			_ = n.conn.Close() // with close_notify; what the peer misses goes again
			n.fail(nil)
			return
		}
		b, h := l.end.gather(n.state, l.now())
		held = h
		switch {
		case len(b) > 0:
			l.kick()
			l.mu.Unlock()
			n.write(b, held != nil)
		case n.run > 0:
			l.mu.Unlock()
			n.write(nil, false)
		default:
			n.idle = true
			l.mu.Unlock()
			<-n.woken
		}
	}
}

// maxRun is how many bytes of large frames go to the kernel in one call: fewer and larger calls are much cheaper than
// one for each frame, and an interactive one does not wait longer for them than they take.
const maxRun = 64 << 10

// write writes one gathered record, or nothing more. A large one waits for company: the next record, or that there is none.
func (n *Lane) write(b []byte, large bool) {
	// Setting a deadline costs as much as a small write, so it is renewed once a second only.
	started := time.Now()
	if n.until.Sub(started) < writeTime {
		n.until = started.Add(writeTime + time.Second)
		if err := n.setWriteDeadline(n.until); err != nil {
			n.fail(err)
			return
		}
	}
	if err := n.put(b, large); err != nil {
		n.fail(err)
	}
	if time.Since(started) > slowWrite {
		n.state.waited(n.link.now())
	}
}

// slowWrite is a write that had to wait for room in the socket.
const slowWrite = time.Millisecond

func (n *Lane) put(b []byte, large bool) error {
	if large && n.whole != nil {
		n.whole.begin()
		n.run += len(b)
	}
	if len(b) > 0 {
		if _, err := n.conn.Write(b); err != nil {
			return err
		}
	}
	if large && n.run < maxRun {
		return nil
	}
	return n.flush()
}

// flush writes what waits for company.
func (n *Lane) flush() error {
	if n.run == 0 {
		return nil
	}
	n.run = 0
	return n.whole.flush()
}

// setWriteDeadline does nothing once the link has ended: then the deadline is that of CLOSE.
func (n *Lane) setWriteDeadline(t time.Time) error {
	n.link.mu.Lock()
	defer n.link.mu.Unlock()
	if n.link.failed != nil {
		return nil
	}
	return n.conn.SetWriteDeadline(t)
}

// sayClose tells the peer why the link ends, and leaves the connection to the reader, which drops what still comes until
// the peer has closed it or closeTime has passed: closing at once could destroy the CLOSE on its way.
func (n *Lane) sayClose() {
	var why *Error
	if errors.As(n.link.Err(), &why) && !why.Remote && why.Code != CodeLost {
		if _, err := n.conn.Write(appendClose(nil, why.Code, why.Reason)); err == nil {
			if t, ok := n.conn.(interface{ CloseWrite() error }); ok && t.CloseWrite() == nil {
				return
			}
			return
		}
	}
	n.fail(io.ErrClosedPipe)
}

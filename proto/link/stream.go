package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Stream is one carried connection. It is a net.Conn whose two directions end separately: CloseWrite ends what this end
// sends, Close says goodbye (what was written still arrives), Reset tears down. Its methods may be called from any
// goroutine; writes do not mix.
type Stream struct {
	link *Link
	s    *stream
	meta Meta

	writing sync.Mutex // one Write or ReadFrom at a time; locked before link.mu
	rd, wr  waiter     // guarded by link.mu, like the rest
	closed  bool
}

// waiter is who waits for a direction of a stream, and until when.
type waiter struct {
	cond  sync.Cond
	until time.Time
	timer *time.Timer
}

func newStream(l *Link, s *stream, meta Meta) *Stream {
	st := &Stream{link: l, s: s, meta: meta}
	st.rd.cond.L, st.wr.cond.L = &l.mu, &l.mu
	s.user = st
	return st
}

func (st *Stream) wake(w wake) {
	if w&wakeRead != 0 {
		st.rd.cond.Broadcast()
	}
	if w&wakeWrite != 0 {
		st.wr.cond.Broadcast()
	}
}

func (w *waiter) expired() bool { return !w.until.IsZero() && !time.Now().Before(w.until) }

// set changes the deadline. A timer that fires early finds a later deadline and does no harm. The caller holds the lock.
func (w *waiter) set(t time.Time) {
	w.until = t
	if w.timer != nil {
		w.timer.Stop()
	}
	if t.IsZero() {
		return
	}
	if w.expired() {
		w.cond.Broadcast()
		return
	}
	if d := time.Until(t); w.timer == nil {
		w.timer = time.AfterFunc(d, func() {
			w.cond.L.Lock()
			defer w.cond.L.Unlock()
			w.cond.Broadcast()
		})
	} else {
		w.timer.Reset(d)
	}
}

// Meta is what the opening end said about the carried connection. The caller must not change its slices.
func (st *Stream) Meta() Meta { return st.meta }

// ID is the number of the stream on its link.
func (st *Stream) ID() uint32 { return st.s.id }

// Link is the link that carries the stream.
func (st *Stream) Link() *Link { return st.link }

// Read reads what came, or io.EOF after the last byte. A stream that was cut gives an error, never io.EOF.
func (st *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	l := st.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := st.awaitData(); err != nil {
		return 0, err
	}
	n, _, err := l.end.read(st.s, p, l.now())
	l.kick()
	return n, err
}

// awaitData waits until there is something to read. The caller holds the lock.
func (st *Stream) awaitData() error {
	for {
		in := &st.s.in
		switch {
		case st.closed:
			return net.ErrClosed
		case st.rd.expired():
			return os.ErrDeadlineExceeded
		case st.s.err != nil:
			return st.s.err
		case in.head != nil:
			return nil
		case in.complete():
			return io.EOF
		}
		st.rd.cond.Wait()
	}
}

// WriteTo writes everything that comes until the end to w, without a copy in between.
func (st *Stream) WriteTo(w io.Writer) (total int64, err error) {
	l := st.link
	for {
		l.mu.Lock()
		if err := st.awaitData(); err != nil {
			l.mu.Unlock()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return total, err
		}
		c := st.s.in.detach()
		l.mu.Unlock()

		n, err := w.Write(c.bytes()[c.read:])
		total += int64(n)

		l.mu.Lock()
		l.end.consumed(st.s, c.n-c.read, l.now())
		c.free()
		l.kick()
		l.mu.Unlock()
		if err != nil {
			return total, err
		}
	}
}

// Write writes p. It waits for credit from the peer; at a deadline it returns how many bytes were taken.
func (st *Stream) Write(p []byte) (total int, err error) {
	l := st.link
	st.writing.Lock()
	defer st.writing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := st.writable(); err != nil {
			return total, err
		}
		n, err := l.end.write(st.s, p[total:], l.now())
		if n > 0 {
			l.kick()
		}
		if total += n; err != nil || total == len(p) {
			return total, err
		}
		if n == 0 {
			st.wr.cond.Wait()
		}
	}
}

func (st *Stream) writable() error {
	switch {
	case st.closed:
		return net.ErrClosed
	case st.wr.expired():
		return os.ErrDeadlineExceeded
	case st.s.out.closed:
		return ErrWriteClosed
	}
	return st.s.err
}

// ReadFrom writes everything that comes from r until its end, without a copy in between. It reads into a small buffer
// until more comes at once. It does not end the sending direction.
func (st *Stream) ReadFrom(r io.Reader) (total int64, err error) {
	l := st.link
	st.writing.Lock()
	defer st.writing.Unlock()
	size := 1
	for {
		room, err := st.awaitRoom()
		if err != nil {
			return total, err
		}
		c := newChunk(size)
		buf := c.buf[dataHeader:]
		n, readErr := r.Read(buf[:min(uint64(len(buf)), room)])
		if size = n; n < smallBuffer-dataHeader {
			size = 1
		} else {
			size = largeBuffer
		}
		l.mu.Lock()
		if err = st.writable(); err == nil && n > 0 {
			c.n = n
			l.end.adopt(st.s, c, l.now())
			l.kick()
			total += int64(n)
		} else {
			c.free()
		}
		l.mu.Unlock()
		if err == nil {
			err = readErr
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// awaitRoom waits until the stream may take more, and says how much.
func (st *Stream) awaitRoom() (uint64, error) {
	l := st.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := st.writable(); err != nil {
			return 0, err
		}
		if room := l.end.room(st.s); room > 0 {
			return room, nil
		}
		st.wr.cond.Wait()
	}
}

// CloseWrite ends the sending direction: the peer reads io.EOF after the last byte written.
func (st *Stream) CloseWrite() error {
	l := st.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if st.closed {
		return net.ErrClosed
	}
	err := l.end.closeWrite(st.s, l.now())
	l.kick()
	return err
}

// Close ends the sending direction and drops what still comes. A peer that goes on sending after it has everything, or
// does not end its direction within 30 s, is reset.
func (st *Stream) Close() error {
	l := st.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if st.closed {
		return net.ErrClosed
	}
	l.end.leave(st.s, l.now())
	st.end()
	return nil
}

// Reset ends both directions at once: the peer's reads and writes fail with a ResetError, whatever was on its way.
// The reason is cut to 128 bytes.
func (st *Stream) Reset(code Code, reason string) {
	l := st.link
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end.reset(st.s, code, reason)
	st.end()
}

// end makes every method of this end fail. The caller holds the lock.
func (st *Stream) end() {
	st.closed = true
	st.rd.set(time.Time{})
	st.wr.set(time.Time{})
	st.wake(wakeRead | wakeWrite)
	st.link.kick()
}

// SetDeadline sets both deadlines. A missed one harms neither stream nor lane.
func (st *Stream) SetDeadline(t time.Time) error { return st.setDeadlines(t, &st.rd, &st.wr) }

// SetReadDeadline sets when reads stop waiting; zero means never.
func (st *Stream) SetReadDeadline(t time.Time) error { return st.setDeadlines(t, &st.rd) }

// SetWriteDeadline sets when writes stop waiting; zero means never.
func (st *Stream) SetWriteDeadline(t time.Time) error { return st.setDeadlines(t, &st.wr) }

func (st *Stream) setDeadlines(t time.Time, ws ...*waiter) error {
	st.link.mu.Lock()
	defer st.link.mu.Unlock()
	if st.closed {
		return net.ErrClosed
	}
	for _, w := range ws {
		w.set(t)
	}
	return nil
}

// addr is where a stream comes from, as its opener says.
type addr string

func (addr) Network() string  { return "link" }
func (a addr) String() string { return string(a) }

// LocalAddr names the link; a stream has no address of its own.
func (st *Stream) LocalAddr() net.Addr { return addr("link") }

// RemoteAddr is the address that the opener claimed for the carried connection.
func (st *Stream) RemoteAddr() net.Addr {
	if !st.meta.Address.IsValid() {
		return addr("link")
	}
	return net.TCPAddrFromAddrPort(st.meta.Address)
}

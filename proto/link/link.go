package link

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"time"
)

// Config sets the limits of links. Zero values mean the defaults.
type Config struct {
	MaxStreams uint32 // streams at a time, 12,000
	InitWindow uint32 // first credit of a stream direction in bytes, 32 KiB
	MaxLanes   uint8  // 16
	Credit     uint64 // bytes that all receive windows of a link may sum up to, 512 MiB
	Retain     int    // bytes of buffers that a link keeps until acknowledged, 256 MiB
}

func (c Config) withDefaults() Config {
	set := func(zero bool, f func()) {
		if zero {
			f()
		}
	}
	set(c.MaxStreams == 0, func() { c.MaxStreams = 12_000 })
	set(c.InitWindow == 0, func() { c.InitWindow = 32 << 10 })
	set(c.MaxLanes == 0, func() { c.MaxLanes = 16 })
	set(c.Credit == 0, func() { c.Credit = 512 << 20 })
	set(c.Retain == 0, func() { c.Retain = 256 << 20 })
	return c
}

func (c Config) limits() limits { return limits{c.InitWindow, c.MaxStreams, c.MaxLanes} }

const (
	handshakeTime = 5 * time.Second
	writeTime     = 10 * time.Second // a lane whose write stalls this long is dead
	closeTime     = 3 * time.Second  // for the CLOSE of a link that ends, which may be lost on the way a few times
	lookEvery     = time.Second      // at the lanes
	lookSoon      = 250 * time.Millisecond
)

// Link is one end of a link. Its methods may be called from any goroutine.
type Link struct {
	cfg   Config
	id    ID
	peer  string
	start time.Time
	onEnd func(*Link)

	joining sync.Mutex // dialing end: one handshake at a time; locked before mu
	epoch   ID         // guarded by joining on the dialing end, constant on the accepting one
	laneID  uint16     // of the newest lane; dialing end; guarded by joining

	takeOvers []time.Time // by which the link came; accepting end; guarded by the acceptor's mu

	mu       sync.Mutex
	end      *end // nil until the first handshake
	failed   error
	lanes    []*Lane
	reserved int             // lanes in their handshake
	taken    map[uint16]bool // numbers of lanes that live or are in their handshake; accepting end
	accepts  fifo[*Stream]
	accepted sync.Cond // something to accept, or the end
	slots    sync.Cond // a stream ended, or the end
	messages sync.Cond // the control stream moved, or the end
	ackTimer *time.Timer
	ackArmed bool
	pacing   bool // slots is about to be told that more may be opened
	losses   losses
	fastest  float64       // rate of a bulk lane of late
	first    int           // of the lanes, to be woken: small ones take turns while the way loses packets
	gaveUp   time.Duration // when a stuck lane was last given up
	ended    chan struct{}
	running  sync.WaitGroup
}

// NewDialing returns the end that adds lanes with AddLane and opens streams.
func NewDialing(cfg Config) *Link {
	l := newLink(cfg.withDefaults())
	_, _ = rand.Read(l.id[:]) // never fails (crypto/rand)
	return l
}

func newLink(cfg Config) *Link {
	l := &Link{cfg: cfg, start: time.Now(), taken: map[uint16]bool{}, ended: make(chan struct{}), onEnd: func(*Link) {}}
	l.accepted.L, l.slots.L, l.messages.L = &l.mu, &l.mu, &l.mu
	return l
}

func (l *Link) now() time.Duration { return time.Since(l.start) }

// begin makes the state once the limits are agreed, and starts the link's clock. The caller holds mu.
func (l *Link) begin(dials bool, agreed limits) {
	e := newEnd(dials, agreed, l.cfg.Credit, l.cfg.Retain)
	e.wake = func(s *stream, w wake) {
		if s.user != nil {
			s.user.wake(w)
		}
	}
	e.offer = l.offer
	e.message = l.messages.Broadcast
	e.slot = func() {
		if e.err != nil || e.peerAway != 0 {
			l.slots.Broadcast()
			return
		}
		l.slots.Signal()
	}
	l.end = e
	l.ackTimer = time.AfterFunc(time.Hour, l.flushAcks)
	l.ackTimer.Stop()
	l.running.Add(1)
	go l.watch()
}

// watch tells the state about time, and takes silent lanes down.
func (l *Link) watch() {
	defer l.running.Done()
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	for last := l.now(); ; {
		select {
		case <-l.ended:
			return
		case <-t.C:
		}
		looks := l.lookAtLanes()
		now := l.now()
		for _, k := range looks {
			k.lane.limitUnsent(k.TCP, now-last)
		}
		l.mu.Lock()
		stuck, doubt, slow := l.judge(looks, now, now-last)
		last = now
		var silent []*Lane
		for _, d := range l.end.tick(now) {
			for _, lane := range l.lanes {
				if lane.state == d {
					silent = append(silent, lane)
				}
			}
		}
		l.kick()
		l.mu.Unlock()
		for _, lane := range silent {
			lane.fail(&Error{Code: CodeTimeout, Reason: "lane is silent"})
		}
		for _, lane := range slow {
			if !lane.anew() {
				lane.Drain() // for its successor
			}
		}
		for _, k := range stuck {
			k.lane.fail(&StuckError{k.TCP})
		}
		if t.Reset(lookEvery); doubt {
			t.Reset(lookSoon)
		}
	}
}

func (l *Link) flushAcks() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ackArmed = false
	if l.end.err == nil {
		l.end.flushAcks()
		l.kick()
	}
}

// kick wakes writers that have something to write: each that alone may write it, and one of each class for what any of
// them may take. The caller holds mu.
func (l *Link) kick() {
	if l.end.lazy.len() > 0 && !l.ackArmed && l.end.err == nil {
		l.ackArmed = true
		l.ackTimer.Reset(ackDelay)
	}
	var shared [2]bool
	next := l.first
	for i := range l.lanes {
		lane := l.lanes[(l.first+i)%len(l.lanes)]
		if !lane.idle {
			continue
		}
		c := lane.state.class
		if l.end.readyAlone(lane.state) || !shared[c] && l.end.readyShared(lane.state) {
			shared[c] = true
			lane.wake()
			if c == Small && l.end.copying {
				next = l.first + i + 1
			}
		}
	}
	l.first = next % max(len(l.lanes), 1)
}

// finish ends the link: every stream ends with err, lanes say CLOSE when the end is ours. The caller holds mu.
func (l *Link) finish(err *Error) {
	if l.failed != nil {
		return
	}
	l.failed = err
	l.onEnd(l)
	close(l.ended)
	if l.end != nil {
		l.end.close(err)
		l.ackTimer.Stop()
	}
	l.accepted.Broadcast()
	l.slots.Broadcast()
	l.messages.Broadcast()
	quiet := err.Remote || err.Code == CodeLost
	for _, lane := range l.lanes {
		deadline := time.Now().Add(closeTime)
		if quiet {
			deadline = time.Unix(1, 0)
		}
		_ = lane.conn.SetDeadline(deadline) // a lane that cannot take a deadline is closed all the same
		lane.wake()
	}
}

// Close ends the link and tells the peer why. It returns when no goroutine of the link is left.
func (l *Link) Close(code Code, reason string) {
	l.mu.Lock()
	l.finish(&Error{Code: code, Reason: reason})
	l.mu.Unlock()
	l.Wait()
}

// Wait returns when the link has ended and no goroutine of it is left.
func (l *Link) Wait() {
	<-l.ended
	l.running.Wait()
}

// Done is closed when the link has ended; Err says why.
func (l *Link) Done() <-chan struct{} { return l.ended }

// Err says why the link ended, as an *Error, or nil while it lives.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// Peer is the name under which an Acceptor's caller let the first lane in; empty on the dialing end.
func (l *Link) Peer() string { return l.peer }

// GoAway asks the peer to open no more streams; those that are open go on.
func (l *Link) GoAway(code Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil && l.end.err == nil {
		l.end.leaveLink(max(code, 1))
		l.kick()
	}
}

// alive returns the state, or why there is none. The caller holds mu.
func (l *Link) alive() (*end, error) {
	if l.failed != nil {
		return nil, l.failed
	}
	if l.end == nil {
		return nil, ErrNoLane
	}
	return l.end, nil
}

// await waits on a condition until ready is true, the link ends or ctx does. The caller holds mu.
func (l *Link) await(ctx context.Context, c *sync.Cond, ready func(*end) bool) error {
	if e, err := l.alive(); err != nil || ready(e) {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		c.Broadcast()
	})
	defer stop()
	for {
		e, err := l.alive()
		switch {
		case err != nil:
			return err
		case ready(e):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		c.Wait()
	}
}

// Open opens a stream; only the dialing end may. It waits while the peer's limit on streams, or on how many are
// opened a second, is reached.
func (l *Link) Open(ctx context.Context, meta Meta) (*Stream, error) {
	b, err := meta.append(nil)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.await(ctx, &l.slots, func(e *end) bool {
		return e.peerAway != 0 || len(e.streams) < int(e.limits.maxStreams) && l.mayOpen(e)
	})
	if err != nil {
		return nil, err
	}
	if l.end.peerAway != 0 || !l.end.dials || l.end.nextID == 1<<32-1 {
		return nil, ErrGoingAway
	}
	s := newStream(l, l.end.open(b, meta.owner(), l.now()), meta)
	l.kick()
	return s, nil
}

// openDelay is how long those wait who would open streams faster than the peer allows.
const openDelay = 10 * time.Millisecond

// mayOpen takes an open from the budget, or sees to it that whoever waits asks again. The caller holds mu.
func (l *Link) mayOpen(e *end) bool {
	if e.opens.spare(l.now()) {
		return true
	}
	if !l.pacing {
		l.pacing = true
		time.AfterFunc(openDelay, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.pacing = false
			l.slots.Broadcast()
		})
	}
	return false
}

// offer queues a stream for Accept. A peer that opens and resets cannot fill the queue: those streams leave it.
func (l *Link) offer(s *stream, meta Meta) {
	if l.accepts.len() > 2*int(l.end.limits.maxStreams) {
		for n := l.accepts.len(); n > 0; n-- {
			if w := l.accepts.pop(); w.s.err == nil {
				l.accepts.push(w)
			}
		}
	}
	l.accepts.push(newStream(l, s, meta))
	l.accepted.Signal()
}

// Accept returns the next stream that the peer opened.
func (l *Link) Accept(ctx context.Context) (*Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := l.await(ctx, &l.accepted, func(*end) bool { return l.accepts.len() > 0 }); err != nil {
			return nil, err
		}
		if s := l.accepts.pop(); s.s.err == nil {
			return s, nil
		}
	}
}

// Send puts one message of at most 64 KiB on the control stream. It waits while the peer does not take any.
func (l *Link) Send(ctx context.Context, message []byte) error {
	if len(message) > maxMessage {
		return ErrMessageTooLarge
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.await(ctx, &l.messages, func(e *end) bool { return e.control.send(message) })
	if err == nil {
		l.kick()
	}
	return err
}

// Receive returns the next message of the control stream. Messages come in the order in which they were sent; those that
// came before the peer ended the link are still returned.
func (l *Link) Receive(ctx context.Context) (message []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.await(ctx, &l.messages, func(e *end) bool {
		m, ok, broken := e.control.take()
		if broken != nil {
			l.finish(broken)
			return false
		}
		message = m
		return ok
	})
	var ended *Error
	switch {
	case err == nil:
		l.kick()
	case l.end != nil && errors.As(err, &ended) && ended.Remote: // a goodbye and the CLOSE may have come at once
		if m, ok, _ := l.end.control.take(); ok {
			return m, nil
		}
	}
	return message, err
}

// Stats is a look at a link.
type Stats struct {
	Streams  int           // that live
	Lanes    int           // that live
	Retained int           // bytes of buffers that wait for acknowledgement
	Unheard  int           // bytes of messages that wait for acknowledgement
	RTT      time.Duration // smoothed, over all lanes; 100 ms until the first answer
	// Copying says that small frames go out on two lanes, because this end's way to the peer loses packets.
	Copying     bool
	CopiedBytes uint64 // of second copies, since the link began
	SentBytes   uint64 // of all frames, copies included
}

// Stats returns the present figures.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		return Stats{}
	}
	return Stats{Streams: len(l.end.streams), Lanes: len(l.lanes), Retained: l.end.retained, Unheard: len(l.end.control.kept), RTT: l.end.rtt,
		Copying: l.end.copying, CopiedBytes: l.end.copiedBytes, SentBytes: l.end.sentBytes}
}

// kill closes a connection without waiting for anything: the close_notify of TLS could wait for a stalled peer.
func kill(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	_ = conn.Close() // it is gone in any case
}

package link

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// readHandshake reads the first frame that comes on a connection. A CLOSE comes back as the peer's error.
func readHandshake(conn net.Conn, check func(header) error) (header, []byte, error) {
	var b [maxHello]byte
	if _, err := io.ReadFull(conn, b[:headerSize]); err != nil {
		return header{}, nil, err
	}
	h, err := parseHeader(b[:])
	if err != nil {
		return header{}, nil, err
	}
	if h.kind != typeClose {
		err = check(h)
	}
	if err != nil || h.length > maxHello-headerSize {
		return header{}, nil, cmpErr(err, violation("first frame of %d bytes", h.length))
	}
	body := b[headerSize : headerSize+h.length]
	if _, err := io.ReadFull(conn, body); err != nil {
		return header{}, nil, err
	}
	if h.kind == typeClose {
		f, _, err := decode(h, body)
		return header{}, nil, cmpErr(err, &Error{Code: f.code, Reason: f.reason, Remote: true})
	}
	return h, slices.Clone(body), nil
}

func cmpErr(err error, other error) error {
	if err != nil {
		return err
	}
	return other
}

// limitHandshake gives the handshake on a connection its time, less when ctx ends. The function that it returns takes the
// deadline away.
func limitHandshake(ctx context.Context, conn net.Conn) (done func() error, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() error {
		if !stop() {
			return ctx.Err()
		}
		return conn.SetDeadline(time.Time{})
	}, nil
}

// AddLane makes a connection, on which the caller has finished TLS and checked the pin, a lane of the link. The first
// one begins the link. The link owns the connection from now on; an error closes it.
func (l *Link) AddLane(ctx context.Context, conn net.Conn, class Class) (*Lane, error) {
	l.joining.Lock()
	defer l.joining.Unlock()
	lane, err := l.dial(ctx, conn, class)
	if err != nil {
		kill(conn)
	}
	return lane, err
}

func (l *Link) dial(ctx context.Context, conn net.Conn, class Class) (*Lane, error) {
	if err := l.Err(); err != nil {
		return nil, err
	}
	done, err := limitHandshake(ctx, conn)
	if err != nil {
		return nil, err
	}
	m := hello{minVersion: minVersion, maxVersion: Version, caps: ourCaps, link: l.id, epoch: l.epoch, lane: l.nextLane(), class: class, limits: l.cfg.limits()}
	if _, err := conn.Write(m.append(nil)); err != nil {
		return nil, err
	}
	h, body, err := readHandshake(conn, func(header) error { return nil })
	if err != nil {
		return nil, err
	}
	w, err := decodeWelcome(h, body)
	if err != nil {
		return nil, err
	}
	if l.epoch != (ID{}) && w.epoch != l.epoch {
		return nil, violation("WELCOME of another link")
	}
	if err := done(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return nil, l.failed
	}
	first := l.end == nil
	if first {
		l.epoch = w.epoch
		l.begin(true, w.limits.lower(l.cfg.limits()))
	}
	lane := l.startLane(conn, m.lane, class, first)
	l.kick()
	return lane, nil
}

// nextLane returns the number of a new lane: the one after the last, from 1 again after the highest, without those of
// lanes that live. The peer refuses one that it has not given up yet, and the next attempt has the next number. The
// caller holds joining.
func (l *Link) nextLane() uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		l.laneID++
		if l.laneID != 0 && (l.end == nil || l.end.lanes[l.laneID] == nil) {
			return l.laneID
		}
	}
}

// Acceptor lets lanes in and keeps the links that they belong to, one for each peer.
type Acceptor struct {
	cfg       Config
	duplicate func(peer string)

	mu    sync.Mutex // never held together with a link's
	links map[string]*Link
}

// The third take-over of a peer's link within a minute is told as a duplicate identity.
const (
	takeOvers    = 3
	takeOverSpan = time.Minute
)

// NewAccepting returns the end that lets lanes in and accepts streams. duplicate is called, if it is not nil, when a
// peer's links took over from each other three times in a minute: two machines may be using one identity.
func NewAccepting(cfg Config, duplicate func(peer string)) *Acceptor {
	if duplicate == nil {
		duplicate = func(string) {}
	}
	return &Acceptor{cfg: cfg.withDefaults(), duplicate: duplicate, links: map[string]*Link{}}
}

// Join reads HELLO from a connection on which the caller has finished TLS, and makes it a lane of a new link or of the
// one that it names. peer is what the caller knows the other side by, such as the fingerprint of its leaf; lanes of
// different peers never meet. The acceptor owns the connection from now on; an error closes it.
func (a *Acceptor) Join(ctx context.Context, conn net.Conn, peer string) (*Lane, error) {
	lane, err := a.join(ctx, conn, peer)
	if err == nil {
		return lane, nil
	}
	if e, ok := err.(*Error); ok && !e.Remote {
		_ = conn.SetDeadline(time.Now().Add(closeTime))
		if _, err := conn.Write(appendClose(nil, e.Code, e.Reason)); err == nil {
			_ = conn.Close() // with close_notify, so that CLOSE gets through
		}
	}
	kill(conn)
	return nil, err
}

func (a *Acceptor) join(ctx context.Context, conn net.Conn, peer string) (*Lane, error) {
	done, err := limitHandshake(ctx, conn)
	if err != nil {
		return nil, err
	}
	h, body, err := readHandshake(conn, checkHello)
	if err != nil {
		return nil, err
	}
	m, err := decodeHello(h, body)
	if err != nil {
		return nil, err
	}
	version, ok := chooseVersion(m.minVersion, m.maxVersion)
	if !ok {
		return nil, &Error{Code: CodeVersion, Reason: "no common version"}
	}
	l, first := a.find(peer, m), m.epoch == ID{}
	if l == nil {
		return nil, &Error{Code: CodeGone, Reason: "no such link"}
	}
	if err := l.reserve(m.lane); err != nil {
		return nil, err
	}
	_, err = conn.Write(welcome{version: version, caps: ourCaps & m.caps, epoch: l.epoch, limits: l.end.limits}.append(nil))
	if err == nil {
		err = done()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved--
	if err != nil {
		delete(l.taken, m.lane)
		if len(l.lanes) == 0 && l.reserved == 0 {
			l.finish(&Error{Code: CodeLost, Reason: "the first lane died in its handshake"})
		}
		return nil, err
	}
	if l.failed != nil {
		return nil, l.failed
	}
	lane := l.startLane(conn, m.lane, m.class, first)
	l.kick()
	return lane, nil
}

// reserve takes a place for a lane.
func (l *Link) reserve(id uint16) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failed != nil:
		return &Error{Code: CodeGone, Reason: "the link has ended"}
	case l.taken[id]:
		return &Error{Code: CodeBusy, Reason: "a lane of this number lives"}
	case len(l.lanes)+l.reserved >= int(l.end.limits.maxLanes):
		return &Error{Code: CodeBusy, Reason: "too many lanes"}
	}
	l.taken[id] = true
	l.reserved++
	return nil
}

// find returns the link that a HELLO names, a new one that takes over from the peer's old one, or nil.
func (a *Acceptor) find(peer string, m hello) *Link {
	if m.epoch != (ID{}) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if l := a.links[peer]; l != nil && l.id == m.link && l.epoch == m.epoch {
			return l
		}
		return nil
	}
	l := newLink(a.cfg)
	l.id, l.peer, l.onEnd = m.link, peer, a.ended
	_, _ = rand.Read(l.epoch[:]) // never fails (crypto/rand)
	l.mu.Lock()
	l.begin(false, a.cfg.limits().lower(m.limits))
	l.mu.Unlock()

	a.mu.Lock()
	old := a.links[peer]
	a.links[peer] = l
	alarm := old != nil && l.tookOver(old.takeOvers, time.Now())
	a.mu.Unlock()
	if old != nil {
		old.mu.Lock()
		old.finish(&Error{Code: CodeDuplicate, Reason: "another link of this identity took over"})
		old.mu.Unlock()
	}
	if alarm {
		a.duplicate(peer)
	}
	return l
}

// tookOver notes that the link took over from one which came by those take-overs, and says whether there were too many.
// Only links that live remember any. The caller holds the acceptor's mu.
func (l *Link) tookOver(before []time.Time, now time.Time) (alarm bool) {
	for _, t := range before {
		if now.Sub(t) <= takeOverSpan {
			l.takeOvers = append(l.takeOvers, t)
		}
	}
	l.takeOvers = append(l.takeOvers, now)
	if alarm = len(l.takeOvers) >= takeOvers; alarm {
		l.takeOvers = nil
	}
	return alarm
}

// ended forgets a link. It runs with the link's lock held, so it must not wait for mu.
func (a *Acceptor) ended(l *Link) {
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.links[l.peer] == l {
			delete(a.links, l.peer)
		}
	}()
}

// Link returns the live link of a peer, or nil.
func (a *Acceptor) Link(peer string) *Link {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.links[peer]
}

// Close ends every link and waits for them.
func (a *Acceptor) Close(code Code, reason string) {
	a.mu.Lock()
	var all []*Link
	for _, l := range a.links {
		all = append(all, l)
	}
	a.mu.Unlock()
	for _, l := range all {
		l.Close(code, reason)
	}
}

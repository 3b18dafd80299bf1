package quality

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"vedette/internal/socket"
	"vedette/proto/stamp"
)

const (
	dialTimeout = 5 * time.Second
	dialAgain   = time.Second // after a socket could not be opened, or broke
	// quiet is when answers that do not come are a matter for a person.
	quiet = 10 * time.Second
)

// probe sends packets to the reflector and takes its answers.
type probe struct {
	path func() (Path, string)
	log  *slog.Logger
	// turned wakes the reader: it should open another socket, or none.
	turned chan struct{}
	buf    [stamp.AuthenticatedLen]byte // of beat alone

	mu     sync.Mutex // guards what follows
	at     Path       // no Reflector: nothing is measured,
	why    string     // for this reason
	sender *stamp.Sender
	ledger *ledger
	conn   io.WriteCloser // nil: none is open
	fault  error          // why not
	heard  time.Time
	void   time.Time // as of a ledger that is gone
	gained moment    // since it was last drained
}

func newProbe(path func() (Path, string), log *slog.Logger) *probe {
	return &probe{path: path, log: log, turned: make(chan struct{}, 1), why: "The measurement has not begun."}
}

func dial(ctx context.Context, p Path) (*socket.Packets, error) {
	var d net.Dialer
	if p.Local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.Local, 0))
	}
	conn, err := d.DialContext(ctx, "udp", p.Reflector)
	if err != nil {
		return nil, err
	}
	return socket.QuickPackets(conn.(*net.UDPConn))
}

// beat sends the next packet where there is a way.
func (p *probe) beat(now time.Time) {
	path, why := p.path()
	p.mu.Lock()
	p.follow(path, why, now)
	if p.ledger == nil {
		p.mu.Unlock()
		return
	}
	p.ledger.settle(now, 0, &p.gained)
	conn := p.conn
	if conn == nil {
		p.mu.Unlock()
		return
	}
	packet := p.sender.Next(p.buf[:], now)
	p.ledger.send(binary.BigEndian.Uint32(packet), now, &p.gained)
	p.mu.Unlock()
	// A packet that the kernel does not take is lost like one that the network
	// does not take.
	_, _ = conn.Write(packet)
}

// follow goes over to another path. A new session begins a new ledger; what was
// under way in the old one counts neither as lost nor as answered. It needs mu.
func (p *probe) follow(path Path, why string, now time.Time) {
	p.why = why
	if path == p.at {
		return
	}
	before := p.at
	if l := p.ledger; l != nil && now.Sub(l.heard) >= l.patience() {
		p.void = l.heard // the link itself was on its way out
	}
	p.at, p.fault, p.heard = path, nil, now
	if path.Reflector == "" {
		p.sender, p.ledger = nil, nil
	} else if p.ledger == nil || before.Reflector != path.Reflector || before.Session != path.Session || before.Key != path.Key {
		session := stamp.Session{ID: path.Session}
		if path.Authenticated {
			session.Key = &path.Key
		}
		p.sender, p.ledger = stamp.NewSender(session), newLedger(path.Authenticated)
	}
	if p.conn != nil {
		_ = p.conn.Close() // the reader opens another one
		p.conn = nil
	}
	p.wake()
}

func (p *probe) wake() {
	select {
	case p.turned <- struct{}{}:
	default:
	}
}

// read keeps a socket open to wherever is measured, and takes answers, until
// ctx ends.
func (p *probe) read(ctx context.Context) {
	for ctx.Err() == nil {
		p.mu.Lock()
		path := p.at
		p.mu.Unlock()
		var again <-chan time.Time // never, when there is nowhere to
		if path.Reflector != "" {
			if p.listen(ctx, path) {
				continue
			}
			again = time.After(dialAgain)
		}
		select {
		case <-p.turned:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// listen opens a socket and takes answers while the path stays the same. False:
// it could not, or the socket broke.
func (p *probe) listen(ctx context.Context, path Path) bool {
	dialling, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := dial(dialling, path)
	cancel()
	stale := p.attach(path, conn, err, ctx.Err() == nil)
	if err != nil {
		return stale
	}
	ended := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer ended()
	defer conn.Close()
	if stale {
		return true
	}
	err = p.receive(conn)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != conn {
		return true // closed for another one
	}
	p.conn, p.fault = nil, err
	return false
}

// attach takes the socket that was opened to a path, or why there is none. True:
// the path is another one by now.
func (p *probe) attach(path Path, conn io.WriteCloser, err error, say bool) (stale bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at != path {
		return true
	}
	if p.fault == nil && err != nil && say {
		p.log.Warn("link measurement: no socket", "local", path.Local, "reflector", path.Reflector, "error", err)
	}
	if p.conn, p.fault = conn, err; err != nil {
		p.conn = nil
	}
	return false
}

// receive takes answers until the socket breaks or is closed.
func (p *probe) receive(conn *socket.Packets) error {
	var buf [2 * stamp.AuthenticatedLen]byte // longer packets are no answers, and are seen to be longer
	for {
		n, waited, err := conn.Receive(buf[:])
		switch {
		case err == nil:
			// What waits in a busy Sensor is no delay of the line.
			p.take(conn, buf[:n], time.Now().Add(-waited))
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
			// An ICMP message about a packet of ours: that one is lost.
		default:
			return err
		}
	}
}

func (p *probe) take(conn io.WriteCloser, packet []byte, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != conn {
		return
	}
	if a, ok := p.sender.Answer(packet, now); ok {
		p.heard = now
		p.ledger.answer(a.Sequence, a.Reflected, a.RoundTrip, now, &p.gained)
	}
}

// drain moves what was gained into a moment. roundTrip is what the lanes know
// of the way: a packet is not given up before an answer could be there.
func (p *probe) drain(to *moment, roundTrip time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ledger != nil {
		p.ledger.longest = roundTrip
	}
	g := &p.gained
	to.sent, to.lost, to.lostTo, to.lostFrom = g.sent, g.lost, g.lostTo, g.lostFrom
	to.jitter, to.jitters = g.jitter, g.jitters
	to.roundTrips = append(to.roundTrips[:0], g.roundTrips...)
	g.reset()
}

// condition is what is known of the way beside figures.
type condition struct {
	// void is since when what was booked as lost does not count; zero: all does.
	void time.Time
	// doubt is since when nothing was answered while it is not known yet whether
	// the way is closed; zero: there is no doubt.
	doubt  time.Time
	silent bool // that has been so for long enough to tell a person
	away   bool // there is no way
}

// condition is how the way is now. void is said once.
func (p *probe) condition(now time.Time) (c condition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.void, p.void = p.void, time.Time{}
	l := p.ledger
	if l == nil {
		c.away = true
		return c
	}
	if !l.void.IsZero() {
		c.void, l.void = l.void, time.Time{}
	}
	if !l.heard.IsZero() && !l.closed(now) && now.Sub(l.heard) >= l.patience() {
		c.doubt, c.silent = l.heard, now.Sub(l.heard) >= quiet
	}
	return c
}

// trouble says in a sentence why loss and delay are not measured.
func (p *probe) trouble(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.at.Reflector == "":
		return p.why
	case p.fault != nil:
		return fmt.Sprintf("No packet can be sent by UDP to %s: %v.", p.at.Reflector, p.fault)
	case now.Sub(p.heard) >= quiet:
		return fmt.Sprintf("No answer comes by UDP from %s. Let UDP through to it, and its answers back, in every firewall between the two servers.", p.at.Reflector)
	}
	return "The measurement has just begun."
}

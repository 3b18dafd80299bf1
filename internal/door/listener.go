package door

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vedette/internal/budget"
	"vedette/internal/socket"
)

const (
	// handshakeTimeout is the time from connect to the end of the handshake.
	handshakeTimeout = 5 * time.Second
	// acceptBackoff is the longest pause after a failed accept, which is mostly
	// a lack of file descriptors.
	acceptBackoff = time.Second
	// plainTimeout is the time of the answer to those without TLS.
	plainTimeout = time.Second
	// suppressedEvery is how often held back log lines are counted.
	suppressedEvery = time.Minute
)

// Limits is what a Listener lets through at once.
type Limits struct {
	Admitted            int
	Strangers           int
	StrangersPerAddress int // an IPv6 address counts as its /64
}

// Config is what a Listener needs.
type Config struct {
	Address string // host:port
	TLS     *tls.Config
	Limits  Limits
	// Plain is what those get who speak HTTP without TLS: a whole answer. Empty:
	// nothing.
	Plain  string
	Logger *slog.Logger
	Now    func() time.Time
}

// Listener takes connections in.
type Listener struct {
	config   Config
	listener net.Listener
	conns    *budget.Conns
	waiting  *strangers
	limited  *budget.Limited
	log      *slog.Logger // writes through limited
	numbers  atomic.Uint64
	epoch    atomic.Uint64
	free     atomic.Int64 // goroutines without a connection
}

// Listen binds the address, so that one in use is an error here and not a log
// line later.
func Listen(c Config) (*Listener, error) {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, err
	}
	limited := budget.NewLimited(c.Logger.Handler(), time.Second, c.Now, "remote", "leaf", "code")
	return &Listener{
		config: c, listener: listener,
		conns:   budget.NewConns(budget.Limits{Admitted: c.Limits.Admitted, Strangers: c.Limits.Strangers, PerAddress: c.Limits.StrangersPerAddress}),
		waiting: newStrangers(c.Limits.StrangersPerAddress),
		limited: limited, log: slog.New(limited),
	}, nil
}

// Addr is where the listener listens.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Counts returns the connections that were let in, and the strangers.
func (l *Listener) Counts() (admitted, strangers int) {
	u := l.conns.Usage()
	return u.Admitted, u.Strangers
}

// Enter takes a place among those let in for a connection that came another
// way, such as in a stream of a Sensor's link. False means that there is none.
func (l *Listener) Enter() (leave func(), ok bool) {
	place, ok := l.conns.Enter()
	if !ok {
		return nil, false
	}
	return place.Release, true
}

// Number gives a number to a connection that came another way; numbers are not
// used again.
func (l *Listener) Number() uint64 { return l.numbers.Add(1) }

// NewEpoch marks that the certificate which is shown has changed. Connections
// that came before, also those still in their handshake, are Outdated.
func (l *Listener) NewEpoch() { l.epoch.Add(1) }

// Log is for what strangers cause: one line a second for each of remote, leaf
// and code, the rest counted.
func (l *Listener) Log() *slog.Logger { return l.log }

// Close stops listening. Run does it too.
func (l *Listener) Close() error { return l.listener.Close() }

// Run takes connections in until ctx ends and calls serve for each after its
// handshake, on a goroutine that no other connection has meanwhile and that Run
// waits for. A panic in serve stays in its connection.
func (l *Listener) Run(ctx context.Context, serve func(*Conn)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.listener.Close() }) // Accept returns
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	open.Go(func() { l.limited.Report(ctx, suppressedEvery, l.config.Logger) })
	next := make(chan net.Conn)
	defer close(next)
	pause := time.Duration(0)
	for {
		raw, err := l.listener.Accept()
		switch {
		case err == nil:
			pause = 0
			select {
			case next <- raw:
			default: // nobody is free
				open.Go(func() { l.takeAll(ctx, raw, next, serve) })
			}
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		default:
			pause = min(max(2*pause, 5*time.Millisecond), acceptBackoff)
			l.config.Logger.Warn("accept", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
}

// maxFree is how many goroutines wait for another connection. A handshake needs
// far more stack than a goroutine begins with, and growing it costs as much as
// one of its signatures.
const maxFree = 16

// takeAll takes a connection, and then others until next is closed.
func (l *Listener) takeAll(ctx context.Context, raw net.Conn, next <-chan net.Conn, serve func(*Conn)) {
	for more := true; more; {
		l.take(ctx, raw, serve)
		if l.free.Add(1) <= maxFree {
			raw, more = <-next
		} else {
			more = false
		}
		l.free.Add(-1)
	}
}

// take makes a Conn of a raw connection and serves it, or closes it.
func (l *Listener) take(ctx context.Context, raw net.Conn, serve func(*Conn)) {
	remote := addressOf(raw)
	place, ok := l.conns.Acquire(remote.Addr())
	if !ok {
		l.waiting.evict(remote.Addr())
		if place, ok = l.conns.Acquire(remote.Addr()); !ok {
			_ = raw.Close() // others were faster to the place that became free
			return
		}
	}
	epoch := l.epoch.Load() // before the handshake chooses a certificate
	waits := l.waiting.add(remote.Addr(), func() { place.Release(); _ = raw.Close() })
	end := func() { l.waiting.remove(waits); place.Release() }

	handshake, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	noted := &noticing{Conn: socket.Quick(raw)}
	secured := tls.Server(noted, l.config.TLS)
	if err := secured.HandshakeContext(handshake); err != nil {
		l.tellPlain(raw, err)
		end()
		_ = raw.Close() // the handshake failed
		l.log.Info("TLS handshake", "remote", remote.Addr().String(), "error", err)
		return
	}
	c := newConn(secured, noted, remote, l.numbers.Add(1))
	c.admit = func() bool { l.waiting.remove(waits); return place.Admit() }
	c.outdated = func() bool { return l.epoch.Load() != epoch }
	c.OnEnd(end)
	defer func() {
		if p := recover(); p != nil {
			l.config.Logger.Error("connection ended by a panic", "remote", remote.Addr().String(), "panic", p, "stack", string(debug.Stack()))
			c.Cut()
		}
	}()
	serve(c)
}

// tellPlain answers those who speak HTTP without TLS, and hears them out for a
// moment, or they would lose the answer to what they are still sending.
func (l *Listener) tellPlain(raw net.Conn, err error) {
	failed, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok || failed.Conn == nil || l.config.Plain == "" || !speaksHTTP(failed.RecordHeader) {
		return
	}
	if raw.SetDeadline(time.Now().Add(plainTimeout)) != nil {
		return
	}
	_, err = io.WriteString(raw, l.config.Plain)
	if tcp, ok := raw.(*net.TCPConn); ok && err == nil && tcp.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, raw, 16<<10) // however it ends
	}
}

// speaksHTTP recognises the beginning of a request.
func speaksHTTP(header [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"}, string(header[:]))
}

func addressOf(c net.Conn) netip.AddrPort {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		a := tcp.AddrPort()
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return netip.AddrPort{}
}

package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"vedette/centralnode/trust"
	"vedette/pki"
)

// acceptBackoff is the longest pause after a failed accept, which is mostly a
// lack of file descriptors.
const acceptBackoff = time.Second

// accept takes connections, shakes hands with each in a goroutine of its own,
// and hands them to the HTTP server. It waits for its goroutines.
func (g *Gateway) accept(ctx context.Context, handed *handed) error {
	var shaking sync.WaitGroup
	defer handed.Close()
	defer shaking.Wait()
	pause := time.Duration(0)
	for {
		raw, err := g.listener.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = raw.Close() // we are leaving
			}
			return nil
		}
		if err != nil {
			pause = min(max(2*pause, 5*time.Millisecond), acceptBackoff)
			g.log.Warn("accept", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		pause = 0
		shaking.Go(func() { g.handshake(ctx, raw, handed) })
	}
}

// handshake makes a conn of a raw connection, or closes it.
func (g *Gateway) handshake(ctx context.Context, raw net.Conn, handed *handed) {
	remote := addressOf(raw)
	place, ok := g.conns.Acquire(remote.Addr())
	if !ok {
		g.waiting.evict(remote.Addr())
		if place, ok = g.conns.Acquire(remote.Addr()); !ok {
			_ = raw.Close() // others were faster to the place that became free
			return
		}
	}
	waits := g.waiting.add(remote.Addr(), func() { place.Release(); _ = raw.Close() })
	end := func() { g.waiting.remove(waits); place.Release() }
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secured := tls.Server(raw, g.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		end()
		_ = raw.Close() // the handshake failed
		g.stranger.Info("TLS handshake", "remote", remote.Addr().String(), "error", err)
		return
	}
	c := &conn{Conn: secured, caller: trust.Caller{Way: trust.Direct, Remote: remote, Connection: g.numbers.Add(1)}}
	if certs := secured.ConnectionState().PeerCertificates; len(certs) > 0 {
		c.caller.Leaf = pki.FingerprintOf(certs[0].Raw)
	}
	c.admit = func() bool { g.waiting.remove(waits); return place.Admit() }
	c.ended = func() { g.live.remove(c); end() }
	// Indexed first, judged second: see the package comment.
	g.live.add(c)
	if !handed.give(c) {
		_ = c.Close() // the server is gone
	}
}

func addressOf(c net.Conn) netip.AddrPort {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		a := tcp.AddrPort()
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return netip.AddrPort{}
}

// handed is the listener that the HTTP server sees: connections come to it
// after their handshake.
type handed struct {
	address net.Addr
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newHanded(a net.Addr) *handed {
	return &handed{address: a, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (h *handed) give(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.closed:
		return false
	}
}

// Accept returns the next connection.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Accept and give return.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr returns the real listener's address.
func (h *handed) Addr() net.Addr { return h.address }

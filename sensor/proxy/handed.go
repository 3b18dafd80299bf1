package proxy

import (
	"net"
	"sync"
)

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

package door

import (
	"net"
	"sync"
)

// Handed is a listener for a server that takes connections after their
// handshake, such as that of net/http: they are given to it.
type Handed struct {
	address net.Addr
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// NewHanded makes one. a is what it says its address is.
func NewHanded(a net.Addr) *Handed {
	return &Handed{address: a, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Give hands a connection over when the server takes the next one. False means
// that Close was called; the connection is still the caller's then.
func (h *Handed) Give(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.closed:
		return false
	}
}

// Accept returns the next connection.
func (h *Handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Accept and Give return.
func (h *Handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr returns the real listener's address.
func (h *Handed) Addr() net.Addr { return h.address }

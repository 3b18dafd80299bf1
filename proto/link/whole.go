package link

import (
	"net"
	"sync"
	"syscall"
)

// Whole is the connection under the TLS of a lane. A large frame is two TLS records, since its header comes on top of
// what one record of an agent brought, and several large frames follow each other: Whole hands them to the kernel at
// once, which costs little more than one.
type Whole struct {
	net.Conn
	mu   sync.Mutex
	hold bool
	held []byte
}

// NewWhole wraps a TCP connection before TLS is put on top of it. A lane without it works as well and costs more.
func NewWhole(conn net.Conn) *Whole { return &Whole{Conn: conn} }

// wholeOf returns the Whole under a lane's connection, or nil.
func wholeOf(conn net.Conn) *Whole {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		w, _ := t.NetConn().(*Whole)
		return w
	}
	return nil
}

// Write keeps p while the connection holds.
func (w *Whole) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.hold {
		return w.Conn.Write(p)
	}
	w.held = append(w.held, p...)
	return len(p), nil
}

// begin holds what is written from now on.
func (w *Whole) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = true
}

// flush writes what is held.
func (w *Whole) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.Conn.Write(w.held)
	w.hold, w.held = false, w.held[:0]
	return err
}

// SyscallConn is that of the TCP connection.
func (w *Whole) SyscallConn() (syscall.RawConn, error) {
	if c, ok := w.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, syscall.EOPNOTSUPP
}

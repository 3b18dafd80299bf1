package clamd

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
)

// watch tells whether clamd is still the same process, and so has the same
// settings, which it reads when it starts: an idle connection to it, which ends
// when clamd does. clamd closes it itself after its ReadTimeout, so it is renewed
// now and then. Connections are accepted in order: when clamd has answered on a
// later one, it has this one.
type watch struct {
	mu    sync.Mutex
	conn  net.Conn
	ended bool
}

// open connects without asking for anything. In a session clamd waits for its
// ReadTimeout, outside of one for CommandReadTimeout, which is shorter.
func (e *Engine) open(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, e.network, e.address)
	if err != nil {
		return nil, e.failed(ctx, "connect to", err)
	}
	if _, err := conn.Write([]byte("zIDSESSION\x00")); err != nil {
		return nil, errors.Join(e.failed(ctx, "write to", err), conn.Close())
	}
	return conn, nil
}

// same reports whether it has been one process up to now. Nothing is watched by
// nil.
func (w *watch) same() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sameLocked()
}

func (w *watch) sameLocked() bool {
	if !w.ended && !silent(w.conn) {
		w.endLocked()
	}
	return !w.ended
}

// renew goes on with another connection to the same process, unless it has seen
// an end. It reports whether it does.
func (w *watch) renew(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.sameLocked() {
		return false
	}
	_ = w.conn.Close() // nothing was to be written
	w.conn = conn
	return true
}

// end closes it.
func (w *watch) end() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.endLocked()
	}
}

func (w *watch) endLocked() {
	w.ended = true
	_ = w.conn.Close() // nothing was to be written
}

// silent reports whether a connection is open and nothing came on it: clamd says
// something only before it closes it.
func silent(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var readErr error
	err = raw.Control(func(fd uintptr) {
		for {
			_, _, readErr = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if !errors.Is(readErr, syscall.EINTR) {
				return
			}
		}
	})
	return err == nil && errors.Is(readErr, syscall.EAGAIN)
}

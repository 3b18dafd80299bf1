package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// Conn is a TCP connection. What is not here is the net package's.
type Conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out half
}

// half is one direction.
type half struct {
	mu   sync.Mutex                   // guards what follows: one at a time
	p    []byte                       // to be filled, or to be sent
	n    int                          // bytes of it that were
	err  error                        // of the last call
	step func(fd uintptr) (done bool) // a call; false: wait until there can be another
}

// Quick wraps a TCP connection. Any other one, and one that is closed, it
// returns as it is.
func Quick(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn // its first Read says why
	}
	c := &Conn{TCPConn: tcp, raw: raw}
	c.in.step, c.out.step = c.in.read, c.out.write
	return c
}

// Read reads what is there, or waits for it until the read deadline.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.in.move(c.raw.Read, p)
	if err != nil {
		return n, fault("read", "tcp", c, err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of p, or as much as goes until the write deadline.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.move(c.raw.Write, p)
	if err != nil {
		return n, fault("write", "tcp", c, err)
	}
	return n, nil
}

// move has the poller call step until it is done.
func (h *half) move(poll func(func(fd uintptr) bool) error, p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.p, h.n, h.err = p, 0, nil
	err := poll(h.step)
	h.p = nil
	if err == nil {
		err = h.err
	}
	return h.n, err
}

func (h *half) read(fd uintptr) bool {
	n, errno := read(fd, h.p)
	if errno == syscall.EAGAIN {
		return false
	}
	h.take(n, errno)
	return true
}

func (h *half) write(fd uintptr) bool {
	for h.n < len(h.p) && h.err == nil {
		n, errno := write(fd, h.p[h.n:])
		if errno == syscall.EAGAIN {
			return false
		}
		h.take(n, errno)
	}
	return true
}

func (h *half) take(n int, errno syscall.Errno) {
	if errno != 0 {
		h.err = errno
		return
	}
	h.n += n
}

// fault words an error as the net package does.
func fault(op, network string, c net.Conn, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError(op, errno)
	}
	var polled *net.OpError
	if errors.As(err, &polled) {
		err = polled.Err
	}
	return &net.OpError{Op: op, Net: network, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Readable says whether a socket has bytes, its end or an error to read, without
// waiting.
func Readable(fd uintptr) bool { return readable(fd) }

package socket

import (
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Packets is a connected UDP socket. What is not here is the net package's.
type Packets struct {
	*net.UDPConn
	raw     syscall.RawConn
	in, out half

	// Of Receive, one at a time.
	header  unix.Msghdr
	vector  unix.Iovec
	control [64]byte // for a timestamp
}

// QuickPackets wraps a connected UDP socket. The kernel notes from then on when
// packets arrive.
func QuickPackets(conn *net.UDPConn) (*Packets, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var refused error
	if err := raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, fault("setsockopt", "udp", conn, refused)
	}
	c := &Packets{UDPConn: conn, raw: raw}
	c.in.step, c.out.step = c.receive, c.out.once
	return c, nil
}

// Receive waits for a packet until the read deadline. What does not fit into p
// is lost. waited is for how long the packet lay in the kernel by now, because
// this process had something else to do. It is for one goroutine at a time.
func (c *Packets) Receive(p []byte) (n int, waited time.Duration, err error) {
	n, err = c.in.move(c.raw.Read, p)
	if err != nil {
		return n, 0, fault("read", "udp", c, err)
	}
	return n, c.waited(time.Now()), nil
}

func (c *Packets) receive(fd uintptr) bool {
	c.vector.Base = unsafe.SliceData(c.in.p)
	c.vector.SetLen(len(c.in.p))
	c.header = unix.Msghdr{Iov: &c.vector, Control: &c.control[0]}
	c.header.SetIovlen(1)
	c.header.SetControllen(len(c.control))
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&c.header)), 0)
		switch errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			c.in.take(int(n), errno)
			return true
		}
	}
}

// mostWait is more than a packet lies in the kernel: the clock was set meanwhile.
const mostWait = 10 * time.Second

// waited reads the timestamp of the kernel, which is of the wall clock.
func (c *Packets) waited(now time.Time) time.Duration {
	const stamp = int(unsafe.Sizeof(unix.Timespec{}))
	if int(c.header.Controllen) < unix.CmsgLen(stamp) {
		return 0
	}
	message := (*unix.Cmsghdr)(unsafe.Pointer(&c.control[0]))
	if message.Level != unix.SOL_SOCKET || message.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	var at unix.Timespec
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&at)), stamp), c.control[unix.CmsgLen(0):])
	if d := now.Round(0).Sub(time.Unix(at.Unix())); d > 0 && d < mostWait {
		return d
	}
	return 0
}

// Write sends p as one packet. It does not wait for room: without any, it fails
// with EAGAIN.
func (c *Packets) Write(p []byte) (int, error) {
	n, err := c.out.move(c.raw.Write, p)
	if err != nil {
		return n, fault("write", "udp", c, err)
	}
	return n, nil
}

func (h *half) once(fd uintptr) bool {
	n, errno := write(fd, h.p)
	h.take(n, errno)
	return true
}

package link

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLimit bounds what a socket holds before it was sent: about 50 ms at 20 Mbit/s. More would put the bulk of a
// second before every small frame.
const unsentLimit = 128 << 10

// BBR is the congestion control that lanes ask the kernel for, as Lane.Congestion says it.
const BBR = "bbr"

// tune asks the kernel for BBR and for a short queue of unsent bytes. It returns the congestion control in force, so
// that a kernel which refuses shows; a connection that is no socket has none.
func tune(conn net.Conn) (congestion string) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return ""
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return ""
	}
	// Both are wishes; the name that is read back tells whether the first came true, and the second only costs delay.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, BBR)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
		congestion, _ = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	})
	return congestion
}

package link

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// BBR is the congestion control that lanes ask the kernel for, as Lane.Congestion says it.
const BBR = "bbr"

// tune asks the kernel for BBR and for a short queue of unsent bytes. It returns the congestion control in force, so
// that a kernel which refuses shows; a connection that is no socket has none.
func tune(conn net.Conn) (congestion string) {
	raw := rawConn(conn)
	if raw == nil {
		return ""
	}
	// Both are wishes; the name that is read back tells whether the first came true, and the second only costs delay.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, BBR)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, startUnsent)
		congestion, _ = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	})
	return congestion
}

// Clamp bounds the segments of a connection, in both directions, before it is dialled: it is for net.Dialer.Control. The
// size is that of TCP's option (RFC 9293 section 3.7.1), which counts the data and TCP's options; 0 changes nothing.
func Clamp(size int) func(network, address string, raw syscall.RawConn) error {
	if size == 0 {
		return nil
	}
	return func(_, _ string, raw syscall.RawConn) error {
		var err error
		if control := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, size)
		}); control != nil {
			return control
		}
		return err
	}
}

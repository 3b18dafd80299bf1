package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The proc connector: linux/connector.h and linux/cn_proc.h.
const (
	connectorProc   = 1 // CN_IDX_PROC and CN_VAL_PROC
	multicastListen = 1 // PROC_CN_MCAST_LISTEN

	procEventNone = 0
	procEventExec = 0x00000002
	procEventExit = 0x80000000

	netlinkHeader   = 16
	connectorHeader = 20
	procEventHeader = 16
	procEventAt     = netlinkHeader + connectorHeader
	procDataAt      = procEventAt + procEventHeader

	// receiveBuffer holds some thousands of events while the disk is slow.
	receiveBuffer = 4 << 20
	ackTimeout    = 2 * time.Second
)

// socket is a subscription to the proc connector for one kind of event.
type socket struct {
	fd   int
	file *os.File // of the same descriptor; nil when nobody waits for it
	conn syscall.RawConn
	buf  []byte
}

// subscribe opens a socket that gets events of one kind only. It needs
// CAP_NET_ADMIN in the host's own namespaces.
func subscribe(what uint32) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s := &socket{fd: fd, buf: make([]byte, 4096)}
	if err := s.join(what); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return s, nil
}

// wakeable puts the socket under Go's poller, so that wait can be used. Each
// message then wakes the program, whether somebody waits or not.
func (s *socket) wakeable() (err error) {
	s.file = os.NewFile(uintptr(s.fd), "proc connector")
	s.conn, err = s.file.SyscallConn()
	return err
}

func (s *socket) close() error {
	if s.file != nil {
		return s.file.Close()
	}
	return unix.Close(s.fd)
}

func (s *socket) join(what uint32) error {
	fd := s.fd
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		// Without CAP_NET_ADMIN the bind below fails as well, with the better error.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	filter := kernelFilter(what)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc}); err != nil {
		return fmt.Errorf("join the proc connector's group (needs CAP_NET_ADMIN): %w", err)
	}
	m := make([]byte, procEventAt+4)
	order := binary.NativeEndian
	order.PutUint32(m[0:], uint32(len(m)))
	order.PutUint16(m[4:], unix.NLMSG_DONE)
	order.PutUint32(m[16:], connectorProc)
	order.PutUint32(m[20:], connectorProc)
	order.PutUint16(m[32:], 4)
	order.PutUint32(m[procEventAt:], multicastListen)
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("subscribe to the proc connector: %w", err)
	}
	return s.awaitAck()
}

// kernelFilter passes events of one kind, for whole processes and not for
// threads, and answers. Classic BPF loads big-endian numbers, the kernel writes
// the host's, so constants are swapped.
func kernelFilter(what uint32) []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ
	)
	swap := func(v uint32) uint32 {
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], v)
		return binary.BigEndian.Uint32(b[:])
	}
	return []unix.SockFilter{
		{Code: load, K: procEventAt},
		{Code: equal | unix.BPF_K, K: swap(procEventNone), Jt: 6},
		{Code: equal | unix.BPF_K, K: swap(what), Jf: 4},
		{Code: load, K: procDataAt}, // the thread
		{Code: unix.BPF_MISC | unix.BPF_TAX},
		{Code: load, K: procDataAt + 4}, // its process
		{Code: equal | unix.BPF_X, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
	}
}

// awaitAck waits for the kernel's answer: in a container's namespaces there is none.
func (s *socket) awaitAck() error {
	var code uint32
	done := false
	for deadline := time.Now().Add(ackTimeout); !done; {
		left := time.Until(deadline)
		if left <= 0 {
			return errors.New("subscribe to the proc connector: the kernel does not answer; it works only in the host's own network and process namespaces")
		}
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("subscribe to the proc connector: %w", err)
		}
		_, err := s.drain(func(m message) bool {
			if m.what == procEventNone {
				done, code = true, order32(m.data, 0)
			}
			return !done
		})
		if err != nil {
			return fmt.Errorf("subscribe to the proc connector: %w", err)
		}
	}
	if code != 0 {
		return fmt.Errorf("subscribe to the proc connector: %w", unix.Errno(code))
	}
	return nil
}

// wait waits for messages and gives f each that is there, until f says no.
func (s *socket) wait(f func(message) bool) error {
	var failed error
	err := s.conn.Read(func(uintptr) bool {
		n, err := s.drain(f)
		failed = err
		return n > 0 || err != nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// drain gives f each message that is there, until f says no, and returns how
// many it gave.
func (s *socket) drain(f func(message) bool) (int, error) {
	for n := 0; ; {
		var from unix.RawSockaddrNetlink
		size := uint32(unsafe.Sizeof(from))
		got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
		switch {
		case errno == unix.EAGAIN:
			return n, nil
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return n, errno
		}
		// Only the kernel has port 0; a process with the right to send here is not believed.
		if m, ok := parse(s.buf[:got]); ok && from.Pid == 0 {
			n++
			if !f(m) {
				return n, nil
			}
		}
	}
}

// drops is how many messages the socket had no room for since it was made
// (SO_MEMINFO); what the filter rejects does not count.
func (s *socket) drops() (uint32, error) {
	const skMeminfoDrops = 8
	var info [skMeminfoDrops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return info[skMeminfoDrops], nil
}

// message is one event as the kernel sent it.
type message struct {
	what uint32
	when time.Duration // on the monotonic clock
	data []byte        // good until the next message
}

func order32(b []byte, at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }

// parse returns false for what is no proc event.
func parse(b []byte) (message, bool) {
	if len(b) < procDataAt {
		return message{}, false
	}
	if order32(b, 16) != connectorProc || order32(b, 20) != connectorProc {
		return message{}, false
	}
	m := message{
		what: order32(b, procEventAt),
		when: time.Duration(binary.NativeEndian.Uint64(b[procEventAt+8:])),
		data: b[procDataAt:],
	}
	return m, m.what != procEventNone || len(m.data) >= 4
}

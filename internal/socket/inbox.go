package socket

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// Burst is how many packets an Inbox takes at a time.
	Burst = 32
	// MostOctets of a packet are taken; a longer one seems to have as many.
	MostOctets = 128
	mostBeside = 128 // octets of control messages: address, time and TTL need 96
)

// Inbox is a UDP socket that takes packets of anybody, as many at a time as have
// come, and that can be left alone for a while: whoever is flooded pays a system
// call and a wake for many packets, and not for each. Receive, Answer and Rest are
// for one goroutine at a time.
//
// The poller of package net is woken for each packet, also while nobody waits for
// one. So it does not know the socket, but another poller (epoll(7)) that tells of
// one packet, and then of none until it is asked again.
type Inbox struct {
	address net.Addr
	done    chan struct{} // closed by Close

	use    sync.RWMutex // held to read by whoever uses fd
	fd     int          // the socket; -1: closed
	poller *os.File     // which net's poller knows
	raw    syscall.RawConn
	step   func(fd uintptr) bool // of a wait
	armed  bool
	failed error // of a step
	rested *time.Timer

	came int  // packets of the last Receive
	more bool // there may be others behind them
	out  unix.Msghdr
	part unix.Iovec

	slots   [Burst]slot
	vectors [Burst]unix.Iovec
	from    [Burst]unix.RawSockaddrInet6 // either family fits
	beside  [Burst][mostBeside]byte
	octets  [Burst][MostOctets]byte
}

// slot is struct mmsghdr.
type slot struct {
	unix.Msghdr
	n uint32
}

// NewInbox takes a UDP socket over, which is not connected. The connection itself
// is closed.
func NewInbox(conn *net.UDPConn) (*Inbox, error) {
	b := &Inbox{address: conn.LocalAddr(), done: make(chan struct{}), fd: -1}
	b.step = b.poll
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var refused error
	err = raw.Control(func(fd uintptr) { b.fd, refused = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, refused, conn.Close()); err != nil {
		return nil, errors.Join(b.fault("dup", err), b.release())
	}
	if err := b.watch(); err != nil {
		return nil, errors.Join(b.fault("epoll", err), b.release())
	}
	for i := range b.slots {
		s := &b.slots[i]
		b.vectors[i].Base = &b.octets[i][0]
		b.vectors[i].SetLen(MostOctets)
		s.Name, s.Iov, s.Control = (*byte)(unsafe.Pointer(&b.from[i])), &b.vectors[i], &b.beside[i][0]
		s.SetIovlen(1)
	}
	b.came = Burst // all slots are to be made ready
	return b, nil
}

// watch makes the poller.
func (b *Inbox) watch() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	b.poller = os.NewFile(uintptr(fd), "epoll") // it does not block, so net's poller takes it
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, b.fd, &unix.EpollEvent{Events: unix.EPOLLONESHOT}); err != nil {
		return err
	}
	b.raw, err = b.poller.SyscallConn()
	return err
}

// Address is where packets come in.
func (b *Inbox) Address() net.Addr { return b.address }

// Close ends whatever waits, and gives the address back.
func (b *Inbox) Close() error { return b.release() }

func (b *Inbox) release() error {
	var errs []error
	if b.poller != nil {
		if err := b.poller.Close(); err != nil && !errors.Is(err, os.ErrClosed) { // whoever waits does so no longer
			errs = append(errs, err)
		}
	}
	b.use.Lock()
	defer b.use.Unlock()
	if b.fd >= 0 {
		close(b.done)
		errs = append(errs, unix.Close(b.fd))
		b.fd = -1
	}
	return errors.Join(errs...)
}

// begin keeps the socket open until end.
func (b *Inbox) begin() bool {
	b.use.RLock()
	if b.fd < 0 {
		b.use.RUnlock()
		return false
	}
	return true
}

func (b *Inbox) end() { b.use.RUnlock() }

// Receive waits for packets and says how many came. They are there until the next
// call. More says that others may be there already.
func (b *Inbox) Receive() (n int, more bool, err error) {
	if !b.begin() {
		return 0, false, b.fault("read", net.ErrClosed)
	}
	defer b.end()
	for i := range b.came {
		b.slots[i].Namelen = uint32(unsafe.Sizeof(b.from[i]))
		b.slots[i].SetControllen(mostBeside)
	}
	b.came = 0
	for {
		if !b.more {
			if err := b.wait(); err != nil {
				return 0, false, err
			}
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.slots)), Burst, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			b.came, b.more = int(n), n == Burst
			return b.came, b.more, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			b.more = false
		default:
			b.more = false
			return 0, false, b.fault("read", errno)
		}
	}
}

// wait waits for packets.
func (b *Inbox) wait() error {
	b.armed, b.failed = false, nil
	if err := b.raw.Read(b.step); err != nil {
		return b.fault("read", net.ErrClosed)
	}
	if b.failed != nil {
		return b.fault("epoll", b.failed)
	}
	return nil
}

// poll asks to be told of a packet, the first time, and takes that it was.
func (b *Inbox) poll(fd uintptr) bool {
	if !b.armed {
		b.armed = true
		b.failed = unix.EpollCtl(int(fd), unix.EPOLL_CTL_MOD, b.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT})
		return b.failed != nil
	}
	var event unix.EpollEvent
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
	if errno != 0 && errno != syscall.EINTR {
		b.failed = errno
		return true
	}
	return n > 0
}

// Rest leaves packets where they are for a while, in which they cost no wake.
func (b *Inbox) Rest(d time.Duration) {
	if b.rested == nil {
		b.rested = time.NewTimer(d)
	} else {
		b.rested.Reset(d)
	}
	select {
	case <-b.rested.C:
	case <-b.done:
		b.rested.Stop()
	}
}

// Octets are those of a packet that came. The caller may not keep them.
func (b *Inbox) Octets(i int) []byte { return b.octets[i][:min(b.slots[i].n, MostOctets)] }

// Beside is what the kernel said of a packet that came: control messages, as
// asked for by socket options. The caller may not keep it.
func (b *Inbox) Beside(i int) []byte { return b.beside[i][:min(b.slots[i].Controllen, mostBeside)] }

// From is where a packet came from, without a zone.
func (b *Inbox) From(i int) netip.AddrPort {
	at := &b.from[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&at.Port))[:])
	if at.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(at)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(at.Addr), port)
}

// Answer sends p to where a packet came from, with control messages of the
// caller's. It does not wait for room: without any, it fails with EAGAIN.
func (b *Inbox) Answer(i int, p, beside []byte) error {
	if !b.begin() {
		return b.fault("write", net.ErrClosed)
	}
	defer b.end()
	b.part.Base = unsafe.SliceData(p)
	b.part.SetLen(len(p))
	b.out = unix.Msghdr{Name: b.slots[i].Name, Namelen: b.slots[i].Namelen, Iov: &b.part}
	b.out.SetIovlen(1)
	if len(beside) > 0 {
		b.out.Control = unsafe.SliceData(beside)
		b.out.SetControllen(len(beside))
	}
	defer func() { b.part.Base, b.out.Control = nil, nil }()
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.out)), unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
		default:
			return b.fault("write", errno)
		}
	}
}

// fault words an error as the net package does.
func (b *Inbox) fault(op string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "udp", Addr: b.address, Err: err}
}

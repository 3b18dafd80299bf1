package collect

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	agentv1 "vedette/proto/agent/v1"
)

// The proc connector: linux/connector.h and linux/cn_proc.h.
const (
	connectorProc   = 1 // CN_IDX_PROC and CN_VAL_PROC
	multicastListen = 1 // PROC_CN_MCAST_LISTEN

	procEventNone = 0
	procEventFork = 0x00000001
	procEventExec = 0x00000002
	procEventExit = 0x80000000

	netlinkHeader   = 16
	connectorHeader = 20
	procEventHeader = 16

	// receiveBuffer holds some thousands of events while the disk is slow.
	receiveBuffer = 4 << 20
	ackTimeout    = 2 * time.Second
)

// Connector listens to the kernel's proc connector.
type Connector struct {
	options Options
	file    *os.File
	table   *table
	gaps    gaps
	lost    uint64    // not yet told
	told    time.Time // of lost events
}

// NewConnector subscribes. It needs CAP_NET_ADMIN in the host's own namespaces.
func NewConnector(o Options) (*Connector, error) {
	o = o.withDefaults()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	c := &Connector{options: o, file: os.NewFile(uintptr(fd), "proc connector"), table: newTable(o)}
	if err := c.subscribe(fd); err != nil {
		_ = c.file.Close()
		return nil, err
	}
	return c, nil
}

// Name implements Source.
func (c *Connector) Name() string { return NameConnector }

// Limits implements Source.
func (c *Connector) Limits() string {
	return "every process start and exit is seen; of a process that lives less than about a millisecond the details may be missing"
}

func (c *Connector) subscribe(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		// Without CAP_NET_ADMIN the bind below fails as well, with the better error.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc}); err != nil {
		return fmt.Errorf("join the proc connector's group (needs CAP_NET_ADMIN): %w", err)
	}
	m := make([]byte, netlinkHeader+connectorHeader+4)
	order := binary.NativeEndian
	order.PutUint32(m[0:], uint32(len(m)))
	order.PutUint16(m[4:], unix.NLMSG_DONE)
	order.PutUint32(m[16:], connectorProc)
	order.PutUint32(m[20:], connectorProc)
	order.PutUint16(m[32:], 4)
	order.PutUint32(m[36:], multicastListen)
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("subscribe to the proc connector: %w", err)
	}
	return c.awaitAck()
}

// awaitAck waits for the kernel's answer: in a container's namespaces there is none.
func (c *Connector) awaitAck() error {
	if err := c.file.SetReadDeadline(time.Now().Add(ackTimeout)); err != nil {
		return fmt.Errorf("subscribe to the proc connector: %w", err)
	}
	var answer error
	done := false
	err := c.receive(func(m message) bool {
		if m.what == procEventNone {
			done = true
			if code := order32(m.data, 0); code != 0 {
				answer = fmt.Errorf("subscribe to the proc connector: %w", unix.Errno(code))
			}
		}
		return !done
	})
	if !done {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errors.New("the kernel does not answer; the proc connector works only in the host's own network and process namespaces")
		}
		return fmt.Errorf("subscribe to the proc connector: %w", err)
	}
	return errors.Join(answer, c.file.SetReadDeadline(time.Time{}))
}

// Run implements Source. It may be called once.
func (c *Connector) Run(ctx context.Context, emit func(*agentv1.Event)) error {
	defer c.file.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.table.refresh(); err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for {
		err := c.receive(func(m message) bool {
			c.handle(m, emit)
			return ctx.Err() == nil
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			// The buffer ran over; the gaps will tell by how much.
		case err != nil:
			return fmt.Errorf("read the proc connector: %w", err)
		}
	}
}

func (c *Connector) handle(m message, emit func(*agentv1.Event)) {
	c.lost += c.gaps.add(m.cpu, m.seq)
	if c.lost > 0 {
		c.tellLost(emit)
	}
	switch {
	case m.what == procEventFork && len(m.data) >= 16:
		parent, child, leader := order32(m.data, 4), order32(m.data, 8), order32(m.data, 12)
		if child == leader { // else a thread
			c.table.fork(int32(parent), int32(child))
		}
	case m.what == procEventExec && len(m.data) >= 8:
		emit(c.table.start(int32(order32(m.data, 4))))
	case m.what == procEventExit && len(m.data) >= 12:
		if pid := order32(m.data, 0); pid == order32(m.data, 4) {
			if e := c.table.exit(int32(pid), exitCode(order32(m.data, 8))); e != nil {
				emit(e)
			}
		}
	}
}

// tellLost reports lost events, at most once a second: a host that starts so
// many processes must not pay for that too.
func (c *Connector) tellLost(emit func(*agentv1.Event)) {
	now := c.options.Now()
	if d := now.Sub(c.told); d >= 0 && d < time.Second {
		return
	}
	c.options.Log.Warn("the kernel could not deliver all process events", "lost", c.lost)
	emit(Notice(now, NoticeOverrun, "forks, starts and exits were lost between the kernel and the agent", c.lost))
	c.lost, c.told = 0, now
	if err := c.table.refresh(); err != nil {
		c.options.Log.Warn("cannot list processes", "error", err)
	}
}

// exitCode turns a wait status into the code that a shell shows.
func exitCode(status uint32) int32 {
	if signal := status & 0x7f; signal != 0 {
		return int32(128 + signal)
	}
	return int32(status >> 8 & 0xff)
}

// message is one event as the kernel sent it.
type message struct {
	what uint32
	cpu  uint32
	seq  uint32 // per processor, of all events
	data []byte // good until the next message
}

func order32(b []byte, at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }

// parse returns false for what is no proc event.
func parse(b []byte) (message, bool) {
	if len(b) < netlinkHeader+connectorHeader+procEventHeader {
		return message{}, false
	}
	if order32(b, 16) != connectorProc || order32(b, 20) != connectorProc {
		return message{}, false
	}
	body := b[netlinkHeader+connectorHeader:]
	m := message{what: order32(body, 0), cpu: order32(body, 4), seq: order32(b, 24), data: body[procEventHeader:]}
	return m, m.what != procEventNone || len(m.data) >= 4
}

// receive calls f for each message of the kernel until f says no or reading fails.
func (c *Connector) receive(f func(message) bool) error {
	conn, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, 4096)
	var failed error
	more := true
	err = conn.Read(func(fd uintptr) bool {
		for more {
			n, from, err := unix.Recvfrom(int(fd), buf, 0)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				failed = err
				return true
			}
			// Only the kernel has port 0; a process with the right to send here is not believed.
			if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
				continue
			}
			if m, ok := parse(buf[:n]); ok {
				more = f(m)
			}
		}
		return true
	})
	runtime.KeepAlive(c.file)
	if errno := syscall.Errno(0); errors.As(failed, &errno) {
		return errno
	}
	return err
}

// gaps counts events that the kernel numbered and did not deliver.
type gaps struct{ last map[uint32]uint32 }

// add returns how many events of a processor are missing before this one.
func (g *gaps) add(cpu, seq uint32) uint64 {
	if g.last == nil {
		g.last = make(map[uint32]uint32)
	}
	last, known := g.last[cpu]
	g.last[cpu] = seq
	if missing := seq - last - 1; known && missing < 1<<31 {
		return uint64(missing)
	}
	return 0
}

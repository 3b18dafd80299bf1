package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	agentv1 "vedette/proto/agent/v1"
)

const (
	// exitDelay is how long the end of a process may wait to be told when
	// nothing else happens.
	exitDelay = 500 * time.Millisecond
	// patience is how long a start waits for the exit that names the parent.
	patience = time.Second
	// maxWaiting bounds the starts that wait.
	maxWaiting = 1024
)

// Connector listens to the kernel's proc connector.
//
// Waking up is most of the price, so it has two subscriptions: a start wakes
// it, because the process must be read before it ends; ends are fetched along
// with the next start, or after exitDelay. Both carry the kernel's time.
type Connector struct {
	options Options
	starts  *socket
	exits   *socket
	table   *table
	clock   func() time.Duration // what the kernel's times are compared with
	waiting []pending

	overran bool      // ENOBUFS came, drops may still grow
	drops   uint32    // of both sockets, as told so far
	told    time.Time // of lost events
}

// pending is the start of a process that was gone before it could be read. Its
// exit, which is on its way, names the parent.
type pending struct {
	pid   int32
	event *agentv1.Event
	since time.Time
}

// NewConnector subscribes. It needs CAP_NET_ADMIN in the host's own namespaces.
// The sockets are closed when Run returns.
func NewConnector(o Options) (*Connector, error) {
	o = o.withDefaults()
	starts, err := subscribe(procEventExec)
	if err != nil {
		return nil, err
	}
	if err := starts.wakeable(); err != nil {
		return nil, errors.Join(err, starts.close())
	}
	exits, err := subscribe(procEventExit)
	if err != nil {
		return nil, errors.Join(err, starts.close())
	}
	clock, err := monotonic()
	if err != nil {
		return nil, errors.Join(err, starts.close(), exits.close())
	}
	return &Connector{options: o, starts: starts, exits: exits, table: newTable(o), clock: clock}, nil
}

// monotonic returns the kernel's monotonic clock. Go's own runs alike, and
// reading it needs no call of the kernel.
func monotonic() (func() time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return nil, fmt.Errorf("read the monotonic clock: %w", err)
	}
	start, base := time.Now(), time.Duration(ts.Nano())
	return func() time.Duration { return base + time.Since(start) }, nil
}

// Name implements Source.
func (c *Connector) Name() string { return NameConnector }

// Limits implements Source.
func (c *Connector) Limits() string {
	return "every process start and exit is seen; of a process that lives less than about a millisecond the details may be missing"
}

// Run implements Source. It may be called once.
func (c *Connector) Run(ctx context.Context, emit func(*agentv1.Event)) error {
	defer c.starts.close()
	defer c.exits.close()
	if err := c.table.refresh(); err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	started := func(m message) bool { c.start(m, emit); return true }
	var ended []message
	collect := func(m message) bool {
		m.data = append([]byte(nil), m.data...)
		ended = append(ended, m)
		return len(ended) < maxWaiting
	}
	stop := context.AfterFunc(ctx, func() { _ = c.starts.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		deadline := time.Now().Add(exitDelay)
		if err := c.starts.file.SetReadDeadline(deadline); err != nil {
			return fmt.Errorf("read the proc connector: %w", err)
		}
		for late := false; !late; {
			if ctx.Err() != nil {
				return nil
			}
			err := c.starts.wait(started)
			late = errors.Is(err, os.ErrDeadlineExceeded)
			if !late {
				if err := c.failed(err); err != nil {
					return err
				}
			}
			// Ends are taken first and told last: a start that came between is
			// read before the end of the same process.
			_, err = c.exits.drain(collect)
			if err := c.failed(err); err != nil {
				return err
			}
			_, err = c.starts.drain(started)
			if err := c.failed(err); err != nil {
				return err
			}
			for _, m := range ended {
				c.exit(m, emit)
			}
			ended = ended[:0]
			if c.overran {
				c.tellLost(emit)
			}
			if len(c.waiting) > 0 {
				c.release(emit)
			}
		}
	}
}

// failed passes on what ends Run.
func (c *Connector) failed(err error) error {
	if errors.Is(err, unix.ENOBUFS) {
		c.overran = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the proc connector: %w", err)
	}
	return nil
}

// at is the wall-clock time of a message.
func (c *Connector) at(m message) time.Time {
	now := c.options.Now()
	if age := c.clock() - m.when; age > 0 && age < time.Hour {
		return now.Add(-age)
	}
	return now
}

func (c *Connector) start(m message, emit func(*agentv1.Event)) {
	if m.what != procEventExec || len(m.data) < 8 {
		return
	}
	pid := int32(order32(m.data, 4))
	event, found := c.table.start(c.at(m), pid)
	if found || len(c.waiting) >= maxWaiting {
		emit(event)
		return
	}
	c.waiting = append(c.waiting, pending{pid: pid, event: event, since: c.options.Now()})
}

func (c *Connector) exit(m message, emit func(*agentv1.Event)) {
	if m.what != procEventExit || len(m.data) < 12 {
		return
	}
	pid := order32(m.data, 0)
	if pid != order32(m.data, 4) {
		return // a thread
	}
	if len(c.waiting) > 0 && len(m.data) >= 24 {
		c.settle(int32(pid), int32(order32(m.data, 20)), emit)
	}
	if e := c.table.exit(c.at(m), int32(pid), exitCode(order32(m.data, 8))); e != nil {
		emit(e)
	}
}

// settle completes a waiting start with the parent that the exit named.
func (c *Connector) settle(pid, parent int32, emit func(*agentv1.Event)) {
	for i, w := range c.waiting {
		if w.pid == pid {
			s := w.event.GetProcessStart()
			s.ParentPid, s.ParentExecutable = uint32(parent), c.table.executable(parent)
			emit(w.event)
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			return
		}
	}
}

// release gives out starts whose exit was lost.
func (c *Connector) release(emit func(*agentv1.Event)) {
	now := c.options.Now()
	for len(c.waiting) > 0 {
		if d := now.Sub(c.waiting[0].since); d >= 0 && d < patience {
			return
		}
		emit(c.waiting[0].event)
		c.waiting = c.waiting[1:]
	}
	c.waiting = nil
}

// tellLost reports lost events, at most once a second: a host that starts so
// many processes must not pay for that too.
func (c *Connector) tellLost(emit func(*agentv1.Event)) {
	now := c.options.Now()
	if d := now.Sub(c.told); d >= 0 && d < time.Second {
		return
	}
	starts, err := c.starts.drops()
	exits, err2 := c.exits.drops()
	if err := errors.Join(err, err2); err != nil {
		c.options.Log.Warn("cannot count lost process events", "error", err)
		starts, exits = c.drops, 1
	}
	lost := starts + exits - c.drops
	if lost == 0 {
		c.overran = false
		return
	}
	c.drops, c.told = starts+exits, now
	c.options.Log.Warn("the kernel could not deliver all process events", "lost", lost)
	emit(Notice(now, NoticeOverrun, "process starts and exits were lost between the kernel and the agent", uint64(lost)))
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

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
	// tellEvery is how long what happened may wait to be told.
	tellEvery = 500 * time.Millisecond
	// maxHeld starts wait to be told, and so many ends are taken at a time.
	maxHeld = 64
	// patience is how long a start waits for the exit that names the parent.
	patience = time.Second
	// maxWaiting bounds the starts that wait.
	maxWaiting = 1024
)

// Connector listens to the kernel's proc connector.
//
// Waking up is most of the price, and what is done then runs with cold caches.
// So there are two subscriptions, and as little as can be is done at once: a
// start wakes the agent, because the process must be read before it ends. Ends
// wake nobody. Twice a second, or after some dozens of starts, ends are fetched
// and all of it is told in one go. Everything carries the kernel's time.
type Connector struct {
	options Options
	starts  *socket
	exits   *socket
	table   *table
	clock   func() time.Duration // what the kernel's times are compared with
	held    []start              // read and not told yet
	ended   []end                // fetched and not told yet
	waiting []pending

	overran bool      // ENOBUFS came, drops may still grow
	drops   uint32    // of both sockets, as told so far
	told    time.Time // of lost events
}

// end is the exit of a process.
type end struct {
	when        time.Time
	pid, parent int32 // parent 0: an old kernel does not say
	code        int32
}

// pending is the start of a process that was gone before its parent could be
// read. Its exit, which is on its way, names the parent.
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
	// One at a time: the next wait finds what else is there.
	started := func(m message) bool { c.start(m); return false }
	stop := context.AfterFunc(ctx, func() { _ = c.starts.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if err := c.starts.file.SetReadDeadline(time.Now().Add(tellEvery)); err != nil {
			return fmt.Errorf("read the proc connector: %w", err)
		}
		for late := ctx.Err() != nil; !late && !c.hurry(); {
			err := c.starts.wait(started)
			late = errors.Is(err, os.ErrDeadlineExceeded)
			if !late {
				if err := c.failed(err); err != nil {
					return err
				}
			}
		}
		if err := c.tell(emit); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// hurry says that telling must not wait: too much is held, or a process was
// gone, whose parent may go as well.
func (c *Connector) hurry() bool {
	n := len(c.held)
	return n >= maxHeld || n > 0 && !c.held[n-1].whole()
}

// tell fetches ends and gives out all that is known.
func (c *Connector) tell(emit func(*agentv1.Event)) error {
	for more := true; more; {
		// Ends are taken first and told last: a start that came between is read
		// before the end of the same process.
		_, err := c.exits.drain(c.fetch)
		if err := c.failed(err); err != nil {
			return err
		}
		more = len(c.ended) == maxHeld
		_, err = c.starts.drain(func(m message) bool {
			if c.start(m); len(c.held) == maxHeld {
				c.tellStarts(emit)
			}
			return true
		})
		if err := c.failed(err); err != nil {
			return err
		}
		c.tellStarts(emit)
		for _, e := range c.ended {
			c.tellEnd(e, emit)
		}
		c.ended = c.ended[:0]
	}
	if c.overran {
		c.tellLost(emit)
	}
	if len(c.waiting) > 0 {
		c.release(emit)
	}
	return nil
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

// start reads the process of a message.
func (c *Connector) start(m message) {
	if m.what == procEventExec && len(m.data) >= 8 {
		c.held = append(c.held, c.table.begin(c.at(m), int32(order32(m.data, 4))))
	}
}

func (c *Connector) tellStarts(emit func(*agentv1.Event)) {
	for i := range c.held {
		s := &c.held[i]
		event := c.table.event(s)
		if s.whole() || len(c.waiting) >= maxWaiting {
			emit(event)
			continue
		}
		c.waiting = append(c.waiting, pending{pid: s.pid, event: event, since: c.options.Now()})
	}
	clear(c.held) // their texts can go
	c.held = c.held[:0]
}

// fetch takes an end, and says whether there is room for another.
func (c *Connector) fetch(m message) bool {
	if m.what != procEventExit || len(m.data) < 12 || order32(m.data, 0) != order32(m.data, 4) { // a thread
		return true
	}
	e := end{when: c.at(m), pid: int32(order32(m.data, 0)), code: exitCode(order32(m.data, 8))}
	if len(m.data) >= 24 {
		e.parent = int32(order32(m.data, 20))
	}
	c.ended = append(c.ended, e)
	return len(c.ended) < maxHeld
}

func (c *Connector) tellEnd(e end, emit func(*agentv1.Event)) {
	if len(c.waiting) > 0 && e.parent > 0 {
		c.settle(e.pid, e.parent, emit)
	}
	if e := c.table.exit(e.when, e.pid, e.code); e != nil {
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

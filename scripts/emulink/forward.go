package emulink

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// forwarder carries packets one way. It is one thread that waits for packets,
// for the next to be due and for a word from outside in one system call, whose
// clock is finer than that of Go's timers (a millisecond while a process is
// idle), and does nothing while there is nothing to do. Only the loop touches
// the fields below counts.
type forwarder struct {
	from, to int // devices, without blocking
	wake     int // an eventfd: something changed
	stopping atomic.Bool
	wanted   atomic.Pointer[Direction]
	counts   counters

	began  time.Time
	random *rand.PCG
	chance *rand.Rand
	as     *Direction // how packets are treated now
	loss   loss
	free   time.Duration // when the line has sent all that waits
	last   time.Duration // when the packet arrives that was taken last
	under  underway
}

func newForwarder(from, to int, as Direction) (*forwarder, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	f := &forwarder{from: from, to: to, wake: wake, began: time.Now(), random: new(rand.PCG)}
	f.chance = rand.New(f.random)
	f.wanted.Store(&as)
	return f, nil
}

// set changes how packets are treated from now on. Those under way stay as they
// are.
func (f *forwarder) set(d Direction) { f.wanted.Store(&d) }

// stop ends run.
func (f *forwarder) stop() error {
	f.stopping.Store(true)
	_, err := unix.Write(f.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// batch is how many packets are taken before those that are due are delivered.
const batch = 32

// run forwards until stop. It returns the error that ended it.
func (f *forwarder) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The thread goes back as it was and does not end with the goroutine: it may
	// have started children that end with it (PR_SET_PDEATHSIG).
	defer hurry()()
	polled := []unix.PollFd{{Fd: int32(f.from), Events: unix.POLLIN}, {Fd: int32(f.wake), Events: unix.POLLIN}}
	for !f.stopping.Load() {
		if d := f.wanted.Load(); d != f.as {
			f.change(d)
		}
		f.deliver()
		taken, err := f.take()
		if err != nil {
			return err
		}
		if taken {
			continue
		}
		var timeout *unix.Timespec
		if p := f.under.next(); p != nil {
			t := unix.NsecToTimespec(max(0, int64(p.due-f.now())))
			timeout = &t
		}
		if _, err := unix.Ppoll(polled, timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for packets: %w", err)
		}
	}
	return nil
}

func (f *forwarder) now() time.Duration { return time.Since(f.began) }

func (f *forwarder) change(d *Direction) {
	if f.as != nil && f.as.Rate > 0 && d.Rate > 0 {
		// As many bytes wait as before; they take another time.
		now := f.now()
		waits := max(0, f.free-now)
		f.free = now + time.Duration(float64(waits)*float64(f.as.Rate)/float64(d.Rate))
	}
	f.as, f.loss = d, newLoss(d.Loss, d.Burst)
	f.random.Seed(d.Seed, 0)
}

// take reads packets from the device; it says whether there may be more.
func (f *forwarder) take() (bool, error) {
	for range batch {
		b := f.under.buffer()
		if b == nil {
			return false, f.overflow()
		}
		n, err := unix.Read(f.from, b)
		switch {
		case errors.Is(err, unix.EAGAIN):
			f.under.release(b)
			return false, nil
		case errors.Is(err, unix.EINTR):
			f.under.release(b)
			return true, nil
		case err != nil:
			f.under.release(b)
			return false, fmt.Errorf("read a packet: %w", err)
		}
		f.schedule(packet{class: classOf(b[:n]), bytes: b[:n]})
	}
	return true, nil
}

// overflow throws away a packet for which there is no memory.
func (f *forwarder) overflow() error {
	var b [packetSize]byte
	n, err := unix.Read(f.from, b[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read a packet: %w", err)
	}
	c := &f.counts[classOf(b[:n])]
	c.taken.Add(1)
	c.refused.Add(1)
	return nil
}

// schedule decides what becomes of a packet.
func (f *forwarder) schedule(p packet) {
	c, d, now := &f.counts[p.class], f.as, f.now()
	c.taken.Add(1)
	if d.MTU > 0 && len(p.bytes) > d.MTU {
		c.tooLarge.Add(1)
		f.under.release(p.bytes)
		return
	}
	if d.Rate > 0 {
		f.free = max(f.free, now)
		if waiting := uint64(f.free-now) * d.Rate / 8e9; int(waiting)+len(p.bytes) > d.Queue {
			c.queued.Add(1)
			f.under.release(p.bytes)
			return
		}
		f.free += d.lineTime(len(p.bytes))
		now = f.free
	}
	if f.loss.next(f.chance) {
		c.lost.Add(1)
		f.under.release(p.bytes)
		return
	}
	p.due = now + d.Delay
	if d.Jitter > 0 {
		p.due += time.Duration(f.chance.Int64N(int64(d.Jitter)))
	}
	if !d.Reorder {
		p.due = max(p.due, f.last)
	}
	f.last = max(f.last, p.due)
	f.under.put(p)
}

// deliver writes what is due.
func (f *forwarder) deliver() {
	now := f.now()
	for range batch {
		p := f.under.next()
		if p == nil || p.due > now {
			return
		}
		c := &f.counts[p.class]
		if _, err := unix.Write(f.to, p.bytes); err != nil {
			c.refused.Add(1)
		} else {
			c.delivered.Add(1)
			c.bytes.Add(uint64(len(p.bytes)))
		}
		f.under.drop()
	}
}

// hurry puts the thread before all ordinary ones and has it woken to the
// microsecond, until the function that it returns is called. Where the kernel
// does not allow it, the link is less exact on a busy machine, which Validate
// finds.
func hurry() (back func()) {
	was, err := unix.SchedGetAttr(0, 0)
	ahead(0)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return func() {
		if err == nil {
			_ = unix.SchedSetAttr(0, was, 0) // nothing of it can fail that did not before
		}
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // the default
	}
}

// ahead puts a thread before all ordinary ones.
func ahead(thread int) {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if unix.SchedSetAttr(thread, &attr, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, thread, -20)
	}
}

// allAhead puts all threads of this process before ordinary ones. What the
// runtime does beside a forwarder can hold it up: a thread that has what it
// needs to go on, and has no turn.
func allAhead() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		ahead(id) // those to come inherit it
	}
	return nil
}

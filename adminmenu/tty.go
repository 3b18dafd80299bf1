package adminmenu

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
)

const (
	// maxBacklog is what may wait for a terminal that takes nothing, for
	// instance one stopped by Ctrl-S; then the menu ends.
	maxBacklog = 1 << 20
	// flushTime is how long the end waits for the terminal to take the rest.
	flushTime = time.Second
)

var (
	errDrained = errors.New("the terminal is closed")
	errStalled = errors.New("the terminal takes no more output")
)

// tty is a Terminal as the screen library wants one. Keys do not come this way
// (see display), so Read only waits for the end. Write never waits for the
// person's side: a goroutine of its own does, so that the menu can always end.
type tty struct {
	terminal Terminal
	stalled  func() // told once, when the backlog is full

	drained chan struct{}
	drain   sync.Once
	flushed chan struct{}
	more    chan struct{} // one signal, at most, waits

	mu      sync.Mutex
	resized func()
	waiting []byte
	err     error // of the terminal
	last    bool  // nothing more is written
}

func newTTY(t Terminal, stalled func()) *tty {
	return &tty{
		terminal: t, stalled: stalled,
		drained: make(chan struct{}), flushed: make(chan struct{}), more: make(chan struct{}, 1),
	}
}

// Start begins to write, and asks a terminal that can to mark what is pasted.
func (t *tty) Start() error {
	go t.write()
	if pastes(t.terminal.Name) {
		_, _ = t.Write([]byte("\x1b[?2004h"))
	}
	return nil
}

// Stop ends what Start asked for.
func (t *tty) Stop() error {
	if pastes(t.terminal.Name) {
		_, _ = t.Write([]byte("\x1b[?2004l"))
	}
	return nil
}

// Drain wakes Read.
func (t *tty) Drain() error {
	t.drain.Do(func() { close(t.drained) })
	return nil
}

// Read waits for Drain.
func (t *tty) Read([]byte) (int, error) {
	<-t.drained
	return 0, errDrained
}

// Close does nothing: the end is finish.
func (t *tty) Close() error { return nil }

// NotifyResize keeps what is called when the terminal changes its size.
func (t *tty) NotifyResize(call func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resized = call
}

func (t *tty) notify() {
	t.mu.Lock()
	call := t.resized
	t.mu.Unlock()
	if call != nil {
		call()
	}
}

// WindowSize is the terminal's size now.
func (t *tty) WindowSize() (tcell.WindowSize, error) {
	columns, rows := t.terminal.size()
	return tcell.WindowSize{Width: columns, Height: rows}, nil
}

// Write queues what the terminal is to show.
func (t *tty) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return 0, t.err
	}
	if len(t.waiting)+len(p) > maxBacklog {
		t.err, t.waiting = errStalled, nil
		t.stalled()
		return 0, t.err
	}
	t.waiting = append(t.waiting, p...)
	t.signal()
	return len(p), nil
}

func (t *tty) signal() {
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// write hands the queue to the terminal until finish was called, or the
// terminal has failed.
func (t *tty) write() {
	defer close(t.flushed)
	for range t.more {
		t.mu.Lock()
		p, last := t.waiting, t.last
		t.waiting = nil
		t.mu.Unlock()
		if len(p) > 0 {
			if n, err := t.terminal.Out.Write(p); err != nil || n < len(p) {
				t.fail(err)
				return
			}
		}
		if last {
			return
		}
	}
}

func (t *tty) fail(err error) {
	if err == nil {
		err = io.ErrShortWrite
	}
	t.mu.Lock()
	t.err, t.waiting = err, nil
	t.mu.Unlock()
	t.stalled()
}

// finish writes a last text and waits, not for long, until the terminal has
// taken everything.
func (t *tty) finish(text string) {
	if text != "" {
		_, _ = t.Write([]byte(text))
	}
	t.mu.Lock()
	t.last = true
	t.signal()
	t.mu.Unlock()
	patience := time.NewTimer(flushTime)
	defer patience.Stop()
	select {
	case <-t.flushed:
	case <-patience.C:
	}
}

package adminmenu

import (
	"io"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
)

const (
	// wake is what the loop is woken with, as a key that no terminal sends.
	wake = tcell.KeyF64
	// escapeTime is how long an Esc may be the beginning of a sequence.
	escapeTime = 50 * time.Millisecond
	chunkSize  = 256
)

// display is the screen of one menu session. The library's way of reading keys can
// hang when a session ends while keys wait, and gathers what comes without
// bound; its loop can be woken only by who is ready to wait for ever. So keys
// and wakes come to the loop this way: neither whoever reads nor whoever wakes
// ever waits for a loop that is gone.
type display struct {
	tcell.Screen
	chunks chan []byte
	inputs chan input
	sizes  chan tcell.Event
	woken  chan struct{} // one signal, at most, waits
	over   chan struct{}
	end    sync.Once
	err    error // of Init
}

func newDisplay(s tcell.Screen) *display {
	return &display{
		Screen: s, chunks: make(chan []byte), inputs: make(chan input, chunkSize), sizes: make(chan tcell.Event),
		woken: make(chan struct{}, 1), over: make(chan struct{}),
	}
}

// Init begins the screen. Whoever calls it through the library has the error in
// err.
func (d *display) Init() error {
	d.err = d.Screen.Init()
	return d.err
}

// Wake makes the loop look at what was posted and typed. It never waits.
func (d *display) Wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// PollEvent waits for the next event; nil when the screen is over.
func (d *display) PollEvent() tcell.Event {
	select {
	case <-d.over:
		return nil
	case <-d.woken:
		return tcell.NewEventKey(wake, 0, tcell.ModNone)
	case e := <-d.sizes:
		return e
	}
}

// forward brings the library's own events, which are changes of the size, to
// PollEvent until the screen is over.
func (d *display) forward() {
	for e := d.Screen.PollEvent(); e != nil; e = d.Screen.PollEvent() {
		select {
		case <-d.over:
			return
		case d.sizes <- e:
		}
	}
}

// Fini ends the screen, and whoever waits for it.
func (d *display) Fini() {
	d.end.Do(func() { close(d.over) })
	d.Screen.Fini()
}

// read hands on what comes from the person until the input ends or the screen
// is over.
func (d *display) read(in io.Reader) error {
	for {
		chunk := make([]byte, chunkSize)
		n, err := in.Read(chunk)
		if n > 0 {
			select {
			case d.chunks <- chunk[:n]:
			case <-d.over:
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// decode makes keys of what read hands on, until the screen is over.
func (d *display) decode() {
	var keys decoder
	keys.emit = func(in input) {
		select {
		case d.inputs <- in:
			d.Wake()
		case <-d.over:
		}
	}
	patience := time.NewTimer(escapeTime)
	defer patience.Stop()
	for {
		select {
		case <-d.over:
			return
		case chunk := <-d.chunks:
			for _, b := range chunk {
				keys.feed(b)
			}
			if keys.waiting() {
				patience.Reset(escapeTime)
			}
		case <-patience.C:
			if keys.waiting() {
				keys.alone()
			}
		}
	}
}

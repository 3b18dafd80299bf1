package adminmenu

import (
	"io"
	"sync"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
)

const (
	// wake is a key that no terminal sends.
	wake = tcell.KeyF64
	// A chunk of input makes at most one key a byte. The reader goes on when
	// few keys wait, so that decoding never blocks.
	chunkSize = 128
	keyQueue  = 4 * chunkSize
	keyLow    = chunkSize
)

// display is the screen of one session. The library reads keys in a way that
// can hang when a session ends while many keys wait, and its loop can be woken
// only by who is ready to wait for ever. So keys and wakes reach the loop here,
// through PollEvent: neither whoever reads nor whoever wakes ever waits for a
// loop that is gone.
type display struct {
	tcell.Screen
	keys  chan tcell.Event
	sizes chan tcell.Event
	taken chan struct{} // one signal, at most, waits
	woken chan struct{} // one signal, at most, waits
	over  chan struct{}
	end   sync.Once
	err   error // of Init
}

func newDisplay(s tcell.Screen) *display {
	return &display{
		Screen: s, keys: make(chan tcell.Event, keyQueue), sizes: make(chan tcell.Event),
		taken: make(chan struct{}, 1), woken: make(chan struct{}, 1), over: make(chan struct{}),
	}
}

// Init begins the screen. Whoever calls it through the library has the error in
// err.
func (d *display) Init() error {
	d.err = d.Screen.Init()
	return d.err
}

// Wake makes the loop run what was posted. It never waits.
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
	case e := <-d.keys:
		select {
		case d.taken <- struct{}{}:
		default:
		}
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

// Fini ends the screen, and whoever polls it.
func (d *display) Fini() {
	d.end.Do(func() { close(d.over) })
	d.Screen.Fini()
}

// read decodes keys until the input ends or the screen is over.
func (d *display) read(in io.Reader) error {
	decoder := tcell.NewInputProcessor(d.keys)
	chunk := make([]byte, chunkSize)
	kept := 0 // bytes of a character whose rest has not come
	for {
		n, err := in.Read(chunk[kept:])
		if err != nil {
			return err
		}
		whole := complete(chunk[:kept+n])
		decoder.ScanUTF8(chunk[:whole])
		kept = copy(chunk, chunk[whole:kept+n])
		for len(d.keys) > keyLow {
			select {
			case <-d.over:
				return nil
			case <-d.taken:
			}
		}
	}
}

// complete is how many bytes of p end with a whole character, or with bytes
// that are none.
func complete(p []byte) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if utf8.FullRune(p[i:]) {
				return len(p)
			}
			return i
		}
	}
	return len(p)
}

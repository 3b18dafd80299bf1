package adminmenu

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"vedette/internal/acts"
)

// menuSession is one menu on one terminal. Everything in it belongs to the loop
// but what is under mu, and what says so. Other goroutines hand the loop
// functions by post.
type menuSession struct {
	config Config
	who    acts.Actor
	look   look
	log    *slog.Logger
	app    *tview.Application
	screen *display

	stack   []*window // the last one is on top
	notice  string    // over the lower border
	working int       // acts that run; the menu is not idle then
	ended   bool
	err     error  // that Run returns
	last    string // said to the person when the screen is gone

	// start runs a function off the loop with a context that ends with the
	// session, or by what start returns. Run waits for it.
	start func(func(context.Context)) context.CancelFunc
	tasks sync.WaitGroup

	lastKey atomic.Int64 // nanoseconds since begun
	begun   time.Time

	mu     sync.Mutex
	posted []func()
	closed bool // nothing is posted any more
}

// post hands a function to the loop, from any goroutine. It never waits, and
// drops the function when the session has ended.
func (s *menuSession) post(f func()) {
	s.mu.Lock()
	if !s.closed {
		s.posted = append(s.posted, f)
	}
	s.mu.Unlock()
	s.screen.Wake()
}

// runPosted runs what was posted.
func (s *menuSession) runPosted() {
	s.mu.Lock()
	posted := s.posted
	s.posted = nil
	s.mu.Unlock()
	for _, f := range posted {
		if s.ended {
			return
		}
		f()
	}
}

// finish ends the session, from the loop: err is what Run returns, last what the
// person reads when the screen is gone.
func (s *menuSession) finish(err error, last string) {
	if s.ended {
		return
	}
	s.ended, s.err, s.last = true, err, last
	s.screen.Wake() // the loop stops outside of what it does now
}

// passing is how long a notice stays that says how something is now.
const passing = 10 * time.Second

// say shows over the lower border how something is now. It goes with the next
// key, as every notice does, and soon by itself: another administrator may
// change what it says.
func (s *menuSession) say(now string) {
	s.notice = now
	s.start(func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(passing):
			s.post(func() {
				if s.notice == now {
					s.notice = ""
				}
			})
		}
	})
}

// guarded runs what windows do. A panic in it ends this session, and no other.
func (s *menuSession) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(p, s.title())
			s.finish(errPanic, panicText)
		}
	}()
	f()
}

// guardedTask is guarded for what runs off the loop.
func (s *menuSession) guardedTask(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(p, "in the background")
			s.post(func() { s.finish(errPanic, panicText) })
		}
	}()
	f()
}

const panicText = "The menu failed and was ended. The log has the cause."

func (s *menuSession) panicked(p any, window string) {
	s.log.Error("administrator menu panicked", "panic", fmt.Sprint(p), "window", window, "stack", string(debug.Stack()))
}

func (s *menuSession) title() string {
	if w := s.top(); w != nil {
		return w.title
	}
	return ""
}

// capture sees every event of the loop, and hands none on: there are only
// wakes, and their number says nothing.
func (s *menuSession) capture(*tcell.EventKey) *tcell.EventKey {
	s.guarded(func() {
		s.runPosted()
		s.runInputs()
		s.follow()
	})
	if s.ended {
		s.app.Stop()
	}
	return nil
}

// inputsAtOnce is how many keys are handled before the screen is drawn, and what
// was posted has its turn.
const inputsAtOnce = 16

// runInputs gives what was typed to the window on top.
func (s *menuSession) runInputs() {
	for n := 0; !s.ended; n++ {
		if n == inputsAtOnce {
			s.screen.Wake()
			return
		}
		select {
		case in := <-s.screen.inputs:
			s.lastKey.Store(int64(time.Since(s.begun)))
			s.notice = ""
			if in.key != "" {
				s.key(in.key)
			} else {
				s.paste(in.paste)
			}
		default:
			return
		}
	}
}

// key gives a key to whoever wants it: text to the part that takes it, then the
// bindings, the nearest first, then the first letters of buttons.
func (s *menuSession) key(k key) {
	w := s.top()
	if w == nil || s.ended {
		return
	}
	if s.tooSmall() {
		if k == keyCtrlL {
			s.redraw()
		}
		return
	}
	if w.focus == inPart && w.part != nil && w.part.typed(k) {
		return
	}
	for _, b := range s.bindings() {
		if b.has(k) {
			b.do(k)
			return
		}
	}
	w.letter(k)
}

// bindings are all keys that are valid now, the nearest first.
func (s *menuSession) bindings() []binding {
	w := s.top()
	back := "Back"
	if len(s.stack) == 1 {
		back = "Leave"
	}
	all := append(w.bindings(), bind(keyEsc, "Esc", back, "goes one level back; Ctrl-C does too", s.escape))
	if !w.typing() {
		all = append(all, bind("?", "?", "Help", "shows the keys of this window", s.help))
	}
	return append(all, bind(keyCtrlL, "Ctrl-L", "", "draws the screen again", s.redraw))
}

// escape goes one level back, and asks where something would be lost.
func (s *menuSession) escape() {
	w := s.top()
	leave := func() {
		switch {
		case w.cancel != nil:
			w.cancel()
		case len(s.stack) == 1:
			s.leave()
		default:
			s.close(w)
		}
	}
	if w.unsaved != nil {
		if question := w.unsaved(); question != "" {
			s.ask(titleConfirm, []line{words(question)}, "Yes", "No", leave)
			return
		}
	}
	leave()
}

// redraw sends every cell again.
func (s *menuSession) redraw() { s.screen.Sync() }

// paste gives pasted text to a part that takes text, and drops it elsewhere: no
// line end in it presses a button.
func (s *menuSession) paste(text string) {
	w := s.top()
	if w == nil || w.focus != inPart || s.tooSmall() {
		return
	}
	if p, ok := w.part.(interface{ paste(string) }); ok {
		p.paste(text)
	}
}

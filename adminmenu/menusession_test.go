package adminmenu

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLeavingAsksAtTheTopOnly(t *testing.T) {
	for _, way := range []string{"q", "esc", "ctrl-c", "Exit"} {
		synctest.Test(t, func(t *testing.T) {
			d := drive(t, sensor(fakeSensor{newFake(t)}))
			leave := func() {
				if way == "Exit" {
					d.choose(way)
				} else {
					d.press(way)
				}
				d.wait(100 * time.Millisecond)
			}
			leave()
			d.expect("Leave the administrator menu?", "[Yes]", "[No]")
			d.button("No")
			d.at("Administrator menu")
			leave()
			d.button("Yes")
			if err := d.ended(); err != nil {
				t.Errorf("%s: ended with %v", way, err)
			}
		})
	}
}

func TestEscAndCtrlCGoOneLevelBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		for _, back := range []string{"esc", "ctrl-c"} {
			d.choose("Program settings")
			d.choose("Manage server certificate")
			d.at("Certificate management")
			d.press(back)
			d.at("Program settings")
			d.press(back)
			d.at("Administrator menu")
		}
	})
}

func TestDigitsAndFirstLettersSelect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		d.press("e", "enter")
		d.at("Exit")
		d.press("esc", "1")
		d.expect("> 1  ")
		d.press("9")
		d.expect("> 1  ")
		d.press("P", "enter")
		d.at("Program settings")
	})
}

func TestHelpNamesTheKeysOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		d.expect("Up/Down Select", "ENTER Open", "q Exit", "? Help")
		d.press("?")
		d.at("Help on keys")
		d.expect("Keys of Administrator menu", "leaves the menu, and asks first", "draws the screen again")
		d.button("Close")
		d.at("Administrator menu")
	})
}

func TestTooSmallATerminalSaysSoAndNoKeyActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		before := d.screen.text()
		for _, size := range [][2]int{{79, 24}, {80, 23}, {60, 20}, {5, 3}, {1, 1}} {
			d.resize(size[0], size[1])
			if size[0] > 5 {
				d.expect(tooSmallText)
			}
			d.refuse("Program settings")
			d.press("enter", "q", "enter", "?", "ctrl-l")
		}
		d.resize(80, 24)
		if after := d.screen.text(); after != before {
			t.Errorf("the window did not come back:\n%s", after)
		}
		d.resize(200, 60)
		d.expect("Program settings")
		if lines := strings.Count(d.screen.text(), "\n"); lines != 60 {
			t.Errorf("%d lines", lines)
		}
	})
}

func TestIdleMenuEndsAfterANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		d.wait(13*time.Minute + 59*time.Second)
		d.refuse("the session ends in")
		d.wait(2 * time.Second)
		d.expect("the session ends in 1m0s")
		d.press("down")
		d.refuse("the session ends in")
		d.wait(14*time.Minute + time.Second)
		d.expect("the session ends in")
		d.wait(time.Minute)
		if err := d.ended(); err != nil {
			t.Error(err)
		}
		if said := d.screen.said(); !strings.Contains(said, "no key for 15m0s") {
			t.Errorf("said %q", said)
		}
	})
}

func TestMenuIsNotIdleWhileAnActRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		release := f.holding("PrepareGenerateServerCertificate")
		s := sensor(fakeSensor{f})
		s.config.Idle = 2 * time.Minute
		d := drive(t, s)
		d.choose("Program settings")
		d.choose("Manage server certificate")
		d.choose("New")
		d.button("Continue")
		d.button("Generate")
		d.at("Creation of the certificate")
		d.wait(time.Hour)
		d.at("Creation of the certificate")
		release()
		d.wait(time.Second)
		d.expect("Press ENTER.")
		d.wait(3 * time.Minute)
		d.ended()
	})
}

func TestDrainingEndsTheMenuWithAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		close(d.draining)
		if err := d.ended(); err != nil {
			t.Error(err)
		}
		if said := d.screen.said(); !strings.Contains(said, "The program stops") {
			t.Errorf("said %q", said)
		}
	})
}

func TestEndOfInputOrContextEndsTheMenuAtOnce(t *testing.T) {
	broken := errors.New("connection reset")
	for name, tt := range map[string]struct {
		end  func(*driver)
		want error
	}{
		"end of input":   {func(d *driver) { _ = d.keys.Close() }, nil},
		"error of input": {func(d *driver) { _ = d.keys.CloseWithError(broken) }, broken},
		"context":        {func(d *driver) { d.cancel() }, context.Canceled},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.holding("ServerCertificate") // never released: loading has to be cancelled
			d := drive(t, sensor(fakeSensor{f}))
			d.choose("Program settings")
			d.choose("Manage server certificate")
			d.expect("Loading")
			tt.end(d)
			if err := d.ended(); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("%s: ended with %v, want %v", name, err, tt.want)
			}
		})
	}
}

// stuck takes nothing, like the terminal of somebody who pressed Ctrl-S, until
// the connection is cut.
type stuck struct{ cut chan struct{} }

func (s stuck) Write([]byte) (int, error) {
	<-s.cut
	return 0, io.ErrClosedPipe
}

func TestTerminalThatTakesNothingHoldsNobodyUp(t *testing.T) {
	for name, end := range map[string]func(*driver){
		"by idling": func(d *driver) { d.wait(16 * time.Minute) },
		"by ctx":    func(d *driver) { d.cancel(); d.wait(2 * time.Second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := sensor(fakeSensor{newFake(t)})
			cut := make(chan struct{})
			s.out = stuck{cut}
			d := drive(t, s)
			end(d)
			if !d.over() {
				t.Errorf("%s: the menu waits for its terminal", name)
			}
			close(cut)
		})
	}
}

func TestPanicEndsThisSessionAndIsLogged(t *testing.T) {
	boom := func() { panic("boom") }
	for name, build := range map[string]func(*menuSession) *window{
		"in a key":   func(s *menuSession) *window { return &window{keys: []binding{bind("x", "x", "", "", boom)}} },
		"in drawing": func(s *menuSession) *window { return &window{part: &explosive{}} },
		"in loading": func(s *menuSession) *window {
			return &window{live: &live{load: func(context.Context) (func(), error) { panic("boom") }}}
		},
		"in showing": func(s *menuSession) *window {
			return &window{live: watch(func(context.Context) (int, error) { return 1, nil }, func(int) { boom() })}
		},
		"in an act": func(s *menuSession) *window {
			return &window{keys: []binding{bind("x", "x", "", "", func() { act(s, "", func(context.Context) (int, error) { panic("boom") }, func(int) {}) })}}
		},
		"in the window": func(s *menuSession) *window { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := drive(t, alone(build))
				d.errorsOK = true
				if !d.over() {
					d.press("x")
				}
				if err := d.ended(); !errors.Is(err, errPanic) {
					t.Errorf("ended with %v", err)
				}
				if log := d.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "session_test.go") {
					t.Errorf("the log has no stack:\n%s", log)
				}
				if said := d.screen.said(); !strings.Contains(said, "The menu failed") {
					t.Errorf("said %q", said)
				}
			})
		})
	}
}

// explosive is a part that panics when it is drawn.
type explosive struct{ list }

func (*explosive) draw(canvas, bool) { panic("boom") }

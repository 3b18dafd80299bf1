package adminmenu

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"vedette/internal/acts"
)

func TestFieldIsEditedAndTakesWhatIsPasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got string
		d := drive(t, alone(func(s *menuSession) *window {
			s.open(&window{title: "below"})
			return s.input("Input", []line{words("Type.")}, []*field{newField("Address", "192.0.2.1")}, func(w *window) {
				got = w.part.(*form).fields[0].String()
				s.close(w)
			})
		}))
		d.at("Input")
		d.press("ctrl-u", "a", "b", "left", "c", "home", "d", "end", "e", "backspace", "f", "ctrl-h", "?", "q")
		d.expect("[dacb?q")
		d.press("left", "delete")
		d.send("\x1b[200~two\r\nlines\x1b[201~")
		d.expect("[dacb?twolines")
		d.at("Input")
		d.press("enter")
		d.at("below")
		if got != "dacb?twolines" {
			t.Errorf("got %q", got)
		}
	})
}

func TestLongTextInAFieldFollowsTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, alone(func(s *menuSession) *window {
			return s.input("Input", nil, []*field{newField("Key", "")}, func(*window) {})
		}))
		d.send("begin" + strings.Repeat("x", 300))
		d.refuse("begin")
		d.press("home")
		d.expect("[beginxxx")
	})
}

func TestTypedTextIsNotLostWithoutAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, alone(func(s *menuSession) *window {
			s.open(&window{title: "below"})
			return s.input("Input", nil, []*field{newField("Name", "")}, func(*window) {})
		}))
		d.press("x", "esc")
		d.expect("is lost when you leave", ">[No]<")
		d.press("enter")
		d.expect("[x")
		d.button("Cancel")
		d.at("below")
	})
}

func TestPasswordIsNeverShownAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := secretField("Password")
		var buffer []rune
		d := drive(t, alone(func(s *menuSession) *window {
			s.open(&window{title: "below"})
			return s.input("Input", nil, []*field{newField("Name", ""), secret}, func(w *window) {
				buffer = secret.value
				s.close(w)
			})
		}))
		d.press("n", "enter")
		d.send("hunter2-hunter2-hunter2-hunter2-hunter2-hunter2")
		d.expect("*******")
		d.refuse("hunter")
		d.press("enter")
		d.at("below")
		if strings.Trim(string(buffer), "\x00") != "" || len(buffer) == 0 {
			t.Errorf("still in memory: %q", string(buffer))
		}
	})
}

func TestWorstActWantsAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := 0
		d := drive(t, alone(func(s *menuSession) *window {
			below := &window{title: "below"}
			s.open(below)
			below.keys = []binding{bind("x", "x", "", "", func() {
				s.askTyped("Confirmation", []line{words("Really?")}, "sensor-1", "Delete", "Cancel", func() { done++ })
			})}
			return s.show("top", nil)
		}))
		d.button("Close")
		d.press("x")
		d.send("sensor-2")
		d.button("Delete")
		d.expect("Nothing was done: the word is sensor-1.")
		d.press("backspace", "1")
		d.button("Delete")
		d.at("below")
		if done != 1 {
			t.Errorf("done %d times", done)
		}
	})
}

func TestRefusalOfAnActIsShownWithItsNextStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, alone(func(s *menuSession) *window {
			below := &window{title: "below"}
			below.keys = []binding{bind("x", "x", "", "", func() {
				act(s, "Doing", func(context.Context) (int, error) {
					return 0, &acts.Error{Code: acts.NotAllowed, Text: "a security auditor may not do this", Hint: "ask an administrator"}
				}, func(int) { t.Error("it went on") })
			})}
			return below
		}))
		d.press("x")
		d.at("Error")
		d.expect("a security auditor may not do this", "Next step", "ask an administrator")
		d.press("esc")
		d.at("below")
	})
}

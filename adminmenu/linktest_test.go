package adminmenu

import (
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// atLinkState is a person at Link state.
func atLinkState(t *testing.T, s setup) *driver {
	d := drive(t, s)
	d.choose("Program settings")
	d.choose("Link state")
	d.at("Link state")
	return d
}

func TestTheLinkIsTestedAfterSayingWhatThatDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("Test link")
		d.at("Test link")
		d.golden("link-test-1-input")
		d.press("down", "down", "ctrl-u", "100")
		d.button("Ok")
		d.at("Confirmation")
		d.expect("Test the link?", "Direction to the Central Node", "How long 5 s", "at most 100 Mbit/s", "Agents go first", "nothing of it is lost", "a download")
		d.golden("link-test-2-confirmation")
		d.button("No")
		d.at("Test link")
		if f.called("TestLink") != 0 {
			t.Fatal("tested without [Yes]")
		}
		d.button("Ok")
		release := f.holding("TestLink")
		d.button("Yes")
		d.at("Testing the link")
		d.expect("The channel is tested for 5 s, to the Central Node, with at most 100 Mbit/s.", "Leaving this window ends the test.")
		release()
		d.wait(time.Second)
		d.at("Result of the test")
		d.expect("Capacity at least 413.2 Mbit/s", "the channel may carry more", "257.5 MB in 5.0 s; 412 Mbit/s over the best 2.6 s", "1.2 Mbit/s meanwhile", "20.1 ms before, 48.3 ms during the test")
		d.golden("link-test-3-result")
		d.button("Close")
		d.at("Link state")
		if len(f.tested) != 1 || f.tested[0] != (acts.TestLink{Duration: 5 * time.Second, Rate: 100_000_000}) {
			t.Errorf("asked for %+v", f.tested)
		}
	})
}

func TestTheOtherDirectionIsChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("Test link")
		d.press("right", "down", "ctrl-u", "30")
		d.button("Ok")
		d.expect("Direction from the Central Node", "How long 30 s", "at most 1 Gbit/s")
		d.button("Yes")
		d.expect("Capacity 413.2 Mbit/s", "Direction from the Central Node")
		d.refuse("at least", "15 %")
		if len(f.tested) != 1 || f.tested[0] != (acts.TestLink{Duration: 30 * time.Second, Rate: acts.MaxIngress, Back: true}) {
			t.Errorf("asked for %+v", f.tested)
		}
	})
}

func TestATestBeyondItsBoundsIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("Test link")
		for _, seconds := range []string{"0", "31", "x", ""} {
			d.press("home", "down", "ctrl-u")
			if seconds != "" {
				d.press(seconds)
			}
			d.button("Ok")
			d.at("Test link")
			d.expect("A test takes 1 to 30 seconds.")
			d.press("up", "up")
		}
		d.press("down", "ctrl-u", "7", "down", "ctrl-u", "1001", "enter")
		d.expect("A test sends at most 1 to 1000 Mbit/s.")
		if f.called("TestLink") != 0 {
			t.Error("a test was begun")
		}
	})
}

func TestLeavingEndsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.holding("TestLink") // until its context ends
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("Test link")
		d.button("Ok")
		d.button("Yes")
		d.at("Testing the link")
		d.press("esc")
		d.at("Link state")
		d.wait(time.Minute)
		d.at("Link state")
		if len(f.tested) != 0 {
			t.Error("the test went on")
		}
	})
}

func TestARefusedTestSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.failing("TestLink", &acts.Error{Code: acts.Refused, Text: "another test of this link runs", Hint: "wait until it is over"})
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("Test link")
		d.button("Ok")
		d.button("Yes")
		d.at("Error")
		d.expect("another test of this link runs", "wait until it is over")
		d.button("Close")
		d.at("Link state")
	})
}

func TestOnlyAdministratorsTestTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for role, may := range map[acts.Role]bool{acts.LocalAdministrator: true, acts.Administrator: true, acts.SecurityAuditor: false, acts.SecurityOfficer: false} {
			f := newFake(t)
			f.linked()
			in := sensor(fakeSensor{f})
			in.who = testActor()
			in.who.Role = role
			d := atLinkState(t, in)
			d.expect("[History]", ">[Close]<")
			if may {
				d.expect("[Test link]")
			} else {
				d.refuse("[Test link]")
			}
		}
	})
}

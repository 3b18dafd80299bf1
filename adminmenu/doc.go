// Package adminmenu is the administrator menu: the documented windows, in the
// documented order and words, on a terminal of at least 80 columns and 24 rows.
//
// It knows how to show and to ask. What is shown and done is a daemon's, which
// the menu reaches through the small interfaces of backend.go.
//
// # How it works
//
// RunSensor and RunCentralNode run one menu session: one loop, one stack of windows,
// one terminal. Windows and their parts belong to the loop and have no locks.
// What takes time runs off the loop, by start, and hands its result back by
// post. A session ends when the person leaves, when no key came for long, when
// the input ends, when ctx ends or when the daemon drains; it then restores the
// terminal, cancels what loads, and waits for acts that were committed to.
//
// # How to write a screen
//
// A screen is a method of menuSession, in a file of its own, that builds windows
// and opens them:
//
//	func (s *menuSession) linkState(b Sensor) {
//		w := &window{title: "Link state"}
//		w.live = watch(func(ctx context.Context) (acts.Link, error) { return b.Link(ctx, s.who) }, func(l acts.Link) {
//			w.text.set(linkLines(l))
//		})
//		w.buttons = []button{{wordClose, func() { s.close(w) }}}
//		s.open(w)
//	}
//
// Its lines are made by a plain function from acts types, which a table test
// covers. They are built with words, heading, warn, alarm, value(label, text),
// item and blank; any text may go in as it came, since canvas.put is the gate
// that makes control characters visible and keeps markup from being read.
// Fingerprints wrap by themselves. State is a word; ink only underlines it.
//
// A window has a text above, which scrolls, a part below, which takes keys, and
// buttons. The parts are list, form and table; set gives list and table new
// contents and keeps selection, marks, filter and scrolling. live (see watch)
// loads at once and about each second while the window is on top: show must
// only put the new model into the parts. An error of loading is shown in the
// window, beside what was loaded last. live.refresh loads now.
//
// Whole windows for what comes often, each of which opens itself:
//
//	inform    a text with [Continue] and [Cancel]
//	show      a text with [Close]
//	ask       a confirmation; the focus begins on the button that does nothing
//	offer     a confirmation of what destroys nothing; the focus begins on yes
//	askTyped  a confirmation by typing a word
//	input     fields with [Ok] and [Cancel]; asks before typed text is lost
//	refused   the Text and Hint of an *acts.Error, and then back to where
//	run       what takes its time and changes nothing yet: its steps as they
//	          come, then ENTER; leaving cancels it
//	decide    an act with its preview: asks with what it says, and then acts on
//	          exactly what was read
//	act       an act; a refusal is shown, else it goes on; leaving does not stop it
//	fetch     loads once what the next window needs, for instance a preview
//
// say puts over the lower border how something is now, for a while.
// previewLines and consequenceLines show an acts.Preview. An act is given the
// revision of the preview that the person read; a refusal with acts.Stale is
// shown by refused, and the live window below shows the fresh state.
//
// The stack: open puts a window on top, close takes it and what lies over it
// away, backTo leaves it on top. Esc closes the window on top, or calls its
// cancel; unsaved makes it ask first. closed is called once the window is gone,
// however it went, also at the end of the session: forget secrets there.
//
// Keys have a meaning only in tables of bindings: those of the part, those of
// the window (window.keys), those of every window (menuSession.bindings). Handling,
// footer and the help on '?' are made of them. Nothing may need Alt, a function
// key or a mouse.
//
// # How to test a screen
//
// The tests' newFake is a daemon in memory, driver a person at its menu, on a
// small terminal emulator behind the same code that runs over SSH:
//
//	synctest.Test(t, func(t *testing.T) {
//		f := newFake(t)
//		d := drive(t, sensor(fakeSensor{f})) // or central(fakeCentral{f}), alone(func(*menuSession) *window)
//		d.choose("Link state")               // a list's entry by its word; press("down", "enter", "x") for keys
//		d.at("Link state")                   // the title
//		d.expect("Accepted")                 // anywhere, also over lines; refuse is the contrary
//		f.change(func(f *fake) { f.central.State = acts.LinkRejected })
//		d.wait(2 * time.Second)              // time passes only here
//		d.expect("Rejected")
//		d.button("Close")
//		d.golden("link-state")               // testdata/link-state.txt; refreshed by -update, never when CI=true
//	})
//
// f.failing and f.holding make a method fail, or wait. The driver fails the
// test when the menu sends a byte that the emulator does not know, or logs an
// error.
package adminmenu

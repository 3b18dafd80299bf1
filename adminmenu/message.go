package adminmenu

import (
	"errors"
	"regexp"
	"time"

	"vedette/internal/acts"
)

// Words of buttons. The documented ones are a contract for scripts.
const (
	wordContinue = "Continue"
	wordCancel   = "Cancel"
	wordOk       = "Ok"
	wordYes      = "Yes"
	wordNo       = "No"
	wordClose    = "Close"
)

// titleConfirm is the title of every window that asks.
const titleConfirm = "Confirmation"

// inform shows a text with [Continue] and [Cancel].
func (s *menuSession) inform(title string, lines []line, next func()) *window {
	w := &window{title: title, text: text{lines: lines}}
	w.buttons = []button{{wordContinue, next}, {wordCancel, func() { s.close(w) }}}
	s.open(w)
	return w
}

// show shows a text with one button, which goes back.
func (s *menuSession) show(title string, lines []line) *window {
	w := &window{title: title, text: text{lines: lines}}
	w.buttons = []button{{wordClose, func() { s.close(w) }}}
	s.open(w)
	return w
}

// ask opens a confirmation whose focus begins on the button that does nothing.
// yes closes the window and acts.
func (s *menuSession) ask(title string, lines []line, yes, no string, act func()) *window {
	w := s.offer(title, lines, yes, no, act)
	w.focus = 1
	return w
}

// offer is ask for what destroys nothing: the focus begins on yes.
func (s *menuSession) offer(title string, lines []line, yes, no string, act func()) *window {
	w := &window{title: title, text: text{lines: lines}}
	w.buttons = []button{
		{yes, func() { s.close(w); act() }},
		{no, func() { s.close(w) }},
	}
	s.open(w)
	return w
}

// askTyped is ask for the worst: the button acts only once the word was typed.
func (s *menuSession) askTyped(title string, lines []line, word, yes, no string, act func()) *window {
	f := newField("Type "+word+" to go on", "")
	w := &window{title: title, text: text{lines: lines}}
	try := func() {
		if f.String() != word {
			s.notice = "Nothing was done: the word is " + word + "."
			w.focus = inPart
			return
		}
		s.close(w)
		act()
	}
	w.part = &form{fields: []*field{f}, done: func() { w.focus = 1 }, hint: "Next"}
	w.buttons = []button{{yes, try}, {no, func() { s.close(w) }}}
	s.open(w)
	return w
}

// input opens a window with fields, [Ok] and [Cancel]. ok decides what becomes
// of the window. Secrets are forgotten when the window is gone.
func (s *menuSession) input(title string, lines []line, fields []*field, ok func(w *window)) *window {
	f := &form{fields: fields}
	w := &window{title: title, text: text{lines: lines}, part: f, closed: f.forget}
	w.buttons = []button{{wordOk, func() { ok(w) }}, {wordCancel, func() { s.close(w) }}}
	f.done = func() { ok(w) }
	w.unsaved = func() string {
		if f.changed() {
			return "What you typed here is lost when you leave. Leave?"
		}
		return ""
	}
	s.open(w)
	return w
}

// refused shows why an act was not done, and then goes on: with back when it is
// given.
func (s *menuSession) refused(err error, back func()) *window {
	w := &window{title: "Error", text: text{lines: s.errorLines(err)}}
	leave := func() {
		s.close(w)
		if back != nil {
			back()
		}
	}
	w.cancel = leave
	w.buttons = []button{{wordClose, leave}}
	s.open(w)
	return w
}

// errorLines are an error for a person: the text, and the next step.
func (s *menuSession) errorLines(err error) []line {
	said, hint := s.explain(err)
	title := "The act was not done."
	if acts.CodeOf(err) == acts.Stale {
		title = "Nothing was changed."
	}
	lines := []line{heading(title), blank(), alarm(said)}
	if hint != "" {
		lines = append(lines, blank(), value("Next step", hint))
	}
	return lines
}

// explain gives an error its words. An error that is not ours goes to the log:
// its text is not for a person.
func (s *menuSession) explain(err error) (said, hint string) {
	var e *acts.Error
	if errors.As(err, &e) {
		return inMoments(e.Text), inMoments(e.Hint)
	}
	s.log.Error("administrator menu: an act failed", "window", s.title(), "error", err)
	return "Something failed inside the program.", "Try again. The log has the cause."
}

// loadProblem says why a window shows nothing, or nothing new.
func (s *menuSession) loadProblem(err error) string {
	said, hint := s.explain(err)
	if acts.CodeOf(err) == acts.NotAllowed { // now and later
		return acts.Sentence(said) + " " + acts.Sentence(hint)
	}
	out := "Cannot be read now (" + clock(s.config.Now()) + "): " + said
	if hint != "" {
		out += ". " + hint
	}
	return out
}

// clock and date show times, always in UTC.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// exactTime is a time as programs write it.
var exactTime = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// inMoments writes the times in a daemon's sentence as the menu writes them
// everywhere.
func inMoments(sentence string) string {
	return exactTime.ReplaceAllStringFunc(sentence, func(exact string) string {
		t, err := time.Parse(time.RFC3339, exact)
		if err != nil {
			return exact
		}
		return moment(t)
	})
}

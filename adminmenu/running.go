package adminmenu

import (
	"context"
	"errors"
)

// work is what takes its time and changes nothing yet.
type work struct {
	title string
	begin string // what is done, a sentence
	done  string // that it is done, a sentence
}

// run does a work off the loop and shows its steps as they come, in a window
// that ends with ENTER: then is called with the result when it was a success,
// failed otherwise. When the person leaves before, the work is cancelled and
// neither is called.
func run[T any](s *menuSession, wk work, do func(ctx context.Context, step func(done string)) (T, error), then func(T), failed func(error)) *window {
	w := &window{title: wk.title, text: text{lines: []line{words(wk.begin), blank()}}}
	add := func(lines ...line) {
		w.text.set(append(w.text.lines, lines...))
		w.text.top = 1 << 30 // the newest
	}
	finished := false
	var stop context.CancelFunc
	w.closed = func() { stop() }
	w.keys = []binding{bind(keyEsc, "Esc", "Cancel", "cancels; nothing is changed", func() { s.close(w) })}
	s.open(w)
	s.working++
	stop = s.start(func(ctx context.Context) {
		result, err := do(ctx, func(done string) {
			s.post(func() {
				if s.holds(w) && !finished {
					add(value("[done]", done))
				}
			})
		})
		s.post(func() {
			s.working--
			finished = true
			if !s.holds(w) {
				s.leftWith(err)
				return
			}
			w.keys = nil
			end := func(next func()) {
				w.cancel = func() { s.close(w); next() }
				w.keys = []binding{{keys: []key{keyEnter, keyEsc}, name: "ENTER", hint: "Continue", help: "goes on; Esc does too", do: func(key) { w.cancel() }}}
			}
			if err != nil {
				add(blank())
				add(s.errorLines(err)...)
				add(blank(), words("Press ENTER."))
				end(func() { failed(err) })
				return
			}
			add(blank(), heading(wk.done), words("Press ENTER."))
			end(func() { then(result) })
		})
	})
	return w
}

// fetch loads once, off the loop, what a window needs before it can be opened.
// A window says meanwhile that it loads; leaving that cancels.
func fetch[T any](s *menuSession, title string, load func(context.Context) (T, error), then func(T)) {
	await(s, title, []line{words("Loading ...")}, load, then)
}

// await is fetch with its own words.
func await[T any](s *menuSession, title string, lines []line, load func(context.Context) (T, error), then func(T)) {
	w := &window{title: title, text: text{lines: lines}}
	var stop context.CancelFunc
	w.closed = func() { stop() }
	s.open(w)
	stop = s.start(func(ctx context.Context) {
		v, err := load(ctx)
		s.post(func() {
			if !s.holds(w) {
				return
			}
			s.close(w)
			if err != nil {
				s.refused(err, nil)
				return
			}
			then(v)
		})
	})
}

// act does something short off the loop, shows a refusal, and goes on with then
// after a success.
func act[T any](s *menuSession, title string, do func(context.Context) (T, error), then func(T)) {
	w := &window{title: title, text: text{lines: []line{words("Working ...")}}}
	w.keys = []binding{bind(keyEsc, "Esc", "Leave", "leaves; the act goes on to its end", func() { s.close(w) })}
	s.open(w)
	s.working++
	s.start(func(ctx context.Context) {
		v, err := do(context.WithoutCancel(ctx))
		s.post(func() {
			s.working--
			if !s.holds(w) {
				s.leftWith(err)
				return
			}
			s.close(w)
			if err != nil {
				s.refused(err, nil)
				return
			}
			then(v)
		})
	})
}

// leftWith says how an act ended whose window the person left, when it did not
// end well.
func (s *menuSession) leftWith(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	said, _ := s.explain(err)
	s.notice = "The act that you left was not done: " + said
}

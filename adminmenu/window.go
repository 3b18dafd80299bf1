package adminmenu

import (
	"strings"
	"unicode"
)

// button is a word at the bottom of a window and what it does.
type button struct {
	word string
	do   func()
}

// part is what a window lets a person work with, below its text: a list, a
// form, a table.
type part interface {
	// height is the rows that it wants at a width; it may get less.
	height(l look, columns int) int
	draw(c canvas, focused bool)
	// bindings are valid while the part has the focus.
	bindings() []binding
	// typed takes a key as text, before any binding sees it.
	typed(k key) bool
	// typing reports that every character is text now.
	typing() bool
	// move goes on by Tab (+1) or back (-1) inside the part; false: it is at
	// its end.
	move(by int) bool
	// enter is told that the focus arrives from before (+1) or behind (-1).
	enter(by int)
}

// window is one screen of the menu: a frame with a title, text that scrolls, a
// part to work with, a row of buttons, and a footer that names the valid keys.
// Fields are set by whoever builds it, and changed on the loop only.
type window struct {
	title   string
	text    text
	part    part
	low     bool // the part stands at the lower end of the window
	buttons []button
	// focus is the button that has the focus; inPart: the part has it, as it
	// does in the beginning of every window that has one.
	focus int
	// keys are bindings of this window beside those of its part and of all.
	keys []binding
	// live loads what the window shows, again and again, while it is on top.
	live *live
	// cancel is what Esc does instead of going one level back.
	cancel func()
	// unsaved is the question that Esc asks first, empty: none. Nil asks never.
	unsaved func() string
	// closed is told once that the window has left the stack.
	closed func()

	problem string // of loading, shown above the text
}

const inPart = -1

// stops is how many places Tab visits.
func (w *window) stops() (first, last int) {
	first, last = 0, len(w.buttons)-1
	if w.part != nil {
		first = inPart
	}
	return first, last
}

// tab moves the focus to the next place, or the one before.
func (w *window) tab(by int) {
	if w.focus == inPart && w.part != nil && w.part.move(by) {
		return
	}
	first, last := w.stops()
	if first > last {
		return
	}
	w.focus += by
	if w.focus > last {
		w.focus = first
	} else if w.focus < first {
		w.focus = last
	}
	if w.focus == inPart {
		w.part.enter(by)
	}
}

// typing reports that every character is text now, and none a shortcut.
func (w *window) typing() bool { return w.focus == inPart && w.part != nil && w.part.typing() }

// bindings are the keys of the window now, the nearest first.
func (w *window) bindings() []binding {
	var all []binding
	if w.focus == inPart && w.part != nil {
		all = append(all, w.part.bindings()...)
	} else if len(w.buttons) > 0 {
		all = append(all, binding{keys: []key{keyEnter, keySpace}, name: "ENTER", hint: w.buttons[w.focus].word, help: "presses the button that has the focus", do: func(key) { w.buttons[w.focus].do() }})
	}
	all = append(all, w.keys...)
	if len(w.buttons) > 1 && (w.focus != inPart || w.part == nil) {
		all = append(all, binding{keys: []key{keyLeft, keyRight}, name: "Left/Right", help: "moves between buttons; the first letter of a button does too", do: func(k key) {
			by := 1
			if k == keyLeft {
				by = -1
			}
			w.focus = (w.focus + by + len(w.buttons)) % len(w.buttons)
		}})
	}
	if first, last := w.stops(); last > first {
		all = append(all, binding{keys: []key{keyTab, keyBackTab}, name: "Tab", hint: "Next", help: "moves to the next place; Shift-Tab to the one before", do: func(k key) {
			if k == keyBackTab {
				w.tab(-1)
			} else {
				w.tab(1)
			}
		}})
	}
	return append(all, w.scrolling()...)
}

// scrolling are the keys that move the text. Up and Down do where nothing else
// wants them.
func (w *window) scrolling() []binding {
	hint := ""
	if w.text.scrolls() {
		hint = "Scroll"
	}
	page := max(w.text.room-1, 1)
	moves := []binding{
		{keys: []key{keyPgUp, keyPgDn}, name: "PgUp/PgDn", hint: hint, help: "scrolls the text by a page", do: func(k key) {
			if k == keyPgUp {
				page = -page
			}
			w.text.scroll(page)
		}},
		{keys: []key{keyUp, keyDown}, name: "Up/Down", help: "scrolls the text by a line", do: func(k key) {
			if k == keyUp {
				w.text.scroll(-1)
			} else {
				w.text.scroll(1)
			}
		}},
		{keys: []key{keyHome, keyEnd}, name: "Home/End", help: "goes to the beginning or the end of the text", do: func(k key) {
			if k == keyHome {
				w.text.scroll(-w.text.rows)
			} else {
				w.text.scroll(w.text.rows)
			}
		}},
	}
	return moves
}

// letter moves to the next button that begins with a letter.
func (w *window) letter(k key) bool {
	r, ok := k.rune()
	if !ok || w.focus == inPart && w.part != nil {
		return false
	}
	for n := 1; n <= len(w.buttons); n++ {
		i := (w.focus + n) % len(w.buttons)
		if strings.HasPrefix(strings.ToLower(w.buttons[i].word), string(unicode.ToLower(r))) {
			w.focus = i
			return true
		}
	}
	return false
}

// draw draws what is inside the frame.
func (w *window) draw(c canvas) {
	if w.problem != "" {
		for _, r := range c.look.layout([]line{alarm(w.problem)}, c.w) {
			c.put(r.at, 0, r.text, r.ink)
			c = c.sub(0, 1, c.w, c.h-1)
		}
	}
	if rows := w.buttonRows(c.w); rows > 0 {
		w.drawButtons(c.sub(0, c.h-rows, c.w, rows))
		c = c.sub(0, 0, c.w, c.h-rows-1)
	}
	if w.part == nil {
		w.text.draw(c)
		return
	}
	upper := w.text.height(c.look, c.w)
	lower := w.part.height(c.look, c.w)
	gap := min(upper, 1)
	if upper+gap+lower > c.h {
		// Both shrink, the text to not less than a third.
		upper = max(c.h-gap-lower, min(upper, c.h/3))
	}
	if w.low {
		upper = max(upper, c.h-gap-lower)
	}
	w.text.draw(c.sub(0, 0, c.w, upper))
	w.part.draw(c.sub(0, upper+gap, c.w, c.h-upper-gap), w.focus == inPart)
}

// drawButtons draws the buttons, in as many rows as they need. The one that has
// the focus stands between arrows, beside its colour.
func (w *window) drawButtons(c canvas) {
	for i, at := range w.placeButtons(c.w) {
		text, style := " ["+w.buttons[i].word+"] ", normal
		if i == w.focus {
			text, style = ">["+w.buttons[i].word+"]<", chosen
		}
		c.put(at[0], at[1], text, style)
	}
}

// buttonRows is how many rows the buttons need; 0: there are none.
func (w *window) buttonRows(columns int) int {
	if len(w.buttons) == 0 {
		return 0
	}
	return w.placeButtons(columns)[len(w.buttons)-1][1] + 1
}

// placeButtons gives each button its column and row.
func (w *window) placeButtons(columns int) [][2]int {
	const around, gap = 4, 2
	places := make([][2]int, len(w.buttons))
	x, y := 0, 0
	for i, b := range w.buttons {
		size := width(b.word) + around
		if x > 0 && x+size > columns {
			x, y = 0, y+1
		}
		places[i] = [2]int{x, y}
		x += size + gap
	}
	return places
}

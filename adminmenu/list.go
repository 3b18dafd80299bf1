package adminmenu

import (
	"strconv"
	"strings"
	"unicode"
)

// choice is one entry of a list.
type choice struct {
	word string // what is selected, as documented
	note string // beside it
	do   func()
}

// list is entries to choose from: arrows, first letters and, when they are
// numbered, digits select; ENTER chooses.
type list struct {
	choices  []choice
	numbered bool
	at       int
	top      int
}

// set exchanges the entries and keeps the selected word.
func (l *list) set(choices []choice) {
	selected := ""
	if l.at < len(l.choices) {
		selected = l.choices[l.at].word
	}
	l.choices = choices
	for i, c := range choices {
		if c.word == selected {
			l.at = i
		}
	}
	l.at = max(min(l.at, len(choices)-1), 0)
}

func (l *list) height(look, int) int { return len(l.choices) }
func (l *list) move(int) bool        { return false }
func (l *list) enter(int)            {}
func (l *list) typing() bool         { return false }

// typed selects by digit and by first letter.
func (l *list) typed(k key) bool {
	r, ok := k.rune()
	if !ok || r == ' ' {
		return false
	}
	if n, err := strconv.Atoi(string(r)); err == nil {
		if l.numbered && n >= 1 && n <= len(l.choices) {
			l.at = n - 1
			return true
		}
		return false
	}
	for n := 1; n <= len(l.choices); n++ {
		i := (l.at + n) % len(l.choices)
		if strings.HasPrefix(strings.ToLower(l.choices[i].word), string(unicode.ToLower(r))) {
			l.at = i
			return true
		}
	}
	return false
}

func (l *list) bindings() []binding {
	help := "selects; the first letter of an entry does too"
	if l.numbered {
		help = "selects; the number or the first letter of an entry does too"
	}
	return []binding{
		{keys: []key{keyUp, keyDown, keyHome, keyEnd}, name: "Up/Down", hint: "Select", help: help, do: func(k key) {
			switch k {
			case keyUp:
				l.at = max(l.at-1, 0)
			case keyDown:
				l.at = max(min(l.at+1, len(l.choices)-1), 0)
			case keyHome:
				l.at = 0
			default:
				l.at = max(len(l.choices)-1, 0)
			}
		}},
		bind(keyEnter, "ENTER", "Open", "opens what is selected", func() {
			if l.at < len(l.choices) {
				l.choices[l.at].do()
			}
		}),
	}
}

func (l *list) draw(c canvas, focused bool) {
	if l.at < l.top {
		l.top = l.at
	}
	if l.at >= l.top+c.h {
		l.top = l.at - c.h + 1
	}
	column := 0
	for _, ch := range l.choices {
		column = max(column, width(c.look.clean(ch.word)))
	}
	for y := 0; y < c.h && l.top+y < len(l.choices); y++ {
		i := l.top + y
		ch, style, mark := l.choices[i], normal, "  "
		if i == l.at {
			style, mark = marked, "> "
			if focused {
				style = chosen
			}
		}
		if l.numbered {
			mark += strconv.Itoa(i+1) + "  "
		}
		x := c.put(0, y, mark+ch.word, style)
		if i == l.at {
			c.put(x, y, strings.Repeat(" ", max(column+width(mark)-x, 0)+1), style)
		}
		if ch.note != "" {
			x = column + width(mark) + 3
			c.put(x, y, c.look.fit(c.look.clean(ch.note), c.w-x), normal)
		}
	}
}

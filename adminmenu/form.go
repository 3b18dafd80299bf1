package adminmenu

import (
	"strings"
)

// field is one line to type in.
type field struct {
	label  string
	value  []rune
	secret bool // shown as asterisks, and forgotten with forget
	limit  int  // characters; 0: 256

	at    int // cursor
	left  int // first character shown
	begun string
}

// maxField is how many characters a field takes unless it says otherwise.
const maxField = 256

// newField makes a field with a value to begin with.
func newField(label, value string) *field {
	v := []rune(value)
	return &field{label: label, value: v, at: len(v), begun: value}
}

// secretField makes a field for a password.
func secretField(label string) *field { return &field{label: label, secret: true} }

// String is what was typed, without blanks around it unless it is a secret.
func (f *field) String() string {
	if f.secret {
		return string(f.value)
	}
	return strings.TrimSpace(string(f.value))
}

// changed reports whether a person typed here.
func (f *field) changed() bool { return string(f.value) != f.begun }

// forget overwrites what was typed.
func (f *field) forget() {
	clear(f.value[:cap(f.value)])
	f.value, f.at, f.left = f.value[:0], 0, 0
}

// insert puts text at the cursor. Line ends in it, which pasting brings, count
// for nothing.
func (f *field) insert(s string) {
	limit := f.limit
	if limit == 0 {
		limit = maxField
	}
	for _, r := range s {
		if len(f.value) >= limit {
			return
		}
		if r == '\t' {
			r = ' '
		}
		if r < ' ' || r == 0x7f {
			continue
		}
		f.grow()
		f.value = append(f.value, 0)
		copy(f.value[f.at+1:], f.value[f.at:])
		f.value[f.at] = r
		f.at++
	}
}

// grow makes room without leaving a copy of a secret behind.
func (f *field) grow() {
	if len(f.value) < cap(f.value) {
		return
	}
	larger := make([]rune, len(f.value), 2*cap(f.value)+32)
	copy(larger, f.value)
	clear(f.value)
	f.value = larger
}

func (f *field) remove(from, to int) {
	from, to = max(from, 0), min(to, len(f.value))
	if from >= to {
		return
	}
	n := copy(f.value[from:], f.value[to:])
	clear(f.value[from+n:])
	f.value, f.at = f.value[:from+n], from
}

func (f *field) edit(k key) bool {
	switch k {
	case keyBackspace:
		f.remove(f.at-1, f.at)
	case keyDelete:
		f.remove(f.at, f.at+1)
	case keyLeft:
		f.at = max(f.at-1, 0)
	case keyRight:
		f.at = min(f.at+1, len(f.value))
	case keyHome, keyCtrlA:
		f.at = 0
	case keyEnd, keyCtrlE:
		f.at = len(f.value)
	case keyCtrlU:
		f.remove(0, f.at)
	case keyCtrlW:
		from := f.at
		for from > 0 && f.value[from-1] == ' ' {
			from--
		}
		for from > 0 && f.value[from-1] != ' ' {
			from--
		}
		f.remove(from, f.at)
	default:
		r, ok := k.rune()
		if ok {
			f.insert(string(r))
		}
		return ok
	}
	return true
}

// draw shows the part of the value around the cursor.
func (f *field) draw(c canvas, focused bool) {
	show := func(from, to int) string {
		if f.secret {
			return strings.Repeat("*", to-from)
		}
		return c.look.clean(string(f.value[from:to]))
	}
	room := max(c.w-3, 1) // brackets, and the cursor behind the end
	f.left = min(f.left, f.at)
	for width(show(f.left, f.at)) >= room && f.left < f.at {
		f.left++
	}
	end := f.left
	for end < len(f.value) && width(show(f.left, end+1)) <= room {
		end++
	}
	style := entry
	if focused {
		style = chosen
	}
	c.put(0, 0, "[", normal)
	c.sub(1, 0, room+1, 1).fill(0, 0, style)
	c.put(1, 0, show(f.left, end), style)
	c.put(c.w-1, 0, "]", normal)
	if focused {
		c.screen.ShowCursor(c.x+1+width(show(f.left, f.at)), c.y)
	}
}

// form is fields, one below the other.
type form struct {
	fields []*field
	at     int
	done   func() // ENTER in the last field
	hint   string // what the footer calls that; empty: Ok
}

// changed reports whether a person typed anywhere.
func (f *form) changed() bool {
	for _, one := range f.fields {
		if one.changed() {
			return true
		}
	}
	return false
}

// forget overwrites what was typed.
func (f *form) forget() {
	for _, one := range f.fields {
		one.forget()
	}
}

func (f *form) height(look, int) int { return 2*len(f.fields) - 1 }

func (f *form) typed(k key) bool { return f.fields[f.at].edit(k) }

func (f *form) typing() bool { return true }

func (f *form) paste(s string) { f.fields[f.at].insert(s) }

func (f *form) move(by int) bool {
	if next := f.at + by; next >= 0 && next < len(f.fields) {
		f.at = next
		return true
	}
	return false
}

func (f *form) enter(by int) {
	f.at = 0
	if by < 0 {
		f.at = len(f.fields) - 1
	}
}

func (f *form) bindings() []binding {
	hint := f.hint
	if hint == "" {
		hint = wordOk
	}
	return []binding{
		bind(keyEnter, "ENTER", hint, "goes to the next field, and after the last one finishes", func() {
			if !f.move(1) {
				f.done()
			}
		}),
		{keys: []key{keyUp, keyDown}, name: "Up/Down", help: "moves between fields", do: func(k key) {
			if k == keyUp {
				f.move(-1)
			} else {
				f.move(1)
			}
		}},
	}
}

func (f *form) draw(c canvas, focused bool) {
	column := 0
	for _, one := range f.fields {
		column = max(column, width(c.look.clean(one.label)))
	}
	if column > 0 {
		column = min(column+2, c.w/2)
	}
	top := 0
	if 2*f.at >= c.h { // few rows: follow the cursor
		top = 2*f.at - c.h + 1
	}
	for i, one := range f.fields {
		y := 2*i - top
		if y < 0 || y >= c.h {
			continue
		}
		c.put(0, y, c.look.fit(c.look.clean(one.label), column), normal)
		one.draw(c.sub(column, y, c.w-column, 1), focused && i == f.at)
	}
}

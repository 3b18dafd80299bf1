package adminmenu

import (
	"strings"
	"unicode"
)

// picker is a field whose value is one of some words.
type picker struct {
	field *field
	words []string
	at    int
}

// newPicker makes a picker that begins with the first word.
func newPicker(label string, words []string) *picker {
	p := &picker{words: words}
	p.field = newField(label, p.shown())
	return p
}

// word is the chosen one.
func (p *picker) word() string { return p.words[p.at] }

func (p *picker) shown() string { return "< " + p.words[p.at] + " >" }

// pick goes on by so many words, around the end.
func (p *picker) pick(by int) {
	p.at = (p.at + by + len(p.words)) % len(p.words)
	p.field.value = []rune(p.shown())
	p.field.at = 0
}

// letter goes to the next word that begins with a letter.
func (p *picker) letter(r rune) bool {
	for n := 1; n <= len(p.words); n++ {
		if strings.HasPrefix(p.words[(p.at+n)%len(p.words)], string(unicode.ToLower(r))) {
			p.pick(n)
			return true
		}
	}
	return false
}

// pickForm is a form with one field that is a picker's.
type pickForm struct {
	form
	picker *picker
}

// picking reports whether the picker has the focus.
func (f *pickForm) picking() bool { return f.fields[f.at] == f.picker.field }

func (f *pickForm) typing() bool { return !f.picking() }

func (f *pickForm) typed(k key) bool {
	if !f.picking() {
		return f.form.typed(k)
	}
	r, ok := k.rune()
	return ok && r != ' ' && f.picker.letter(r)
}

func (f *pickForm) paste(s string) {
	if !f.picking() {
		f.form.paste(s)
	}
}

func (f *pickForm) bindings() []binding {
	all := f.form.bindings()
	if !f.picking() {
		return all
	}
	return append(all, binding{keys: []key{keyLeft, keyRight, keySpace}, name: "Left/Right", hint: "Choose", help: "chooses; Space and the first letter do too", do: func(k key) {
		if k == keyLeft {
			f.picker.pick(-1)
		} else {
			f.picker.pick(1)
		}
	}})
}

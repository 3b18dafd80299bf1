package adminmenu

import "slices"

// key is a key by its name: a character as itself, the others by the words
// below.
type key string

// Names of keys that are no characters.
const (
	keyEnter     key = "enter"
	keyEsc       key = "esc"
	keyTab       key = "tab"
	keyBackTab   key = "backtab"
	keyUp        key = "up"
	keyDown      key = "down"
	keyLeft      key = "left"
	keyRight     key = "right"
	keyHome      key = "home"
	keyEnd       key = "end"
	keyPgUp      key = "pgup"
	keyPgDn      key = "pgdn"
	keyBackspace key = "backspace"
	keyDelete    key = "delete"
	keySpace     key = " "
	keyCtrlA     key = "ctrl-a"
	keyCtrlE     key = "ctrl-e"
	keyCtrlL     key = "ctrl-l"
	keyCtrlU     key = "ctrl-u"
	keyCtrlW     key = "ctrl-w"
)

// rune is the character of a key; false: it is none.
func (k key) rune() (rune, bool) {
	r := []rune(string(k))
	if len(r) != 1 {
		return 0, false
	}
	return r[0], true
}

// binding is what keys do now. The tables of bindings are the only place where
// keys get a meaning: handling, the footer and the help window are made of
// them.
type binding struct {
	keys []key
	name string // in footer and help: "ENTER", "Up/Down"
	hint string // in the footer, a word or two; empty: only in help
	help string // in help, a sentence
	do   func(key)
}

func (b binding) has(k key) bool { return slices.Contains(b.keys, k) }

// bind is a binding for one key.
func bind(k key, name, hint, help string, do func()) binding {
	return binding{keys: []key{k}, name: name, hint: hint, help: help, do: func(key) { do() }}
}

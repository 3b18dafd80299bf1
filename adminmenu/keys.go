package adminmenu

import (
	"unicode"

	"github.com/gdamore/tcell/v2"
)

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

// keyOf reads what the screen library says. Both backspaces are one key,
// Ctrl-C is Esc, a line feed is ENTER, and what the menu has no use for is
// empty.
func keyOf(e *tcell.EventKey) key {
	switch e.Key() {
	case tcell.KeyRune:
		if unicode.IsPrint(e.Rune()) {
			return key(e.Rune())
		}
		return ""
	case tcell.KeyEnter, tcell.KeyCtrlJ:
		return keyEnter
	case tcell.KeyEsc, tcell.KeyCtrlC:
		return keyEsc
	case tcell.KeyTab:
		if e.Modifiers()&tcell.ModShift != 0 {
			return keyBackTab
		}
		return keyTab
	case tcell.KeyBacktab:
		return keyBackTab
	case tcell.KeyUp:
		return keyUp
	case tcell.KeyDown:
		return keyDown
	case tcell.KeyLeft:
		return keyLeft
	case tcell.KeyRight:
		return keyRight
	case tcell.KeyHome:
		return keyHome
	case tcell.KeyEnd:
		return keyEnd
	case tcell.KeyPgUp, tcell.KeyCtrlB:
		return keyPgUp
	case tcell.KeyPgDn, tcell.KeyCtrlF:
		return keyPgDn
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		return keyBackspace
	case tcell.KeyDelete, tcell.KeyCtrlD:
		return keyDelete
	case tcell.KeyCtrlA:
		return keyCtrlA
	case tcell.KeyCtrlE:
		return keyCtrlE
	case tcell.KeyCtrlL:
		return keyCtrlL
	case tcell.KeyCtrlU:
		return keyCtrlU
	case tcell.KeyCtrlW:
		return keyCtrlW
	}
	return ""
}

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

func (b binding) has(k key) bool {
	for _, own := range b.keys {
		if own == k {
			return true
		}
	}
	return false
}

// bind is a binding for one key.
func bind(k key, name, hint, help string, do func()) binding {
	return binding{keys: []key{k}, name: name, hint: hint, help: help, do: func(key) { do() }}
}

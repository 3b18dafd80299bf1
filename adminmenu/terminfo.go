package adminmenu

import (
	"strings"
	"sync"

	"github.com/gdamore/tcell/v2/terminfo"
	_ "github.com/gdamore/tcell/v2/terminfo/extended" // the table of terminals
)

// fallback is what an unknown terminal counts as: every one of today
// understands its moves, and what it does not know it ignores.
const fallback = "xterm-256color"

// aliases names terminals that the table lacks by one that it has.
func aliases() map[string]string {
	return map[string]string{
		"dumb": "vt100", "": "vt100", "unknown": "vt100", "network": "vt100",
		"putty": "xterm", "putty-256color": fallback, "ms-terminal": fallback, "wezterm": fallback,
		"screen.xterm-256color": "screen-256color", "screen-bce": "screen", "xterm-color": "xterm",
	}
}

// terminals reads the table once. A look into it while sessions run would write
// to entries that sessions share, when the daemon's own environment asks for
// more colours.
var terminals = sync.OnceValue(func() map[string]terminfo.Terminfo {
	all := make(map[string]terminfo.Terminfo)
	for _, name := range terminfo.TerminfoNames() {
		if ti, err := terminfo.LookupTerminfo(name); err == nil {
			all[name] = *ti
		}
	}
	return all
})

// describe finds a terminal in the built-in table, and nowhere else: the name
// comes from the person's side, and must never become an argument of a program.
// The description is a copy of the session's own, because the library writes to
// it, and leaves out what the menu does not use: no waiting for slow paper
// terminals, no mouse, no keyboard protocols that some terminals print instead
// of obeying.
func describe(name string) *terminfo.Terminfo {
	all := terminals()
	if other, ok := aliases()[name]; ok {
		name = other
	}
	ti, found := all[name]
	if !found {
		ti = all[fallback]
	}
	ti.Name = "menu" // the library guesses more by the name
	ti.XTermLike = false
	ti.Mouse = ""
	ti.PadChar = ""
	return &ti
}

// plain reports a terminal that is not trusted to know line drawing in UTF-8,
// or colours.
func plain(name string) bool {
	for _, p := range []string{"dumb", "unknown", "network", "vt", "ansi", "pcansi", "sun", "cygwin", "dtterm", "emacs", "eterm"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return name == ""
}

// pastes reports a terminal that marks what is pasted when it is asked to, so
// that a pasted line end presses nothing.
func pastes(name string) bool {
	return !plain(name) && name != "linux" && !strings.HasPrefix(name, "kterm")
}

package adminmenu

import "io"

// Terminal is what a menu is drawn on.
type Terminal struct {
	Name    string // TERM of the person's terminal; an unknown one counts as xterm-256color
	Size    func() (columns, rows int)
	Resized <-chan struct{} // one signal, at most, waits
	In      io.Reader       // its end, or an error, ends the menu
	Out     io.Writer
	ASCII   bool // borders of - | +, and no character beyond ASCII
	Mono    bool // no colour
}

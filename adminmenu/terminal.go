package adminmenu

import "io"

// Terminal is what a menu is drawn on. In and Out have to return when the
// person's connection is gone; the menu does not close them, and what it reads
// last may be lost.
type Terminal struct {
	Name    string // TERM of the person's terminal; an unknown one counts as xterm-256color
	Size    func() (columns, rows int)
	Resized <-chan struct{} // one signal, at most, waits
	In      io.Reader       // its end, or an error, ends the menu
	Out     io.Writer
	ASCII   bool // borders of - | +, and no character beyond ASCII
	Mono    bool // no colour
}

// The smallest terminal that every window is whole on.
const (
	minColumns = 80
	minRows    = 24
)

// size is the terminal's size now; one that does not know is taken for the
// smallest.
func (t Terminal) size() (columns, rows int) {
	if t.Size != nil {
		columns, rows = t.Size()
	}
	if columns <= 0 || rows <= 0 {
		return minColumns, minRows
	}
	return min(columns, 1000), min(rows, 500)
}

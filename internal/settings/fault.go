package settings

import (
	"fmt"
	"strings"

	"vedette/internal/foreign"
)

// maxFaults is how many faults one Error spells out.
const maxFaults = 50

// Fault is one thing that is wrong in a file.
type Fault struct {
	File         string
	Line, Column int // from 1; the column counts bytes
	Text         string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", foreign.Line(f.File), f.Line, f.Column, foreign.Line(f.Text))
}

// Error is everything that is wrong in a file, in its order.
type Error struct{ Faults []Fault }

// Error puts each fault on a line of its own.
func (e *Error) Error() string {
	var b strings.Builder
	for i, f := range e.Faults {
		if i == maxFaults {
			fmt.Fprintf(&b, "\nand %d more", len(e.Faults)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String())
	}
	return b.String()
}

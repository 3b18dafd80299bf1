package adminmenu

import (
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"

	"vedette/internal/foreign"
)

// look is how a menu session draws. It can change while the menu runs.
type look struct {
	ascii bool
	mono  bool
}

// ink is what a text means; look says how that looks. No state is told by ink
// alone: the words say it.
type ink int

const (
	normal  ink = iota
	strong      // titles, headings
	faint       // what explains
	edge        // borders
	warning     // needs a person soon
	bad         // needs a person now
	chosen      // where the keys go
	marked      // chosen, while the keys go elsewhere
	entry       // a field to type in
	notice      // speaks over everything
)

// style gives ink its attributes, and one of the 16 ANSI colours where colour
// is wanted.
func (l look) style(i ink) tcell.Style {
	s := tcell.StyleDefault
	if l.mono {
		switch i {
		case strong, warning, bad:
			return s.Bold(true)
		case chosen, notice:
			return s.Reverse(true)
		case marked, entry:
			return s.Underline(true)
		}
		return s
	}
	switch i {
	case strong:
		return s.Bold(true)
	case edge:
		return s.Foreground(tcell.ColorTeal)
	case warning:
		return s.Foreground(tcell.ColorOlive).Bold(true)
	case bad:
		return s.Foreground(tcell.ColorRed).Bold(true)
	case chosen:
		return s.Foreground(tcell.ColorWhite).Background(tcell.ColorNavy).Bold(true)
	case marked, entry:
		return s.Underline(true)
	case notice:
		return s.Foreground(tcell.ColorBlack).Background(tcell.ColorOlive)
	}
	return s
}

// maxText bounds what is looked at of one text.
const maxText = 16 << 10

// clean is the gate of every text on its way to the screen: nothing in it can
// steer a terminal, and on a plain terminal nothing is beyond ASCII. Cleaning
// twice changes nothing.
func (l look) clean(s string) string {
	s = foreign.Clean(foreign.Bounded(s, maxText))
	if !l.ascii {
		return s
	}
	if strings.IndexFunc(s, beyondASCII) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !beyondASCII(r):
			b.WriteRune(r)
		case r == '…':
			b.WriteString("...")
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

func beyondASCII(r rune) bool { return r >= 0x7f }

// width is how many columns a clean text takes.
func width(s string) int { return uniseg.StringWidth(s) }

// border is what frames are made of.
type border struct{ h, v, tl, tr, bl, br, left, right string }

func (l look) border() border {
	if l.ascii {
		return border{"-", "|", "+", "+", "+", "+", "+", "+"}
	}
	return border{"─", "│", "┌", "┐", "└", "┘", "├", "┤"}
}

// canvas is a rectangle of the screen to draw in. Nothing gets out of it.
type canvas struct {
	screen     tcell.Screen
	look       look
	x, y, w, h int
}

// sub is a part of a canvas.
func (c canvas) sub(x, y, w, h int) canvas {
	x, y = max(x, 0), max(y, 0)
	return canvas{c.screen, c.look, c.x + x, c.y + y, max(min(w, c.w-x), 0), max(min(h, c.h-y), 0)}
}

// put writes a text and returns the columns that it took. There is no markup:
// the text is cleaned and goes into cells as it is. What has no room is cut.
func (c canvas) put(x, y int, text string, i ink) int {
	if y < 0 || y >= c.h || x < 0 {
		return 0
	}
	begin, style := x, c.look.style(i)
	for rest := c.look.clean(text); rest != ""; {
		cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		rest = after
		if w == 0 {
			continue // has no shape of its own
		}
		if x+w > c.w {
			break
		}
		c.screen.Put(c.x+x, c.y+y, cluster, style)
		for n := 1; n < w; n++ {
			c.screen.Put(c.x+x+n, c.y+y, " ", style)
		}
		x += w
	}
	return x - begin
}

// fill gives a row its ink from x to the end.
func (c canvas) fill(x, y int, i ink) {
	if x < c.w {
		c.put(x, y, strings.Repeat(" ", c.w-x), i)
	}
}

// fit cuts a clean text to a width, and says by an ellipsis that it was cut.
func (l look) fit(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	dots := l.clean("…")
	if columns < width(dots) {
		return ""
	}
	var b strings.Builder
	used := 0
	for rest := s; rest != ""; {
		cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		if used+w > columns-width(dots) {
			break
		}
		b.WriteString(cluster)
		used, rest = used+w, after
	}
	return b.String() + dots
}

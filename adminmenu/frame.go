package adminmenu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// frame is the whole screen as the screen library draws it: the border with
// title, the window on top in it, the footer.
type frame struct {
	*tview.Box
	menu *menuSession
}

// Draw draws the screen from the session's state.
func (f *frame) Draw(screen tcell.Screen) { f.menu.guarded(func() { f.menu.draw(screen) }) }

const tooSmallText = "terminal too small (80x24 needed)"

func (s *menuSession) tooSmall() bool {
	columns, rows := s.screen.Size()
	return columns < minColumns || rows < minRows
}

func (s *menuSession) draw(screen tcell.Screen) {
	columns, rows := screen.Size()
	screen.HideCursor()
	all := canvas{screen, s.look, 0, 0, columns, rows}
	w := s.top()
	if w == nil || s.ended {
		return
	}
	if s.tooSmall() {
		parts := wrap(tooSmallText, columns)
		for y, part := range parts {
			all.put(0, max(rows-len(parts), 0)/2+y, part, normal)
		}
		return
	}
	w.draw(all.sub(2, 1, columns-4, rows-3))
	s.drawBorder(all.sub(0, 0, columns, rows-1), w)
	s.drawFooter(all.sub(0, rows-1, columns, 1))
}

func (s *menuSession) drawBorder(c canvas, w *window) {
	b := s.look.border()
	line := strings.Repeat(b.h, c.w-2)
	c.put(0, 0, b.tl+line+b.tr, edge)
	c.put(0, c.h-1, b.bl+line+b.br, edge)
	for y := 1; y < c.h-1; y++ {
		c.put(0, y, b.v, edge)
		c.put(c.w-1, y, b.v, edge)
	}
	if rows := w.buttonRows(c.w - 4); rows > 0 {
		c.put(0, c.h-2-rows, b.left+line+b.right, edge)
	}
	title := " " + s.look.clean(w.title) + " "
	c.put(2, 0, title, strong)
	where := s.look.clean(s.config.Host)
	if s.config.Product != "" {
		where = s.look.clean(s.config.Product) + " - " + where
	}
	if room := c.w - 6 - width(title); room > 8 && where != "" {
		where = " " + s.look.fit(where, room-2) + " "
		c.put(c.w-2-width(where), 0, where, normal)
	}
	right := ""
	if w.text.scrolls() {
		right = fmt.Sprintf(" lines %d-%d of %d ", w.text.top+1, min(w.text.top+w.text.room, w.text.rows), w.text.rows)
		c.put(c.w-2-len(right), c.h-1, right, strong)
	}
	if s.notice != "" {
		c.put(2, c.h-1, " "+s.look.fit(s.look.clean(s.notice), c.w-8-len(right))+" ", notice)
	}
}

// drawFooter names the keys that are valid now, as far as they have room.
func (s *menuSession) drawFooter(c canvas) {
	var hints []binding
	seen := map[key]bool{}
	for _, b := range s.bindings() {
		fresh := false
		for _, k := range b.keys {
			fresh = fresh || !seen[k]
			seen[k] = true
		}
		if b.hint != "" && fresh {
			b.hint = s.look.clean(b.hint)
			hints = append(hints, b)
		}
	}
	hints, gap := fitHints(hints, c.w-1)
	x := 1
	for _, b := range hints {
		x += c.put(x, 0, b.name, strong)
		x += 1 + c.put(x+1, 0, b.hint, normal) + gap
	}
}

// fitHints makes the footer fit a width: closer first, and then without the last
// hints but those that say how to get out, and how to get help.
func fitHints(hints []binding, room int) (fitting []binding, gap int) {
	for gap = 3; ; {
		columns := -gap
		for _, b := range hints {
			columns += width(b.name) + 1 + width(b.hint) + gap
		}
		if columns <= room {
			return hints, gap
		}
		if gap > 2 {
			gap--
			continue
		}
		last := len(hints) - 1
		for last > 0 && (slices.Contains(hints[last].keys, keyEsc) || hints[last].name == "?") {
			last--
		}
		hints = slices.Delete(hints, last, last+1)
	}
}

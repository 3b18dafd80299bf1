package adminmenu

import (
	"cmp"
	"strings"

	"github.com/rivo/uniseg"
)

// line is one paragraph of a text: a label, when it has one, and what follows
// it, wrapped beside the label.
type line struct {
	label string
	text  string
	ink   ink
}

// labelWidth is the column at which text beside labels begins.
const labelWidth = 16

// Builders of lines.
func words(text string) line        { return line{text: text} }
func heading(text string) line      { return line{text: text, ink: strong} }
func warn(text string) line         { return line{text: text, ink: warning} }
func alarm(text string) line        { return line{text: text, ink: bad} }
func value(label, text string) line { return line{label: label, text: text} }
func item(text string) line         { return line{label: "-", text: text} }
func blank() line                   { return line{} }

// row is a line as it stands on the screen.
type row struct {
	label, text string
	at          int // column of text
	ink         ink
}

// layout wraps lines to a width.
func (l look) layout(lines []line, columns int) []row {
	var rows []row
	for _, ln := range lines {
		at := 0
		label := l.clean(ln.label)
		switch {
		case label == "":
		case label == "-":
			at = 2
		default:
			at = max(labelWidth, width(label)+1)
			if at > columns/2 {
				rows = append(rows, row{text: label, ink: ln.ink})
				label, at = "", 2
			}
		}
		for i, part := range wrap(l.clean(ln.text), columns-at) {
			r := row{text: part, at: at, ink: ln.ink}
			if i == 0 {
				r.label = label
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// wrap breaks a clean text into parts of at most columns: between words, in a
// fingerprint between groups, and within a word only where nothing else helps.
// Nothing but the blanks at a break is left out.
func wrap(s string, columns int) []string {
	columns = max(columns, 1)
	if width(s) <= columns {
		return []string{s}
	}
	var parts []string
	rest := ""
	for _, word := range strings.Split(s, " ") {
		joined := word
		if rest != "" {
			joined = rest + " " + word
		}
		if width(joined) <= columns {
			rest = joined
			continue
		}
		if rest != "" {
			parts = append(parts, rest)
		}
		for width(word) > columns {
			head := breakWord(word, columns)
			parts = append(parts, head)
			word = word[len(head):]
		}
		rest = word
	}
	return append(parts, rest)
}

// breakWord is the beginning of a word that fits: up to a colon when there is
// one, 16 groups of a fingerprint at a time where they have room, else 8. A name
// breaks behind what joins its parts, unless half of the line were empty then.
func breakWord(word string, columns int) string {
	for _, groups := range []int{16, 8} {
		if n := 3 * groups; columns >= n && len(word) > n && strings.Count(word[:n], ":") == groups && word[n-1] == ':' {
			return word[:n]
		}
	}
	used, end, colon, joint := 0, 0, 0, 0
	for rest := word; rest != ""; {
		cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		if used+w > columns && end > 0 {
			break
		}
		used, end, rest = used+w, end+len(cluster), after
		switch {
		case cluster == ":":
			colon = end
		case strings.Contains("-._@/", cluster) && 2*used >= columns:
			joint = end
		}
	}
	return word[:cmp.Or(colon, joint, end)]
}

// text is lines that scroll.
type text struct {
	lines []line
	top   int // first row shown
	rows  int // at the last drawing
	room  int // at the last drawing
}

// set exchanges the lines and keeps what is shown in place.
func (t *text) set(lines []line) { t.lines = lines }

// height is the rows that the text takes at a width.
func (t *text) height(l look, columns int) int { return len(l.layout(t.lines, columns)) }

func (t *text) draw(c canvas) {
	rows := c.look.layout(t.lines, c.w)
	t.rows, t.room = len(rows), c.h
	t.top = max(min(t.top, t.rows-t.room), 0)
	for y := 0; y < c.h && t.top+y < len(rows); y++ {
		r := rows[t.top+y]
		c.put(0, y, r.label, r.ink)
		c.put(r.at, y, r.text, r.ink)
	}
}

// scrolls reports whether not all of it can be seen at once.
func (t *text) scrolls() bool { return t.rows > t.room }

func (t *text) scroll(by int) { t.top = max(min(t.top+by, t.rows-t.room), 0) }

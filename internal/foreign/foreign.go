// Package foreign is the one gate for text that came from outside: names that
// hosts and certificates gave themselves, what a peer answered, what a file
// says. Every place that shows such text to a person, in a terminal, a log or
// a list, passes it through here first. Storage keeps the text as it came, and
// the web escapes by its templates besides.
//
// Nothing is dropped: what could steer a terminal, forge a line or hide itself
// becomes visible as \u{1b}. A backslash stays a backslash, so the result is
// for reading, not for parsing back.
package foreign

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine is the most bytes that Line returns.
const MaxLine = 1024

const ellipsis = "…"

// Clean makes visible, as \u{..}: control characters (C0, DEL, C1), bytes that
// are not UTF-8, and everything of the Unicode classes that reorder, join or
// hide text without a shape of their own: bidirectional controls, zero-width
// characters, byte order marks, tags, line and paragraph separators. Tab and
// newline are control characters here.
func Clean(s string) string {
	dirty := strings.IndexFunc(s, hidden)
	if dirty < 0 {
		return s // the usual case: a wrong byte decodes to U+FFFD, which is hidden
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:dirty])
	for s = s[dirty:]; s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			escape(&b, rune(s[0]))
		case r != utf8.RuneError && hidden(r):
			escape(&b, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func escape(b *strings.Builder, r rune) {
	b.WriteString(`\u{`)
	b.WriteString(strconv.FormatInt(int64(r), 16))
	b.WriteByte('}')
}

// hidden reports what may not reach a screen as it is. U+FFFD is among them
// only so that Clean looks closer.
func hidden(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r < 0xad:
		return false
	case r == utf8.RuneError:
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0: // fillers: letters without a shape
		return true
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // variation selectors can carry hidden bytes
		return true
	case r == 0x2800: // braille blank
		return true
	}
	// Cf: bidi and zero-width controls, byte order mark, soft hyphen, tags.
	// Zl, Zp: separators. Co, Cs: no agreed shape.
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Bounded cuts text to at most max bytes, between characters, and ends what
// was cut with an ellipsis. Text that fits is returned as it is; where not even
// the ellipsis has room nothing is left.
func Bounded(s string, max int) string {
	if len(s) <= max {
		return s
	}
	end := max - len(ellipsis)
	if end < 0 {
		return ""
	}
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// Line is what one line of a screen or a log gets: clean text of at most
// MaxLine bytes.
func Line(s string) string {
	// Cutting first keeps the work small for text of any size; no escape is
	// shorter than what it stands for.
	return Bounded(Clean(Bounded(s, MaxLine+utf8.UTFMax)), MaxLine)
}

package eventlog

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// sieve tells packages that cannot have a text in them from those that may, by
// their encoded bytes: decoding a package takes ten times as long as looking
// through it, and a text that is sought is in few of them.
type sieve struct {
	// word is a piece of the text that stands as it is in one value of an event,
	// but for its case; empty when there is none that could be looked for.
	word  []byte
	lower []byte // the last body that was looked through, kept for its space
}

// unASCII are the characters beyond ASCII whose lower case is within it.
var unASCII = [...][]byte{[]byte("\u0130"), []byte("\u212a")} // a dotted I, and the sign of kelvin

// newSieve is for a text in lower case. Arguments are looked through as they are
// joined by spaces too, so what has none is what lies within one of them.
func newSieve(text string) sieve {
	longest := ""
	for piece := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r >= utf8.RuneSelf }) {
		if len(piece) > len(longest) {
			longest = piece
		}
	}
	return sieve{word: []byte(longest)}
}

// may says whether an encoded body could have the text.
func (s *sieve) may(body []byte) bool {
	if len(s.word) == 0 {
		return true
	}
	s.lower = append(s.lower[:0], body...)
	for i, c := range s.lower {
		if c-'A' < 26 {
			s.lower[i] = c + 'a' - 'A'
		}
	}
	if bytes.Contains(s.lower, s.word) {
		return true
	}
	for _, c := range unASCII {
		if bytes.Contains(body, c) {
			return true
		}
	}
	return false
}

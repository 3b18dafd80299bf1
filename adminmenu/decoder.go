package adminmenu

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// input is a key, or a text that was pasted.
type input struct {
	key   key
	paste string
}

// Bounds on what is kept of one sequence, and of one pasted text.
const (
	maxSequence = 32
	maxPaste    = 16 << 10
)

// decoder makes keys of the bytes that terminals send: ECMA-48 as xterm, VT and
// the Linux console speak it. Whatever comes, it keeps little of it; what it
// does not know it drops whole, so that no part of it counts as keys.
type decoder struct {
	emit  func(input)
	state decoderState
	kept  []byte // parameters of a sequence, bytes of a character
	cr    bool   // a carriage return came last
	text  []byte // being pasted; nil: nothing is
}

type decoderState int

const (
	ground    decoderState = iota
	escaped                // after Esc
	csi                    // after Esc [
	ss3                    // after Esc O
	linuxKey               // after Esc [ [
	str                    // in a string that Esc ] and others begin
	strEscape              // after an Esc in it
)

// waiting reports an Esc that may be a key of its own.
func (d *decoder) waiting() bool { return d.state == escaped }

// alone makes a key of an Esc that nothing followed.
func (d *decoder) alone() {
	d.state = ground
	d.key(keyEsc)
}

// key emits a key, unless a text is being pasted.
func (d *decoder) key(k key) {
	if d.text == nil {
		d.emit(input{key: k})
	}
}

// feed takes one byte.
func (d *decoder) feed(b byte) {
	switch d.state {
	case escaped:
		d.escaped(b)
	case csi:
		d.csi(b)
	case ss3:
		d.state = ground
		d.ss3(b)
	case linuxKey:
		d.state = ground
	case str:
		switch b {
		case 0x07, 0x18:
			d.state = ground
		case 0x1b:
			d.state = strEscape
		}
	case strEscape:
		if d.state = str; b == '\\' {
			d.state = ground
		}
	default:
		d.ground(b)
	}
}

func (d *decoder) escaped(b byte) {
	switch b {
	case '[':
		d.state, d.kept = csi, d.kept[:0]
	case 'O':
		d.state = ss3
	case ']', 'P', 'X', '^', '_':
		d.state = str
	case 0x1b:
		d.key(keyEsc) // two in a row
	default: // Esc, and a key right behind it: what Alt sends
		d.state = ground
		d.key(keyEsc)
		d.ground(b)
	}
}

func (d *decoder) ground(b byte) {
	after := d.cr
	d.cr = b == '\r'
	if d.text != nil && b != 0x1b {
		if len(d.text) < maxPaste {
			d.text = append(d.text, b)
		}
		return
	}
	switch b {
	case 0x1b:
		d.state, d.kept = escaped, d.kept[:0]
	case '\r':
		d.key(keyEnter)
	case '\n':
		if !after { // else the second half of a line end
			d.key(keyEnter)
		}
	case '\t':
		d.key(keyTab)
	case 0x08, 0x7f:
		d.key(keyBackspace)
	case 0x03:
		d.key(keyEsc)
	case 0x01:
		d.key(keyCtrlA)
	case 0x02:
		d.key(keyPgUp)
	case 0x04:
		d.key(keyDelete)
	case 0x05:
		d.key(keyCtrlE)
	case 0x06:
		d.key(keyPgDn)
	case 0x0c:
		d.key(keyCtrlL)
	case 0x15:
		d.key(keyCtrlU)
	case 0x17:
		d.key(keyCtrlW)
	default:
		d.character(b)
	}
}

// character gathers the bytes of one.
func (d *decoder) character(b byte) {
	if b < utf8.RuneSelf {
		d.kept = d.kept[:0]
		if b >= ' ' {
			d.key(key(b))
		}
		return
	}
	if utf8.RuneStart(b) {
		d.kept = d.kept[:0]
	}
	d.kept = append(d.kept, b)
	if !utf8.FullRune(d.kept) {
		return
	}
	r, _ := utf8.DecodeRune(d.kept)
	d.kept = d.kept[:0]
	if r != utf8.RuneError && unicode.IsPrint(r) {
		d.key(key(r))
	}
}

func (d *decoder) csi(b byte) {
	switch {
	case b == 0x1b:
		d.state = escaped
		return
	case b < ' ':
		return
	case b < 0x40:
		if len(d.kept) < maxSequence {
			d.kept = append(d.kept, b)
		}
		return
	case b == '[' && len(d.kept) == 0:
		d.state = linuxKey
		return
	}
	d.state = ground
	args := string(d.kept)
	d.kept = d.kept[:0]
	switch {
	case b == '~':
		first, _, _ := strings.Cut(args, ";")
		number, _ := strconv.Atoi(first)
		d.numbered(number)
	case args == "" || args[0] >= '0' && args[0] <= ';':
		d.lettered(b)
	}
}

// numbered is Esc [ NUMBER ~.
func (d *decoder) numbered(number int) {
	switch number {
	case 1, 7:
		d.key(keyHome)
	case 3:
		d.key(keyDelete)
	case 4, 8:
		d.key(keyEnd)
	case 5:
		d.key(keyPgUp)
	case 6:
		d.key(keyPgDn)
	case 200:
		d.text = []byte{}
	case 201:
		if d.text != nil {
			pasted := string(d.text)
			d.text = nil
			d.emit(input{paste: pasted})
		}
	}
}

// lettered is Esc [ LETTER, and Esc O LETTER for the same keys.
func (d *decoder) lettered(b byte) {
	switch b {
	case 'A':
		d.key(keyUp)
	case 'B':
		d.key(keyDown)
	case 'C':
		d.key(keyRight)
	case 'D':
		d.key(keyLeft)
	case 'H':
		d.key(keyHome)
	case 'F':
		d.key(keyEnd)
	case 'Z':
		d.key(keyBackTab)
	}
}

// ss3 is Esc O LETTER: cursor keys, and the numeric block as PuTTY sends it.
func (d *decoder) ss3(b byte) {
	switch {
	case b == 'M':
		d.key(keyEnter)
	case b >= 'p' && b <= 'y':
		d.key(key('0' + b - 'p'))
	case b >= 'j' && b <= 'o':
		d.key(key("*+,-./"[b-'j']))
	default:
		d.lettered(b)
	}
}

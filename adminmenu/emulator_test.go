package adminmenu

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// emulator is a small terminal: it obeys what the screen library sends, and
// notes as a fault everything else. Its cells are what a person would see.
type emulator struct {
	mu       sync.Mutex
	columns  int
	rows     int
	cells    [][]cell
	x, y     int
	attrs    string // parameters of the last SGR
	waiting  []byte // of a sequence whose rest has not come
	faults   []string
	written  int
	beyond   int // bytes over 0x7e
	shifted  int // changes to the other character set
	colours  bool
	cursor   bool
	scrolled []string // what was written on the ordinary screen
	left     bool     // the ordinary screen is on again
}

type cell struct{ text, attrs string }

func newEmulator(columns, rows int) *emulator {
	e := &emulator{}
	e.resize(columns, rows)
	return e
}

func (e *emulator) resize(columns, rows int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.columns, e.rows = columns, rows
	e.clear()
}

func (e *emulator) size() (columns, rows int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.columns, e.rows
}

func (e *emulator) clear() {
	e.cells = make([][]cell, e.rows)
	for y := range e.cells {
		e.cells[y] = make([]cell, e.columns)
	}
}

// Write takes what the menu sends.
func (e *emulator) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written += len(p)
	for _, b := range p {
		if b > 0x7e {
			e.beyond++
		}
	}
	e.waiting = append(e.waiting, p...)
	for len(e.waiting) > 0 {
		n := e.step(e.waiting)
		if n == 0 {
			break
		}
		e.waiting = e.waiting[n:]
	}
	return len(p), nil
}

func (e *emulator) fault(format string, args ...any) {
	e.faults = append(e.faults, fmt.Sprintf(format, args...))
}

// step obeys one character or sequence and returns its length; 0: the rest has
// not come.
func (e *emulator) step(p []byte) int {
	switch b := p[0]; {
	case b == 0x1b:
		return e.escape(p)
	case b == '\r':
		e.x = 0
	case b == '\n':
		e.y = min(e.y+1, e.rows-1)
	case b == '\b':
		e.x = max(e.x-1, 0)
	case b == 0x0e:
		e.shifted++
	case b == 0x0f: // the usual character set, as vt100 ends attributes
	case b < 0x20 || b == 0x7f:
		e.fault("control byte %#x", b)
	default:
		if !utf8.FullRune(p) {
			return 0
		}
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError || r >= 0x80 && r < 0xa0 {
			e.fault("character %#x", p[:n])
		}
		e.show(r)
		return n
	}
	return 1
}

func (e *emulator) show(r rune) {
	if e.left {
		e.scrolled = append(e.scrolled, string(r))
		return
	}
	w := uniseg.StringWidth(string(r))
	if w == 0 { // joins what stands before it
		if e.x > 0 && e.y < e.rows {
			e.cells[e.y][e.x-1].text += string(r)
		}
		return
	}
	if e.y < e.rows && e.x < e.columns {
		e.cells[e.y][e.x] = cell{string(r), e.attrs}
		for n := 1; n < w && e.x+n < e.columns; n++ {
			e.cells[e.y][e.x+n] = cell{"\x00", e.attrs}
		}
	}
	e.x += w
}

func (e *emulator) escape(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '[':
	case '(', ')':
		if len(p) < 3 {
			return 0
		}
		return 3
	case '=', '>', '7', '8':
		return 2
	default:
		e.fault("sequence %q", p[:2])
		return 2
	}
	end := 2
	for end < len(p) && (p[end] < 0x40 || p[end] > 0x7e) {
		end++
	}
	if end == len(p) {
		return 0
	}
	e.control(string(p[2:end]), p[end])
	return end + 1
}

func (e *emulator) control(args string, final byte) {
	number := func(i, otherwise int) int {
		parts := strings.Split(args, ";")
		if i >= len(parts) {
			return otherwise
		}
		if n, err := strconv.Atoi(parts[i]); err == nil {
			return n
		}
		return otherwise
	}
	switch {
	case final == 'm':
		if e.attrs = args; args == "" || args == "0" {
			e.attrs = ""
		}
		e.colour(strings.Split(args, ";"))
	case final == 'H':
		e.y, e.x = max(number(0, 1)-1, 0), max(number(1, 1)-1, 0)
	case final == 'J':
		e.clear()
	case final == 'h' || final == 'l':
		switch args {
		case "?1049", "?47":
			e.left = final == 'l'
			e.clear()
		case "?25", "?12", "?12;25", "?34;25", "34":
			e.cursor = final == 'h'
		case "?1", "?7", "?2004", "4": // cursor keys, margin, pasting, insertion
		default:
			e.fault("mode %q", args)
		}
	case final == 't' && (args == "22;0;0" || args == "23;0;0"): // keeps the title
	case final == 'r' && args == "": // no scrolling region
	case final == 'c' && (args == "?0" || args == "?1" || args == "?8"): // the cursor of the Linux console
	case final == 'q' && strings.HasSuffix(args, " "): // shape of the cursor
	default:
		e.fault("control sequence %q %c", args, final)
	}
}

// colour notes the colours in the parameters of an SGR.
func (e *emulator) colour(args []string) {
	for i := 0; i < len(args); i++ {
		switch n, _ := strconv.Atoi(args[i]); {
		case n == 38 || n == 48: // by number: 38;5;NUMBER
			e.colours = true
			if i+2 >= len(args) || args[i+1] != "5" || len(args[i+2]) > 2 || args[i+2] > "15" && len(args[i+2]) == 2 {
				e.fault("more than 16 colours: %q", args)
			}
			i += 2
		case n >= 30 && n <= 37, n >= 40 && n <= 47, n >= 90 && n <= 107:
			e.colours = true
		}
	}
}

// text is what stands on the screen, without blanks at the ends of lines.
func (e *emulator) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, row := range e.cells {
		var line strings.Builder
		for _, c := range row {
			switch c.text {
			case "":
				line.WriteByte(' ')
			case "\x00":
			default:
				line.WriteString(c.text)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// said is what was written on the ordinary screen.
func (e *emulator) said() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.scrolled, "")
}

// coloured reports whether anything was coloured since forgetColours.
func (e *emulator) coloured() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.colours
}

func (e *emulator) forgetColours() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.colours = false
}

func (e *emulator) trouble() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.faults
}

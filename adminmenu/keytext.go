package adminmenu

import (
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// keyText takes a public key, typed or pasted, on as many rows as it needs.
// ENTER ends a line and does nothing else: where a terminal pastes by typing,
// no line end in the text presses a button.
//
// Of a private key that comes by mistake nothing is kept, and what follows it
// is dropped until the person begins anew.
type keyText struct {
	value   field // with line ends
	private bool
	again   func() // ENTER in an empty line: a person expects more of it
}

// maxKeyText is how many characters are taken: an RSA key of 8192 bits has
// 1,400.
const maxKeyText = 4096

// privateMarks are what private keys begin with, in the formats of OpenSSH,
// OpenSSL and PuTTY, the first also without its first line.
var privateMarks = []string{"PRIVATE KEY-----", "b3BlbnNzaC1rZXktdjE", "PuTTY-User-Key-File", "Private-Lines:"}

// String is what was typed, without blanks and line ends around it.
func (t *keyText) String() string { return strings.TrimSpace(string(t.value.value)) }

// forget overwrites what was typed, and begins anew.
func (t *keyText) forget() {
	t.value.forget()
	t.private = false
}

// insert takes characters at the end.
func (t *keyText) insert(s string) {
	for _, r := range s {
		if t.private {
			return
		}
		switch {
		case r == '\t':
			r = ' '
		case r == '\n' && len(t.value.value) == 0, r < ' ' && r != '\n', r == 0x7f:
			continue
		}
		if len(t.value.value) >= maxKeyText {
			return
		}
		t.value.grow()
		t.value.value = append(t.value.value, r)
		t.watchOut(r)
	}
}

// watchOut looks whether the character that came last makes a private key of
// the text.
func (t *keyText) watchOut(last rune) {
	for _, mark := range privateMarks {
		m := []rune(mark)
		v := t.value.value
		if m[len(m)-1] == last && len(v) >= len(m) && slices.Equal(v[len(v)-len(m):], m) {
			t.value.forget()
			t.private = true
			return
		}
	}
}

func (t *keyText) typing() bool  { return true }
func (t *keyText) move(int) bool { return false }

// enter begins anew after a private key.
func (t *keyText) enter(int) {
	if t.private {
		t.forget()
	}
}

func (t *keyText) typed(k key) bool {
	switch k {
	case keyEnter:
		if v := t.value.value; !t.private && (len(v) == 0 || v[len(v)-1] == '\n') {
			return false
		}
		t.insert("\n")
	case keyBackspace:
		t.value.remove(len(t.value.value)-1, len(t.value.value))
	case keyCtrlU:
		t.forget()
	default:
		r, ok := k.rune()
		if ok {
			t.insert(string(r))
		}
		return ok
	}
	return true
}

func (t *keyText) paste(s string) {
	t.insert(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s))
}

func (t *keyText) bindings() []binding {
	return []binding{
		bind(keyCtrlU, "Ctrl-U", "Clear", "takes the whole text away", t.forget),
		bind(keyEnter, "ENTER", "", "ends a line; Tab goes to the buttons", t.again),
	}
}

// privateLines is what a person reads who pasted a private key.
func privateLines() []line {
	return []line{
		alarm("This is a private key. Nothing of it was kept, and nothing was done."), blank(),
		words("A private key stays with its owner. The public one is usually in the file beside it that ends in .pub."), blank(),
		words("Ctrl-U begins anew."),
	}
}

// rows are the rows of the text at a width, at least one.
func (t *keyText) rows(l look, columns int) []string {
	var rows []string
	for _, line := range strings.Split(string(t.value.value), "\n") {
		row, used := "", 0
		for rest := l.clean(line); rest != ""; {
			cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
			if used+w > columns {
				rows, row, used = append(rows, row), "", 0
			}
			row, used, rest = row+cluster, used+w, after
		}
		rows = append(rows, row)
	}
	return rows
}

// The fewest rows that the text has on the screen.
const minKeyRows = 6

func (t *keyText) height(l look, columns int) int {
	return max(len(t.rows(l, columns-2)), minKeyRows)
}

// draw shows the text, or the end of it.
func (t *keyText) draw(c canvas, focused bool) {
	if t.private {
		for y, r := range c.look.layout(privateLines(), c.w) {
			c.put(r.at, y, r.text, r.ink)
		}
		return
	}
	rows := t.rows(c.look, c.w-2) // one column for the cursor behind the end
	rows = rows[max(len(rows)-c.h, 0):]
	for y := range min(c.h, max(len(rows), minKeyRows)) {
		c.put(0, y, c.look.border().v, edge)
		if y < len(rows) {
			c.put(1, y, rows[y], normal)
		}
	}
	if focused {
		last := len(rows) - 1
		c.screen.ShowCursor(c.x+1+width(rows[last]), c.y+last)
	}
}

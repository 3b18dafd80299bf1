package adminmenu

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// decoded is what a decoder makes of bytes, an Esc at the end included.
func decoded(bytes string) []input {
	var got []input
	d := decoder{emit: func(in input) { got = append(got, in) }}
	for i := range len(bytes) {
		d.feed(bytes[i])
	}
	if d.waiting() {
		d.alone()
	}
	return got
}

func TestKeysOfAllTerminalsAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		want        []key
	}{
		{"characters", "aЖ?", []key{"a", "Ж", "?"}},
		{"both backspaces", "\x08\x7f", []key{keyBackspace, keyBackspace}},
		{"line ends of every kind are one ENTER", "\r\n\n\r", []key{keyEnter, keyEnter, keyEnter}},
		{"cursor keys", "\x1b[A\x1bOB\x1b[C\x1bOD", []key{keyUp, keyDown, keyRight, keyLeft}},
		{"with modifiers", "\x1b[1;5A", []key{keyUp}},
		{"home and end of xterm, VT, Linux, rxvt", "\x1b[H\x1b[F\x1bOH\x1bOF\x1b[1~\x1b[4~\x1b[7~\x1b[8~", []key{keyHome, keyEnd, keyHome, keyEnd, keyHome, keyEnd, keyHome, keyEnd}},
		{"pages and delete", "\x1b[5~\x1b[6~\x1b[3~", []key{keyPgUp, keyPgDn, keyDelete}},
		{"Shift-Tab", "\t\x1b[Z", []key{keyTab, keyBackTab}},
		{"PuTTY's numeric block", "\x1bOM\x1bOq\x1bOy\x1bOo", []key{keyEnter, "1", "9", "/"}},
		{"Ctrl-C is Esc", "\x03", []key{keyEsc}},
		{"Esc alone", "\x1b", []key{keyEsc}},
		{"two Esc", "\x1b\x1b", []key{keyEsc, keyEsc}},
		{"Alt-x is Esc and x", "\x1bx", []key{keyEsc, "x"}},
		{"function keys do nothing", "\x1bOP\x1b[11~\x1b[[A\x1b[15~\x1b[24~", nil},
		{"answers of the terminal do nothing", "\x1b[?62;22c\x1b]11;rgb:0/0/0\x07\x1bP1$r0m\x1b\\\x1b[>0;276;0cx", []key{"x"}},
		{"a repeat without end is one dropped sequence", "\x1b[65;0;97;1;0;999999999_x", []key{"x"}},
		{"bytes that are no text", "\xff\xc3(\xe2\x82a\x80", []key{"(", "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []key
			for _, in := range decoded(tt.bytes) {
				got = append(got, in.key)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q reads as %q, want %q", tt.bytes, got, tt.want)
			}
		})
	}
}

func TestPastedTextIsNoKeys(t *testing.T) {
	got := decoded("a\x1b[200~ssh-ed25519 AAAA\r\n\x1b[A\x1b[201~b")
	want := []input{{key: "a"}, {paste: "ssh-ed25519 AAAA\r\n"}, {key: "b"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if long := decoded("\x1b[200~" + strings.Repeat("x", 1<<20) + "\x1b[201~"); len(long) != 1 || len(long[0].paste) != maxPaste {
		t.Errorf("a long text was not bounded")
	}
}

func TestWhateverComesMakesFewKeysAndKeepsLittle(t *testing.T) {
	piece := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.SampledFrom([][]byte{{0x1b, '['}, {0x1b, ']'}, {0x1b, 'O'}, []byte("\x1b[200~"), []byte("\x1b[201~"), []byte("99999999999999999999~")}))
	rapid.Check(t, func(t *rapid.T) {
		var all []byte
		for _, p := range rapid.SliceOf(piece).Draw(t, "bytes") {
			all = append(all, p...)
		}
		keys := 0
		d := decoder{emit: func(in input) {
			keys++
			if r, ok := in.key.rune(); ok && (r < ' ' || r == 0x7f) {
				t.Fatalf("the key %q is a control character", in.key)
			}
		}}
		for _, b := range all {
			d.feed(b)
		}
		if keys > 2*len(all) || len(d.kept) > maxSequence || len(d.text) > maxPaste {
			t.Fatalf("%d bytes: %d keys, %d bytes kept, %d pasted", len(all), keys, len(d.kept), len(d.text))
		}
	})
}

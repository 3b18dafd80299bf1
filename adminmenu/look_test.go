package adminmenu

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"vedette/internal/foreign"
)

func TestTextIsShownAsItIsAndNeverRead(t *testing.T) {
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	screen.SetSize(200, 3)
	// Markup of the screen library, which its own Escape lets through in parts.
	for _, hostile := range []string{"[red]x[-]", "[::b]x", "[:::https://evil.example/]x", `["region"]x`, "[red[]x", "[[]", "x[", "[#ff0000]"} {
		screen.Clear()
		c := canvas{screen, look{}, 0, 0, 200, 3}
		c.put(0, 1, hostile, normal)
		var got strings.Builder
		for x := range len(hostile) {
			cluster, style, _ := screen.Get(x, 1)
			if style != (look{}).style(normal) {
				t.Errorf("%q changed the style", hostile)
			}
			got.WriteString(cluster)
		}
		if got.String() != hostile {
			t.Errorf("%q shows as %q", hostile, got.String())
		}
	}
}

func TestNothingIsDrawnOutsideOfACanvas(t *testing.T) {
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	screen.SetSize(30, 5)
	rapid.Check(t, func(t *rapid.T) {
		screen.Clear()
		c := canvas{screen, look{ascii: rapid.Bool().Draw(t, "ascii")}, 10, 2, 10, 1}
		c.put(rapid.IntRange(-2, 12).Draw(t, "x"), rapid.IntRange(-2, 3).Draw(t, "y"), rapid.String().Draw(t, "text"), normal)
		for y := range 5 {
			for x := range 30 {
				inside := y == 2 && x >= 10 && x < 20
				if cluster, _, _ := screen.Get(x, y); cluster != " " && !inside {
					t.Fatalf("%q at %d,%d", cluster, x, y)
				}
			}
		}
	})
}

func TestWrapLosesNothingAndFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := foreign.Clean(rapid.OneOf(rapid.String(), rapid.StringMatching(`([a-z]{1,9} ?){0,30}`), rapid.StringMatching(`([0-9A-F]{2}:){0,40}[0-9A-F]{2}( [a-z]+)?`)).Draw(t, "text"))
		columns := rapid.IntRange(2, 80).Draw(t, "columns")
		parts := wrap(s, columns)
		if got := strings.Join(parts, ""); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(s, " ", "") {
			t.Fatalf("%q became %q", s, parts)
		}
		for _, p := range parts {
			if width(p) > columns && uniseg.GraphemeClusterCount(p) > 1 {
				t.Fatalf("%q is wider than %d", p, columns)
			}
		}
	})
}

func TestFingerprintBreaksBetweenGroups(t *testing.T) {
	fp := fingerprint("x").String()
	for columns, want := range map[int]int{200: 1, 95: 1, 94: 2, 60: 2, 48: 2, 47: 3, 30: 4, 24: 4, 23: 5, 10: 11, 3: 32} {
		parts := wrap(fp, columns)
		if len(parts) != want {
			t.Errorf("%d columns: %d lines, want %d: %q", columns, len(parts), want, parts)
		}
		for i, p := range parts {
			if i < len(parts)-1 && !strings.HasSuffix(p, ":") {
				t.Errorf("%d columns: %q ends inside a group", columns, p)
			}
		}
	}
}

func TestNamesBreakBehindWhatJoinsTheirParts(t *testing.T) {
	for _, tt := range []struct {
		s       string
		columns int
		want    []string
	}{
		{"mail-gateway-1", 10, []string{"mail-", "gateway-1"}},
		{"files.north.example", 10, []string{"files.", "north.", "example"}},
		{"a-bcdefghijklmno", 10, []string{"a-bcdefghi", "jklmno"}}, // half of the line would be empty
		{"ab:cdef-ghijklmn", 10, []string{"ab:", "cdef-", "ghijklmn"}},
		{"abcdefghijklm", 10, []string{"abcdefghij", "klm"}},
	} {
		if got := wrap(tt.s, tt.columns); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %d columns: %q, want %q", tt.s, tt.columns, got, tt.want)
		}
	}
}

// corpus is texts as an enemy would send them: 300 of them, made of what steers
// terminals, and of the screen library's markup.
func corpus() []string {
	pieces := []string{
		"\x1b[2J", "\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x1b\\", "\x1bP$q\"p\x1b\\", "\x1b[5n", "\x1b[?1049l", "\x9b31m", "\u009b31m", "\xff\xfe",
		"\u202egpj.exe", "\u2066x\u2069", "ad\u200bmin", "\ufeff", "\u2028", "\r\nroot#", "\x00", "\x7f", "\b\b\b", "\x0e", "\t",
		"[red]", "[::r]", "[:::https://evil.example]", `["x"]`, "東京", "e\u0301\u0301\u0301\u0301", "👩‍👩‍👧", "\U000e0041", strings.Repeat("W", 400), "│┌─",
	}
	var all []string
	for i, a := range pieces {
		for n := range 10 {
			all = append(all, a+"a"+pieces[(i*7+n*3+1)%len(pieces)]+"b"+a)
		}
	}
	return all
}

func TestForeignTextCannotSteerTheTerminal(t *testing.T) {
	texts := corpus()
	if len(texts) != 300 {
		t.Fatalf("%d texts", len(texts))
	}
	for _, name := range []string{"xterm-256color", "vt100"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.uploads("")
			s := sensor(fakeSensor{f})
			s.terminal.Name = name
			s.config.Host = texts[7]
			d := drive(t, s)
			d.choose("Program settings")
			d.choose("Manage server certificate")
			frame := strings.Split(d.screen.text(), "\n")[22]
			for i, text := range texts {
				f.change(func(f *fake) {
					f.certificate.Subject, f.certificate.Names, f.certificate.Key = text, []string{text, text}, text
					f.certificate.Warnings = []string{text}
					f.certificate.Uploaded.Name, f.certificate.Uploaded.Problem = text, text
				})
				d.wait(1100 * 1e6)
				if lines := strings.Split(d.screen.text(), "\n"); strings.TrimRight(lines[22], " ")[:2] != frame[:2] || len(lines) != 25 {
					t.Fatalf("text %d broke the frame:\n%s", i, d.screen.text())
				}
			}
			f.change(func(f *fake) { f.steps, f.consequences[0].Text, f.consequences[1].Who = texts, texts[3], texts[:5] })
			d.press("home", "enter")
			d.button("Continue")
			d.button("Generate")
			d.expect("Press ENTER.")
			d.press("pgup", "pgup", "pgdn")
			if name == "vt100" && d.screen.beyond > 0 {
				t.Errorf("%d bytes beyond ASCII", d.screen.beyond)
			}
		}) // the driver fails the test when the emulator met a sequence that is not the library's
	}
}

package foreign

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCleanMakesWhatIsHiddenVisible(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "host-7.example", "host-7.example"},
		{"letters of the world", "Главный сервер 東京 é", "Главный сервер 東京 é"},
		{"empty", "", ""},
		{"window title", "\x1b]0;owned\x07", `\u{1b}]0;owned\u{7}`},
		{"clipboard", "\x1b]52;c;cm0gLXJm\x1b\\", `\u{1b}]52;c;cm0gLXJm\u{1b}\`},
		{"eight-bit CSI", "\u009b31m", `\u{9b}31m`},
		{"raw eight-bit CSI", "\x9b31m", `\u{9b}31m`},
		{"forged line", "ok\r\nlevel=INFO", `ok\u{d}\u{a}level=INFO`},
		{"tab, NUL, DEL", "a\tb\x00c\x7f", `a\u{9}b\u{0}c\u{7f}`},
		{"bidi override", "gpj.\u202eexe", `gpj.\u{202e}exe`},
		{"bidi isolate", "\u2066x\u2069", `\u{2066}x\u{2069}`},
		{"zero width", "ad\u200bmin\u200f", `ad\u{200b}min\u{200f}`},
		{"byte order mark", "\ufeffname", `\u{feff}name`},
		{"line and paragraph separators", "a\u2028b\u2029c", `a\u{2028}b\u{2029}c`},
		{"soft hyphen", "ad\u00admin", `ad\u{ad}min`},
		{"hidden tags", "x\U000e0041", `x\u{e0041}`},
		{"variation selector", "x\ufe0f", `x\u{fe0f}`},
		{"filler letter", "\u3164", `\u{3164}`},
		{"cut UTF-8", "caf\xc3", `caf\u{c3}`},
		{"overlong and surrogate bytes", "\xc0\xaf\xed\xa0\x80", `\u{c0}\u{af}\u{ed}\u{a0}\u{80}`},
		{"a real replacement character stays", "x\ufffdy\x01", "x\ufffdy" + `\u{1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// anything draws text as an enemy would write it: any bytes, and pieces that
// steer terminals.
func anything() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.RuneFrom(nil, unicode.Cf, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co), func(r rune) string { return string(r) }),
		rapid.SampledFrom([]string{"\x1b[2J", "\x1b]52;c;", "\u202e", "\u200b", "\ufeff", "\x9b", "\xff", "\\u{1b}", "…"}),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 8), func(p []string) string { return strings.Join(p, "") })
}

func TestNothingThatSteersATerminalPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anything().Draw(t, "text")
		for _, out := range []string{Clean(in), Line(in)} {
			if !utf8.ValidString(out) {
				t.Fatalf("not UTF-8: %q", out)
			}
			for _, r := range out {
				if r < 0x20 || r >= 0x7f && r <= 0x9f || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) ||
					r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r >= 0x200b && r <= 0x200f || r == 0xfeff {
					t.Fatalf("%U passed: %q", r, out)
				}
			}
			if Clean(out) != out {
				t.Fatalf("cleaning twice changes %q to %q", out, Clean(out))
			}
		}
	})
}

func TestBoundedCutsBetweenCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		max := rapid.IntRange(0, 40).Draw(t, "max")
		out := Bounded(in, max)
		switch {
		case len(out) > max:
			t.Fatalf("%d bytes, at most %d", len(out), max)
		case len(in) <= max && out != in:
			t.Fatalf("changed what fits: %q", out)
		case !utf8.ValidString(out):
			t.Fatalf("cut inside a character: %q", out)
		case out != in && max >= len(ellipsis) && !strings.HasSuffix(out, ellipsis):
			t.Fatalf("no mark where it was cut: %q", out)
		case out != in && !strings.HasPrefix(in, strings.TrimSuffix(out, ellipsis)):
			t.Fatalf("not the beginning of the text: %q", out)
		}
	})
}

func TestLineIsBoundedAfterCleaning(t *testing.T) {
	if got := Line(strings.Repeat("\x1b", 1<<20)); len(got) > MaxLine {
		t.Errorf("%d bytes", len(got))
	}
	exact := strings.Repeat("a", MaxLine)
	if Line(exact) != exact {
		t.Error("a line of exactly the bound was cut")
	}
	if got := Line(exact + "b"); len(got) != MaxLine || !strings.HasSuffix(got, ellipsis) {
		t.Errorf("a line of one byte more: %d bytes", len(got))
	}
}

func TestCleanTextCostsNoMemory(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Clean("host-7.example.org") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if out := Clean(s); strings.ContainsFunc(out, func(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f }) {
			t.Errorf("%q", out)
		}
	})
}

package sshd_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vedette/internal/sshd"
)

func TestSplitFollowsItsGrammar(t *testing.T) {
	for line, want := range map[string][]string{
		"":                           {},
		"  \t\n ":                    {},
		"certificate show":           {"certificate", "show"},
		" a  b\tc\nd ":               {"a", "b", "c", "d"},
		"'a b' c":                    {"a b", "c"},
		`"a b" c`:                    {"a b", "c"},
		`''`:                         {""},
		`"" ''`:                      {"", ""},
		`a'b'"c"\d`:                  {"abcd"},
		`'it'\''s'`:                  {"it's"},
		`"say \"hi\" \\ \$x \n"`:     {`say "hi" \ $x \n`},
		`a\ b`:                       {"a b"},
		`'$(reboot)' "a;b|c"`:        {"$(reboot)", "a;b|c"},
		`--text=* ~ # ? [x] {a,b} !`: {"--text=*", "~", "#", "?", "[x]", "{a,b}", "!"},
		"\xff\xfe":                   {"\xff\xfe"},
	} {
		got, err := sshd.Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Split(%q) = %q, %v; want %q", line, got, err, want)
		}
		if got == nil {
			t.Errorf("Split(%q) is nil: a command tree would take the daemon's own arguments", line)
		}
	}
}

func TestSplitRefusesWhatOnlyAShellUnderstands(t *testing.T) {
	for line, offset := range map[string]int{
		"a; reboot":                         1,
		"a | b":                             2,
		"a & ":                              2,
		"a > b":                             2,
		"a < b":                             2,
		"$(x)":                              0,
		"`x`":                               0,
		"$HOME":                             0,
		"(a)":                               0,
		"a 'b":                              2,
		`a "b`:                              2,
		`a\`:                                1,
		"a\x00b":                            1,
		`"a\`:                               0,
		strings.Repeat("x", sshd.MaxLine+1): sshd.MaxLine,
	} {
		_, err := sshd.Split(line)
		var syntax *sshd.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Split(%.20q) = %v, want a SyntaxError", line, err)
		} else if syntax.Offset != offset {
			t.Errorf("Split(%.20q) complains of byte %d, want %d", line, syntax.Offset, offset)
		}
	}
}

func TestQuoteIsTheInverseOfSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(
			rapid.String(),
			rapid.StringOfN(rapid.RuneFrom([]rune(" '\"\\$`;|&\t\n-=aé\u202e")), 0, 12, -1),
		).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
		args := rapid.SliceOfN(piece, 0, 8).Draw(t, "args")
		got, err := sshd.Split(sshd.Quote(args))
		if err != nil || !slices.Equal(got, args) {
			t.Fatalf("Split(Quote(%q)) = %q, %v", args, got, err)
		}
	})
}

// A line quoted by us must mean the same to the shell of a person who copies it.
func TestQuoteMeansTheSameToAShell(t *testing.T) {
	args := []string{"a b", "it's", "$HOME", "`id`", "x;y", "", "*", "~", "-", "é", "a\\b", "#c", "!x", "new\nline"}
	out, err := exec.Command("/bin/sh", "-c", "printf '%s\\0' "+sshd.Quote(args)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, args) {
		t.Errorf("the shell sees %q, want %q", got, args)
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "a b", "'a' \"b\\\"\" c\\ d", "a;b", "'", "\"\\", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args, err := sshd.Split(line)
		if err != nil {
			return
		}
		again, err := sshd.Split(sshd.Quote(args))
		// Quoting may make a line longer than the limit.
		if err != nil && len(sshd.Quote(args)) <= sshd.MaxLine {
			t.Fatalf("Quote(%q) cannot be split: %v", args, err)
		}
		if err == nil && !slices.Equal(args, again) {
			t.Fatalf("%q became %q", args, again)
		}
	})
}

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func TestEveryCodeHasItsExitCode(t *testing.T) {
	for code, want := range map[acts.Code]int{
		"": 0, acts.Failed: 1, acts.Unavailable: 1, "unheard_of": 1, acts.Invalid: 2, acts.NotFound: 3,
		acts.Refused: 4, acts.Stale: 4, acts.NotAllowed: 6,
	} {
		if got := cli.ExitOf(code); got != want {
			t.Errorf("%q: exit %d, want %d", code, got, want)
		}
	}
}

func TestReportTellsTextAndHint(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
		exit int
	}{
		{"nothing", nil, "", 0},
		{"an act", fmt.Errorf("wrapped: %w", &acts.Error{Code: acts.NotFound, Text: "no such thing", Hint: "list them", Err: errors.New("cause")}),
			"d: error: no such thing\nd: hint: list them\n", 3},
		{"a stale act", &acts.Error{Code: acts.Stale, Text: "it has changed"},
			"d: error: it has changed\nd: hint: look at it again with --dry-run, then repeat the command\n", 4},
		{"several faults", &cli.Faults{Texts: []string{"one", "two"}, Hint: "look"}, "d: error: one\nd: error: two\nd: hint: look\n", 1},
		{"told already", &cli.Error{Exit: 3}, "", 3},
		{"joined errors stay on a line", errors.Join(errors.New("a"), errors.New("b")), "d: error: a; b\n", 1},
		{"foreign text", errors.New("name \x1b]0;x\x07"), "d: error: name \\u{1b}]0;x\\u{7}\n", 1},
		{"a forged line", &acts.Error{Code: acts.Failed, Text: "x\nd: error: y"}, "d: error: x\\u{a}d: error: y\n", 1},
	} {
		var out bytes.Buffer
		if exit := cli.Report(&out, "d", c.err); exit != c.exit || out.String() != c.want {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.name, exit, out.String(), c.exit, c.want)
		}
	}
}

// Programs get the exact text, terminals nothing that steers them.
func TestJSONKeepsTextAndShowsNothingShapeless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(),
			rapid.StringOf(rapid.RuneFrom([]rune("a\"\\\x00\x1b\x7f\u009b\u202e\u200b\ufeff\u2028\U000e0041\U0001f600é")))).Draw(t, "text")
		var out bytes.Buffer
		if err := cli.WriteJSON(&out, map[string]string{"text": text}); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%q holds %U", out.String(), r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["text"] != text {
			t.Fatalf("%q came back as %q, %v", text, back["text"], err)
		}
	})
}

func TestTablesAlignAndShowForeignTextCleaned(t *testing.T) {
	var out bytes.Buffer
	table := cli.NewTable(&out, "NAME", "NOTE")
	table.Row("web\t1", "x\ny")
	table.Row("", "long")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "NAME       NOTE\nweb\\u{9}1  x\\u{a}y\n-          long\n"
	if got := out.String(); got != want {
		t.Errorf("table\n%s\nwant\n%s", got, want)
	}
}

func TestTimesAreUTCToTheSecond(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 999, time.FixedZone("", 3*3600))
	if got := cli.Time(at); got != "2026-11-21T09:00:00Z" {
		t.Error(got)
	}
	if got := cli.Time(time.Time{}); got != "" {
		t.Error(got)
	}
}

func TestPreviewsNameTodaysNumbers(t *testing.T) {
	var out bytes.Buffer
	cli.PrintPreview(&out, acts.Preview{Lines: []string{"It \x1b[1mchanges."}, Consequences: []acts.Consequence{
		{Text: "Agents are cut.", InUse: true, Count: 3}, {Text: "Sandbox."},
	}})
	want := "It \\u{1b}[1mchanges.\nConsequences:\n  - Agents are cut. (today: 3)\n  - Sandbox. (not in use here)\n"
	if got := out.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheLinkedVersionWins(t *testing.T) {
	if got := cli.Version("1.2.3"); got != "1.2.3" {
		t.Error(got)
	}
	if got := cli.Version(""); got == "" || strings.ContainsAny(got, " \n") {
		t.Errorf("%q", got)
	}
}

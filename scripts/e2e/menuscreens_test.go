package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// What differs from run to run on a screen. The masks stand for the fixed clock
// and the fixed keys that real daemons do not have. Values of one width keep it;
// the others become one #, and the line is filled again.
var (
	sameWidth = []*regexp.Regexp{
		regexp.MustCompile(`\b[0-9A-F]{2}(:[0-9A-F]{2}){2,}`),         // fingerprint, serial
		regexp.MustCompile(`\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?`), // time
		regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`),                      // time of the day
		regexp.MustCompile(`\b([0-9a-f]{16}|[0-9a-f]{32})\b`),         // identifiers
		regexp.MustCompile(`\b[0-9a-f]{40,64}\b( +│\n│ +[0-9a-f]+)?`), // hash
		regexp.MustCompile(`:[3-6]\d{4}\b`),                           // port that the kernel chose
	}
	sshKey   = regexp.MustCompile(`SHA256:[0-9A-Za-z+/]{43}`)
	anyWidth = []*regexp.Regexp{
		regexp.MustCompile(`\b\d+(\.\d+)? ?(ms|µs|s|min|h)\b( \d+ (s|min)\b)?`), // duration
		regexp.MustCompile(`\b\d+(\.\d+)? ([kMG]B|bytes)`),
		regexp.MustCompile(`(?i)\brevision +\d+`),
		regexp.MustCompile(`\b\d+ (days|lanes?|refused)\b`),
	}
	// One of them differs from some only in words, and on a slow machine minutes
	// stand for seconds, and seconds for milliseconds.
	otherWords = strings.NewReplacer("# lane,", "# lanes,", "round trip not measured", "round trip # ms", "# kB", "# bytes",
		"# min # s", "# s", "# h # min", "# s", "Done in # s", "Done in # ms", "connection, in # s", "connection, in # ms", "round trip # s", "round trip # ms")
	number      = regexp.MustCompile(`\d+(\.\d+)?`)
	shortSerial = regexp.MustCompile(`(Serial number +)##(:##){13,14}( |$)`)
	// What came of a decision takes one line or two, as long as it took.
	decision = regexp.MustCompile(`│ ((?:Accepted|Rejected|Deleted): branch-1 \S+) [^\n]*\n│ [^ ][^\n]*\n`)
	shorter  = regexp.MustCompile(`│ ((?:Accepted|Rejected|Deleted): branch-1 \S+) [^\n]*\n(│ +│\n(?:│[^\n]*\n)*?)│ +│\n(├)`)
)

func masked(screen string) string {
	screen = withoutQuality(screen)
	screen = sshKey.ReplaceAllString(screen, "SHA256:"+strings.Repeat("#", 43))
	for _, m := range sameWidth {
		screen = m.ReplaceAllStringFunc(screen, func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(":-. T│\n", r) {
					return r
				}
				return '#'
			}, s)
		})
	}
	lines := strings.Split(screen, "\n")
	for i, line := range lines {
		was := line
		for _, m := range anyWidth {
			line = m.ReplaceAllStringFunc(line, func(s string) string { return number.ReplaceAllString(s, "#") })
		}
		line = otherWords.Replace(line)
		// A serial number that begins with zeros has fewer digits.
		line = shortSerial.ReplaceAllString(line, "${1}"+strings.Repeat("##:", 15)+"##$3")
		if line != was {
			line = filled(line)
		}
		lines[i] = line
	}
	screen = strings.Join(lines, "\n")
	for _, m := range []*regexp.Regexp{shorter, decision} {
		screen = m.ReplaceAllStringFunc(screen, func(s string) string {
			part := m.FindStringSubmatch(s)
			return filled("│ "+part[1]+" Done in # ms ...│") + "\n" + filled("│ revision #.│") + "\n" + strings.Join(part[2:], "")
		})
	}
	return screen
}

var (
	linkQuality   = regexp.MustCompile(`^(│ Link +connected; .*); quality (OK|Warning|Exceeded)\b(.*)$`)
	qualityBegins = regexp.MustCompile(`^│ Limit +Verdict +Measured`)
	scrolledLines = regexp.MustCompile(`─ lines \d+-\d+ of \d+ ─┘$`)
)

// withoutQuality takes out of windows what is measured of the link, which is at
// the end of a window where it is long: it is never the same twice, and comes
// when the Sensor has measured. What windows make of it is held by the tests of
// the menu.
func withoutQuality(screens string) string {
	var out []string
	short, measured, scrolled := 0, false, false
	for _, line := range strings.Split(screens, "\n") {
		switch {
		case strings.HasPrefix(line, "┌─"):
			// The window of a Sensor server has it even where nothing of it is seen.
			short, measured, scrolled = 0, false, strings.HasPrefix(line, "┌─ Sensor server ─")
		case strings.HasPrefix(line, "├─"):
			for ; short > 0; short-- {
				out = append(out, filled("││"))
			}
			scrolled, measured = scrolled || measured, false
		case strings.HasPrefix(line, "│ Link quality "):
			short++
			continue
		case linkQuality.MatchString(line):
			line = filled(linkQuality.ReplaceAllString(line, "$1$3"))
		case measured || qualityBegins.MatchString(line):
			measured = true
			line = filled("││")
		case scrolled && scrolledLines.MatchString(line):
			line = "└" + strings.Repeat("─", columns-2) + "┘"
		case scrolled:
			line = strings.Replace(line, "PgUp/PgDn Scroll   ", "", 1)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// filled puts the right border of a line back into its column.
func filled(line string) string {
	text, bordered := strings.CutSuffix(line, "│")
	if !bordered {
		return line
	}
	text = strings.TrimRight(text, " ")
	return text + strings.Repeat(" ", max(columns-1-len([]rune(text)), 1)) + "│"
}

// golden compares screens with those that are kept under a name.
func golden(t testing.TB, name, screens string) {
	t.Helper()
	path := filepath.Join("testdata", "screens", name+".txt")
	got := masked(screens)
	if *update {
		if os.Getenv("CI") == "true" {
			t.Fatal("golden screens are not written in CI")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	was, is := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range is {
		if i >= len(was) || was[i] != is[i] {
			from := max(i-rows, 0)
			t.Fatalf("screens of %s have changed, first in line %d; want:\n%s\ngot:\n%s", path, i+1,
				strings.Join(was[min(from, len(was)):min(i+rows, len(was))], "\n"), strings.Join(is[from:min(i+rows, len(is))], "\n"))
		}
	}
	t.Fatalf("screens of %s end early, at line %d", path, len(is))
}

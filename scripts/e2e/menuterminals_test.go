package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// sgr is a sequence that colours text.
var sgr = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// clean checks that a screen is text and our colours, nothing else.
func (w *terminal) clean(what string) {
	w.t.Helper()
	for _, r := range sgr.ReplaceAllString(w.styled(), "") {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) {
			w.t.Errorf("%s: %q is on the screen:\n%s", what, r, w.screen())
			return
		}
	}
}

// ascii reports a screen with nothing beyond ASCII.
func ascii(screen string) bool {
	return !strings.ContainsFunc(screen, func(r rune) bool { return r > unicode.MaxASCII })
}

// TestMenuOnEveryTerminal uses the menu on terminals of many names.
func TestMenuOnEveryTerminal(t *testing.T) {
	_, k := sensorWithDoor(t)
	term := func(name string) []string { return []string{"env", "TERM=" + name} }
	for _, c := range []struct {
		name  string
		line  []string
		ascii bool // only ASCII
		mono  bool // no colour
	}{
		{"xterm", slices.Concat(term("xterm"), k.line("ssh", "admin@HOST")), false, false},
		{"linux", slices.Concat(term("linux"), k.line("ssh", "admin@HOST")), false, false},
		{"putty", slices.Concat(term("putty"), k.line("ssh", "admin@HOST")), false, false},
		{"putty-256color", slices.Concat(term("putty-256color"), k.line("ssh", "admin@HOST")), false, false},
		{"plink", slices.Concat(term("putty-256color"), k.line("plink", "-t", "admin@HOST")), false, false},
		{"vt100", slices.Concat(term("vt100"), k.line("ssh", "admin@HOST")), true, true},
		{"dumb", slices.Concat(term("dumb"), k.line("ssh", "admin@HOST")), true, true},
		{"xterm-nobody", slices.Concat(term("xterm-nobody"), k.line("ssh", "admin@HOST")), false, false},
		{"a name like an option", slices.Concat(term("-A/tmp"), k.line("ssh", "admin@HOST")), false, false},
		{"no name", slices.Concat([]string{"env", "-u", "TERM"}, k.line("ssh", "admin@HOST")), true, true},
		{"asked for ASCII without colour", k.line("ssh", "-t", "admin@HOST", "menu", "--ascii", "--mono"), true, true},
		{"asked for it by variables", k.line("ssh", "-o", "SetEnv=VEDETTE_ASCII=1 NO_COLOR=1", "admin@HOST"), true, true},
		{"a locale without UTF-8", k.line("ssh", "-o", "SetEnv=LC_ALL=C", "admin@HOST"), true, false},
		{"screen", []string{"screen", "-U", "-q", "-c", k.write("screenrc", "startup_message off\n"), "-S", "menu", "sh", "-c", `"$@"`, "sh", "--"}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "screen" {
				c.line = slices.Concat([]string{"env", "SCREENDIR=" + k.screens()}, c.line[:len(c.line)-1], k.line("ssh", "admin@HOST"))
			}
			p := k.opens(c.line)
			p.terminal.t = t
			seen := p.expect("Administrator menu", "7  Exit")
			if ascii(seen) != c.ascii {
				t.Errorf("only ASCII: %t, want %t:\n%s", ascii(seen), c.ascii, seen)
			}
			colours := slices.ContainsFunc(sgr.FindAllString(p.styled(), -1), func(s string) bool { return colour.MatchString(s) })
			if colours == c.mono {
				t.Errorf("colour: %t, want %t:\n%q", colours, !c.mono, p.styled())
			}
			p.chooses("Program settings")
			p.chooses("Manage server certificate")
			p.expect("Certificate management", "Certificate in use")
			p.clean(c.name)
			p.chooses("New")
			p.chooses("Continue")
			p.expect("[Generate]")

			// Resized in the middle of the chain, and back.
			p.resize(60, 20)
			p.expect("80")
			p.until("only a notice", func(seen string) bool { return !strings.Contains(seen, "[Generate]") })
			p.press("Enter") // does nothing that cannot be seen
			p.resize(100, 30)
			p.until("a window of the whole terminal", func(seen string) bool {
				lines := strings.Split(seen, "\n")
				return strings.Contains(seen, "[Generate]") && len(lines) == 30 && len([]rune(lines[0])) == 100
			})
			p.resize(columns, rows)
			p.until("the window of before", func(seen string) bool {
				lines := strings.Split(seen, "\n")
				return strings.Contains(seen, "[Generate]") && len(lines) == rows && len([]rune(lines[0])) == columns
			})
			p.chooses("Cancel")
			p.expect("Certificate management", "Nothing was changed")
			p.back("Program settings")
			p.back("Administrator menu")
			p.chooses("Exit")
			p.chooses("Yes")
			if code := p.ends(); code != 0 {
				t.Errorf("it ended with %d:\n%s", code, p.screen())
			}
			p.restored(c.name)
		})
	}
	if o := k.do("", "ssh", "-T", "admin@HOST"); o.code != 2 || !strings.Contains(o.err, "the menu needs a terminal") {
		t.Errorf("ssh -T: exit %d, %s%s", o.code, o.out, o.err)
	}
	k.goneBut(0)
	k.stop()
}

// colour is a sequence with a colour in it, and not only bold or reverse.
var colour = regexp.MustCompile(`[\[;:](3[0-8]|4[0-8]|9[0-7]|10[0-7])[;:m]`)

// screens is a folder for the sockets of the program screen.
func (k *desk) screens() string {
	k.t.Helper()
	k.must("mkdir", "-p", "-m", "700", k.path("screens"))
	return k.path("screens")
}

package adminmenu

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
)

func TestTerminalsAreFoundByTableOnly(t *testing.T) {
	// The screen library would start this program for a name that it does not
	// know, with the name as an argument.
	folder := t.TempDir()
	trace := filepath.Join(folder, "started")
	if err := os.WriteFile(filepath.Join(folder, "infocmp"), []byte("#!/bin/sh\necho \"$@\" >"+trace+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	for _, name := range []string{"-A" + folder, "../../etc/x", "nonsense", "xterm-ghostty", "wezterm", "putty-256color", "screen.xterm-256color"} {
		synctest.Test(t, func(t *testing.T) {
			s := sensor(fakeSensor{newFake(t)})
			s.terminal.Name = name
			d := drive(t, s)
			d.at("Administrator menu")
		})
	}
	if _, err := os.Stat(trace); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program was started: %v", err)
	}
}

func TestTerminalsThatAreKnownByAnotherName(t *testing.T) {
	all := terminals()
	for name, like := range map[string]string{
		"putty": "xterm", "dumb": "vt100", "": "vt100", "nonsense": fallback, "ms-terminal": fallback,
		"screen.xterm-256color": "screen-256color", "vt220": "vt220", "linux": "linux", "tmux-256color": "tmux-256color",
	} {
		if want, found := all[like]; !found || describe(name).Clear != want.Clear || describe(name).SetCursor != want.SetCursor {
			t.Errorf("%q is not like %q", name, like)
		}
	}
	if one, other := describe("xterm"), describe("xterm"); one == other {
		t.Error("two sessions share a description, which the library writes to")
	}
}

func TestPlainTerminalsGetASCIIAndNoColour(t *testing.T) {
	for _, name := range []string{"vt100", "vt220", "dumb", "ansi", ""} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.certificate.Subject = "CN=Главный … café"
			s := sensor(fakeSensor{f})
			s.config.Host = "sensor-ü"
			d := drive(t, plainName(s, name))
			d.choose("Program settings")
			d.choose("Manage server certificate")
			d.expect(`\u{413}`, "+-", "...")
			if d.screen.beyond > 0 {
				t.Errorf("%s: %d bytes beyond ASCII", name, d.screen.beyond)
			}
			if d.screen.shifted > 0 {
				t.Errorf("%s: another character set was used, which shows as q and x where it is not known", name)
			}
			if d.screen.coloured() {
				t.Errorf("%s: colour was used", name)
			}
		})
	}
}

// plainName sets the terminal's name, the empty one too.
func plainName(s setup, name string) setup {
	s.terminal.Name, s.nameless = name, name == ""
	return s
}

func TestDisplayIsSwitchedInTheMenu(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		d.expect("┌─")
		if !d.screen.coloured() {
			t.Error("there is no colour to begin with")
		}
		d.press("?")
		d.button("Display")
		d.at("Display")
		d.choose("Borders")
		d.expect("ASCII: - | +", "+-")
		d.refuse("┌")
		d.choose("Colours")
		d.expect("none")
		d.press("esc", "esc")
		d.at("Administrator menu")
		d.screen.forgetColours()
		d.press("down", "up", "ctrl-l")
		if d.screen.coloured() {
			t.Error("there is colour left")
		}
	})
}

func TestUsualTerminalsShowTheSame(t *testing.T) {
	var want string
	for _, name := range []string{
		"xterm-256color", "xterm", "putty", "putty-256color", "linux", "screen", "screen-256color", "tmux", "tmux-256color", "rxvt-unicode-256color",
		"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "konsole-256color", "gnome-256color", "st-256color", "wezterm", "ms-terminal",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := sensor(fakeSensor{newFake(t)})
			s.terminal.Name = name
			d := drive(t, s)
			d.choose("Program settings")
			d.choose("Manage server certificate")
			if want == "" {
				want = d.screen.text()
			}
			if got := d.screen.text(); got != want {
				t.Errorf("%s shows\n%s", name, got)
			}
			if d.screen.shifted > 0 {
				t.Errorf("%s: another character set was used", name)
			}
			d.press("esc", "esc", "q")
			d.button("Yes")
			if err := d.ended(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestDaemonWithoutUTF8DrawsInASCII(t *testing.T) {
	for _, locale := range []string{"C", "POSIX"} {
		t.Setenv("LC_ALL", locale)
		synctest.Test(t, func(t *testing.T) {
			d := drive(t, sensor(fakeSensor{newFake(t)}))
			d.expect("+- Administrator menu -")
			if d.screen.beyond > 0 || d.screen.shifted > 0 {
				t.Errorf("%s: %d bytes beyond ASCII, %d changes of the character set", locale, d.screen.beyond, d.screen.shifted)
			}
		})
	}
}

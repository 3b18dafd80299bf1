package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vedette/cmd/internal/cli"
	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// opener is what a menu does.
type opener func(context.Context, acts.Actor, cli.MenuScreen) error

func menuTree(who acts.Actor, s sshd.Streams, open opener) *cobra.Command {
	root := cli.NewRoot("d", "a daemon")
	root.AddCommand(cli.Menu{Program: "d", Who: who, Terminal: s.Terminal, Open: open}.NewCmd())
	return root
}

// menus serves a menu and gives the local binary before a terminal.
type menus struct {
	t                *testing.T
	socket           string
	person, terminal *os.File
}

func serveMenu(t *testing.T, open opener) *menus {
	t.Helper()
	for _, name := range []string{"NO_COLOR", "VEDETTE_ASCII", "LANG", "LC_ALL", "LC_CTYPE"} {
		t.Setenv(name, "")
	}
	t.Setenv("TERM", "xterm")
	socket := clitest.Serve(t, cli.Inside("d", func(who acts.Actor, s sshd.Streams) *cobra.Command { return menuTree(who, s, open) }))
	person, terminal := clitest.OpenTerminal(t)
	return &menus{t, socket, person, terminal}
}

// open opens the menu, and says how the terminal was before and after.
func (m *menus) open(ctx context.Context, args ...string) (exit int, errs string) {
	m.t.Helper()
	before := settingsOf(m.t, m.terminal)
	root := menuTree(acts.Actor{}, sshd.Streams{}, nil)
	forwarder := &cli.Forwarder{Program: "d", Socket: func() (string, error) { return m.socket, nil }, Screen: cli.NewScreen(m.terminal, m.terminal)}
	forwarder.Attach(root)
	var messages bytes.Buffer
	exit = cli.Execute(ctx, root, append([]string{"menu"}, args...), sshd.Streams{In: m.terminal, Out: m.terminal, Err: &messages})
	if after := settingsOf(m.t, m.terminal); after != before {
		m.t.Errorf("the terminal was %+v and is %+v", before, after)
	}
	return exit, messages.String()
}

func settingsOf(t *testing.T, terminal *os.File) unix.Termios {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *settings
}

func TestAMenuShowsWhatThePersonsTerminalCanShow(t *testing.T) {
	var got cli.MenuScreen
	var who acts.Actor
	m := serveMenu(t, func(_ context.Context, w acts.Actor, s cli.MenuScreen) error {
		got, who = s, w
		return nil
	})
	for _, c := range []struct {
		env         string // NAME=VALUE, separated by blanks
		args        []string
		ascii, mono bool
	}{
		{env: ""},
		{env: "LANG=en_US.UTF-8"},
		{env: "LANG=C.utf8"},
		{env: "LC_CTYPE=UTF-8"}, // macOS
		{env: "LANG=C LC_ALL=C.UTF-8"},
		{env: "LANG=C LC_CTYPE=ru_RU.UTF-8@x"},
		{env: "LANG=en_US.UTF-8 LC_ALL=C", ascii: true},
		{env: "LANG=C", ascii: true},
		{env: "LANG=POSIX", ascii: true},
		{env: "LANG=ru_RU.KOI8-R", ascii: true},
		{env: "LC_CTYPE=de_DE.ISO-8859-15@euro", ascii: true},
		{env: "LANG=de_DE", ascii: true},
		{env: "VEDETTE_ASCII=1", ascii: true},
		{env: "NO_COLOR=1", mono: true},
		{args: []string{"--ascii"}, ascii: true},
		{args: []string{"--mono"}, mono: true},
	} {
		t.Run(fmt.Sprint(c.env, c.args), func(t *testing.T) {
			for _, pair := range strings.Fields(c.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			if exit, errs := m.open(t.Context(), c.args...); exit != 0 || errs != "" {
				t.Fatalf("exit %d, messages %q", exit, errs)
			}
			if got.ASCII != c.ascii || got.Mono != c.mono {
				t.Errorf("ASCII %v, mono %v; want %v, %v", got.ASCII, got.Mono, c.ascii, c.mono)
			}
		})
	}
	if got.Name != "xterm" || who.Face != acts.FaceMenu || who.Account != sshd.LocalAccount {
		t.Errorf("the menu is on %q, for %+v", got.Name, who)
	}
}

func TestKeysAndScreensPassAsTheyAre(t *testing.T) {
	m := serveMenu(t, func(_ context.Context, _ acts.Actor, s cli.MenuScreen) error {
		if _, err := io.WriteString(s.Out, "\x1b[?1049hready\n"); err != nil {
			return err
		}
		keys := make([]byte, 4)
		if _, err := io.ReadFull(s.In, keys); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, "%q\x1b[?1049l", keys)
		return err
	})
	ended := make(chan int, 1)
	go func() {
		exit, _ := m.open(t.Context())
		ended <- exit
	}()
	if seen := clitest.ReadUntil(t, m.person, "ready\n"); seen != "\x1b[?1049hready\n" {
		t.Errorf("the screen shows %q", seen)
	}
	if _, err := m.person.WriteString("\x03\x13\r\x04"); err != nil { // Ctrl-C, Ctrl-S, ENTER, Ctrl-D
		t.Fatal(err)
	}
	if seen := clitest.ReadUntil(t, m.person, "1049l"); seen != `"\x03\x13\r\x04"`+"\x1b[?1049l" {
		t.Errorf("the screen shows %q", seen)
	}
	if exit := next(t, ended); exit != 0 {
		t.Errorf("exit %d", exit)
	}
}

// next waits for what has to come.
func next[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(clitest.Patience):
		t.Fatal("nothing comes")
	}
	return got
}

func TestAMenuHearsOfANewSize(t *testing.T) {
	sizes := make(chan string, 10)
	m := serveMenu(t, func(ctx context.Context, _ acts.Actor, s cli.MenuScreen) error {
		for range 2 {
			columns, rows := s.Size()
			sizes <- fmt.Sprint(columns, "x", rows)
			select {
			case <-s.Resized:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	set := func(columns, rows uint16) {
		if err := unix.IoctlSetWinsize(int(m.terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
			t.Error(err)
		}
	}
	resize := func(columns, rows uint16) {
		set(columns, rows)
		// The kernel tells those whose terminal it is; it is not this process's.
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Error(err)
		}
	}
	set(100, 30)
	ended := make(chan int, 1)
	go func() {
		exit, _ := m.open(t.Context())
		ended <- exit
	}()
	if got := next(t, sizes); got != "100x30" {
		t.Errorf("at first %s", got)
	}
	resize(40, 12)
	if got := next(t, sizes); got != "40x12" {
		t.Errorf("then %s", got)
	}
	resize(80, 24)
	if exit := next(t, ended); exit != 0 {
		t.Errorf("exit %d", exit)
	}
}

func TestTheTerminalIsPutBackHoweverAMenuEnds(t *testing.T) {
	const reset = "\x1b[?1049l\x1b[0m\x1b[?25h"
	for name, c := range map[string]struct {
		open  opener
		exit  int
		says  string
		reset bool
	}{
		"it is left":   {func(context.Context, acts.Actor, cli.MenuScreen) error { return nil }, 0, "", false},
		"it fails":     {func(context.Context, acts.Actor, cli.MenuScreen) error { return io.ErrNoProgress }, 1, "", false},
		"it panics":    {func(context.Context, acts.Actor, cli.MenuScreen) error { panic("menu") }, 1, "", false},
		"is not there": {nil, 5, "error: cannot connect to the daemon", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := serveMenu(t, c.open)
			if c.open == nil {
				m.socket = filepath.Join(t.TempDir(), "none")
			}
			if exit, errs := m.open(t.Context()); exit != c.exit || !strings.Contains(errs, c.says) {
				t.Errorf("exit %d, messages %q", exit, errs)
			}
		})
	}
	t.Run("it is interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := serveMenu(t, func(ctx context.Context, _ acts.Actor, s cli.MenuScreen) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		if exit, errs := m.open(ctx); exit != cli.ExitInterrupted || errs != "" {
			t.Errorf("exit %d, messages %q", exit, errs)
		}
		clitest.ReadUntil(t, m.person, reset)
	})
}

func TestAMenuNeedsATerminal(t *testing.T) {
	never := func(context.Context, acts.Actor, cli.MenuScreen) error {
		t.Error("it was opened")
		return nil
	}
	m := serveMenu(t, never)
	root := menuTree(acts.Actor{}, sshd.Streams{}, nil)
	forwarder := &cli.Forwarder{Program: "d", Socket: func() (string, error) { return m.socket, nil }}
	forwarder.Attach(root)
	var errs bytes.Buffer
	exit := cli.Execute(t.Context(), root, []string{"menu"}, sshd.Streams{Out: io.Discard, Err: &errs})
	if want := "d: error: the menu needs a terminal\nd: hint: for single commands see: d help\n"; exit != cli.ExitUsage || errs.String() != want {
		t.Errorf("the local binary: exit %d, messages %q", exit, errs.String())
	}
	errs.Reset()
	inside := cli.Inside("d", func(who acts.Actor, s sshd.Streams) *cobra.Command { return menuTree(who, s, never) })
	exit = inside(t.Context(), acts.Actor{}, []string{"menu"}, sshd.Streams{Out: io.Discard, Err: &errs})
	if want := "d: error: the menu needs a terminal\nd: hint: ssh -t admin@SERVER menu; for single commands: ssh admin@SERVER help\n"; exit != cli.ExitUsage || errs.String() != want {
		t.Errorf("the daemon: exit %d, messages %q", exit, errs.String())
	}
}

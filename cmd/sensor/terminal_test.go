package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
)

func TestAPersonComparesAndExactlyThatCertificateIsPinned(t *testing.T) {
	fake := newFakeAdmin()
	socket := clitest.Serve(t, newCommand(fake, "1", slog.New(slog.DiscardHandler), time.Now))
	for _, k := range []struct {
		answer string
		exit   int
		state  acts.LinkState
	}{{"n\n", 4, acts.LinkUnconfigured}, {"y\n", 0, acts.LinkPending}} {
		person, terminal := clitest.OpenTerminal(t)
		cmd := exec.CommandContext(t.Context(), "sensor", "--socket", socket, "central-node", "set", "central.example.org")
		cmd.Stdin, cmd.Stderr = terminal, terminal
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if seen := clitest.ReadUntil(t, person, "Continue? [y/N] "); !strings.Contains(seen, "Fingerprint (SHA-256): 09:09:") {
			t.Errorf("the screen shows %q", seen)
		}
		if _, err := io.WriteString(person, k.answer); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != k.exit {
			t.Errorf("answer %q: %v, want exit code %d", k.answer, err, k.exit)
		}
		// The fake refuses every fingerprint but the one that it showed.
		n, err := fake.CentralNode(t.Context(), acts.Actor{})
		if err != nil || n.State != k.state {
			t.Errorf("answer %q: %+v, %v", k.answer, n, err)
		}
	}
}

// openMenu opens the menu of a Sensor at a terminal, and returns once it is there.
func openMenu(t *testing.T, cmd *exec.Cmd) (person, terminal *os.File) {
	t.Helper()
	person, terminal = clitest.OpenTerminal(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 24}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "TERM=xterm", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	clitest.ReadUntil(t, person, "Program settings")
	return person, terminal
}

func isRaw(t *testing.T, terminal *os.File) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Lflag&unix.ICANON == 0
}

func TestTheMenuOpensHereAndOverSSH(t *testing.T) {
	d, desk := signedIn(t)
	for name, prepare := range map[string]func() *exec.Cmd{
		"here":    func() *exec.Cmd { return exec.CommandContext(t.Context(), "sensor", "--socket", d.Socket, "menu") },
		"shell":   func() *exec.Cmd { return desk.Command("ssh", "-t") },
		"command": func() *exec.Cmd { return desk.Command("ssh", "-t", "menu", "--ascii", "--mono") },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := prepare() // its time begins now
			person, terminal := openMenu(t, cmd)
			if !isRaw(t, terminal) {
				t.Error("keys arrive in lines")
			}
			if _, err := person.WriteString("q\r"); err != nil { // Exit, [Yes]
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v, want exit code 0", err)
			}
			if isRaw(t, terminal) {
				t.Error("the terminal was not put back")
			}
		})
	}
	noneSignedIn(t, d)
}

func TestTheTerminalIsPutBackWhenTheMenuIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		cut  func(*clitest.Daemon, *exec.Cmd) error
		exit int
	}{
		"a signal":         {func(_ *clitest.Daemon, cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) }, 130},
		"a hang-up":        {func(_ *clitest.Daemon, cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGHUP) }, 130},
		"the daemon stops": {func(d *clitest.Daemon, _ *exec.Cmd) error { d.Stop(); return nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := startSensor(t)
			cmd := exec.CommandContext(t.Context(), "sensor", "--socket", d.Socket, "menu")
			_, terminal := openMenu(t, cmd)
			if err := c.cut(d, cmd); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != c.exit {
				t.Errorf("%v, want exit code %d", err, c.exit)
			}
			if isRaw(t, terminal) {
				t.Error("the terminal was not put back")
			}
		})
	}
}

func TestTheTerminalIsPutBackWhenTheDaemonIsKilled(t *testing.T) {
	folder, err := os.MkdirTemp("", "v") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	file, socket := filepath.Join(folder, "s.toml"), filepath.Join(folder, "s")
	text := fmt.Sprintf("listen = \"127.0.0.1:0\"\nssh_listen = \"\"\nlocal_listen = \"\"\nstate_dir = %q\nsocket = %q\n", filepath.Join(folder, "state"), socket)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := exec.CommandContext(t.Context(), "sensor", "--config", file, "run")
	log, err := daemon.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(log); lines.Scan() && !strings.Contains(lines.Text(), `"msg":"started"`); {
	}
	cmd := exec.CommandContext(t.Context(), "sensor", "--config", file, "menu")
	person, terminal := openMenu(t, cmd)
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err == nil {
		t.Error("the daemon was not killed")
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%v, want exit code 5", err)
	}
	if isRaw(t, terminal) {
		t.Error("the terminal was not put back")
	}
	// The screen is the person's again before the message is on it.
	seen := clitest.ReadUntil(t, person, "error: the connection to the daemon was lost")
	if left := strings.LastIndex(seen, "\x1b[?1049l"); left < 0 || left > strings.Index(seen, "error:") {
		t.Errorf("the screen shows %q", seen)
	}
}

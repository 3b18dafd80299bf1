package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// openTerminal makes a pseudo-terminal: what a person sees and types at, and
// what a program has.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	person = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { person.Close() })
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// readUntil reads what the screen shows until it shows text.
func readUntil(t *testing.T, screen *os.File, text string) string {
	t.Helper()
	if err := screen.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	buf := make([]byte, 1024)
	for !strings.Contains(seen.String(), text) {
		n, err := screen.Read(buf)
		if err != nil {
			t.Fatalf("the screen shows %q and then %v; want %q", seen.String(), err, text)
		}
		seen.Write(buf[:n])
	}
	return seen.String()
}

func TestAPersonAtATerminalIsAsked(t *testing.T) {
	folder, err := os.MkdirTemp("", "cn")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	fake, socket := newFakeAdmin(), filepath.Join(folder, "s")
	server, err := sshd.ListenUnix(socket, sshd.Config{Command: newCommand(fake, "1", time.Now), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	for _, k := range []struct {
		answer string
		exit   int
	}{{"n\n", 4}, {"y\n", 0}} {
		answer, exit := k.answer, k.exit
		person, terminal := openTerminal(t)
		cmd := exec.CommandContext(t.Context(), "centralnode", "--socket", socket, "agent-certificate", "validation", "on")
		cmd.Stdin, cmd.Stderr = terminal, terminal
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if seen := readUntil(t, person, "Continue? [y/N] "); !strings.Contains(seen, "Agents lose their server. (today: 3)") {
			t.Errorf("the screen shows %q", seen)
		}
		if _, err := io.WriteString(person, answer); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exit {
			t.Errorf("answer %q: %v, want exit code %d", answer, err, exit)
		}
		list, err := fake.AgentCertificates(t.Context(), acts.Actor{}, acts.AgentCertificateFilter{})
		if err != nil || list.Validation != (exit == 0) {
			t.Errorf("answer %q: validation is %v, %v", answer, list.Validation, err)
		}
	}

	// A container is not for a screen.
	_, terminal := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), "centralnode", "--socket", socket, "agent-certificate", "generate")
	cmd.Stdout = terminal
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("a container on a screen: %v, want exit code 2", err)
	}
}

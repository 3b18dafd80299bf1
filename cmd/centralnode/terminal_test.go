package main

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
)

func TestAPersonAtATerminalIsAsked(t *testing.T) {
	fake := newFakeAdmin()
	socket := clitest.Serve(t, newCommand(fake, "1", slog.New(slog.DiscardHandler), time.Now))
	for _, k := range []struct {
		answer string
		exit   int
	}{{"n\n", 4}, {"y\n", 0}} {
		answer, exit := k.answer, k.exit
		person, terminal := clitest.OpenTerminal(t)
		cmd := exec.CommandContext(t.Context(), "centralnode", "--socket", socket, "agent-certificate", "validation", "on")
		cmd.Stdin, cmd.Stderr = terminal, terminal
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if seen := clitest.ReadUntil(t, person, "Continue? [y/N] "); !strings.Contains(seen, "Agents lose their server. (today: 3)") {
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
	_, terminal := clitest.OpenTerminal(t)
	cmd := exec.CommandContext(t.Context(), "centralnode", "--socket", socket, "agent-certificate", "generate")
	cmd.Stdout = terminal
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("a container on a screen: %v, want exit code 2", err)
	}
}

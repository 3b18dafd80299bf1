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

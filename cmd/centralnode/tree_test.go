package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"vedette/centralnode/admin"
	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

var _ Admin = (*admin.Admin)(nil)

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, do)
	}
}

func TestEveryCommandIsDescribedWithExamplesThatParse(t *testing.T) {
	each(newLocalTree(), func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s has no description", cmd.CommandPath())
		}
		if cmd.HasSubCommands() || cmd.Name() == "help" {
			return
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			checkExample(t, cmd, strings.TrimSpace(line))
		}
	})
}

// checkExample parses an example that calls the program alone.
func checkExample(t *testing.T, cmd *cobra.Command, line string) {
	t.Helper()
	args, err := sshd.Split(line)
	if err != nil || len(args) == 0 || args[0] != program { // an example for a shell
		return
	}
	found, rest, err := newLocalTree().Find(args[1:])
	if err != nil || found.CommandPath() != cmd.CommandPath() {
		t.Errorf("the example %q is not for %s", line, cmd.CommandPath())
		return
	}
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("the example %q: %v", line, err)
	} else if err := found.ValidateArgs(found.Flags().Args()); err != nil {
		t.Errorf("the example %q: %v", line, err)
	}
}

func TestNoFlagTakesASecret(t *testing.T) {
	each(newLocalTree(), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			for _, word := range []string{"password", "secret", "token"} {
				if strings.Contains(f.Name, word) && !strings.HasSuffix(f.Name, "-file") {
					t.Errorf("%s --%s: others see it in the list of processes", cmd.CommandPath(), f.Name)
				}
			}
		})
	})
}

func TestTheDaemonsTreeHasNothingOfTheLocalBinary(t *testing.T) {
	command := newCommand(newFakeAdmin(), "1", time.Now)
	for _, args := range [][]string{{"run"}, {"config", "show"}, {"reset-password"}, {"completion", "bash"}, {"--config", "/etc/shadow", "status"}} {
		var errs bytes.Buffer
		if exit := command(t.Context(), acts.Actor{}, args, sshd.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs}); exit != cli.ExitUsage {
			t.Errorf("%q: exit %d, messages %q", args, exit, errs.String())
		}
	}
}

func TestALiveViewEndsWhenTheDaemonBeginsToStop(t *testing.T) {
	defer goleak.VerifyNone(t)
	draining := make(chan struct{})
	var errs bytes.Buffer
	out := writerFunc(func([]byte) { // once it shows something
		select {
		case <-draining:
		default:
			close(draining)
		}
	})
	exit := newCommand(newFakeAdmin(), "1", time.Now)(t.Context(), acts.Actor{}, []string{"event", "watch"},
		sshd.Streams{Out: out, Err: &errs, Draining: draining})
	if exit != cli.ExitCannotConnect || !strings.Contains(errs.String(), "the daemon is stopping") {
		t.Errorf("exit %d, messages %q", exit, errs.String())
	}
}

func TestALiveViewEndsWithItsReader(t *testing.T) {
	defer goleak.VerifyNone(t)
	command := newCommand(newFakeAdmin(), "1", time.Now)
	ctx, leave := context.WithCancel(t.Context())
	if exit := command(ctx, acts.Actor{}, []string{"event", "watch"}, sshd.Streams{Out: writerFunc(func([]byte) { leave() }), Err: io.Discard}); exit != cli.ExitInterrupted {
		t.Errorf("interrupted: exit %d", exit)
	}
	if exit := command(t.Context(), acts.Actor{}, []string{"event", "watch"}, sshd.Streams{Out: brokenWriter{}, Err: io.Discard}); exit != cli.ExitFailed {
		t.Errorf("broken: exit %d", exit)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFiltersReachTheNodeAsTyped(t *testing.T) {
	fake := newFakeAdmin()
	exit := newCommand(fake, "1", func() time.Time { return epoch })(t.Context(), acts.Actor{},
		[]string{"event", "list", "--host", "web", "--kind", "process-exit", "--text", "a b", "--since", "1h30m", "--until", "2026-11-21T12:30:00+03:00", "--limit", "5"},
		sshd.Streams{Out: io.Discard, Err: io.Discard})
	want := acts.EventFilter{Host: "web", Kind: "process-exit", Text: "a b", Since: epoch.Add(-90 * time.Minute), Until: epoch.Add(-30 * time.Minute), Limit: 5}
	got := fake.filter
	if exit != 0 || !got.Since.Equal(want.Since) || !got.Until.Equal(want.Until) {
		t.Errorf("exit %d, filter %+v", exit, got)
	}
	got.Since, got.Until, want.Since, want.Until = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if got != want {
		t.Errorf("filter %+v, want %+v", got, want)
	}
}

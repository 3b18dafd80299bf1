package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/admin"
	"vedette/cmd/internal/cli"
	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

var _ Admin = (*admin.Admin)(nil)

func TestTheTreeKeepsTheRules(t *testing.T) {
	clitest.CheckTree(t, newLocalTree)
	clitest.CheckDaemonsTree(t, newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now))
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
	exit := newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now)(t.Context(), acts.Actor{}, []string{"event", "watch"},
		sshd.Streams{Out: out, Err: &errs, Draining: draining})
	if exit != cli.ExitCannotConnect || !strings.Contains(errs.String(), "the daemon is stopping") {
		t.Errorf("exit %d, messages %q", exit, errs.String())
	}
}

func TestALiveViewEndsWithItsReader(t *testing.T) {
	defer goleak.VerifyNone(t)
	command := newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now)
	var said bytes.Buffer
	ctx, leave := context.WithCancel(t.Context())
	if exit := command(ctx, acts.Actor{}, []string{"event", "watch"}, sshd.Streams{Out: writerFunc(func([]byte) { leave() }), Err: &said}); exit != cli.ExitInterrupted || said.Len() > 0 {
		t.Errorf("interrupted: exit %d, messages %q", exit, said.String())
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
	exit := newCommand(fake, "1", slog.New(slog.DiscardHandler), func() time.Time { return epoch })(t.Context(), acts.Actor{},
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

func TestFiltersOfAlertsReachTheNodeAsTyped(t *testing.T) {
	fake := newFakeAdmin()
	exit := newCommand(fake, "1", slog.New(slog.DiscardHandler), func() time.Time { return epoch })(t.Context(), acts.Actor{},
		[]string{"alert", "list", "--state", "in-process", "--importance", "high", "--technology", "yara", "--system", "mail1", "--text", "a b", "--since", "1h", "--sort", "importance", "--offset", "10", "--limit", "5"},
		sshd.Streams{Out: io.Discard, Err: io.Discard})
	want := acts.AlertFilter{State: acts.AlertInProcess, Importance: "high", Technology: "yara", System: "mail1", Text: "a b", Since: epoch.Add(-time.Hour), Sort: acts.AlertsByImportance, Offset: 10, Limit: 5}
	if got := fake.external.filter; exit != 0 || got != want {
		t.Errorf("exit %d, filter %+v, want %+v", exit, got, want)
	}
	for _, flag := range []string{"--sort=size", "--sort=", "--offset=-1"} {
		exit := newCommand(fake, "1", slog.New(slog.DiscardHandler), time.Now)(t.Context(), acts.Actor{}, []string{"alert", "list", flag}, sshd.Streams{Out: io.Discard, Err: io.Discard})
		if exit != 2 {
			t.Errorf("%s: exit %d", flag, exit)
		}
	}
}

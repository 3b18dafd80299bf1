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

	"vedette/cmd/internal/cli"
	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/internal/sshd"
	"vedette/sensor/admin"
)

var _ Admin = (*admin.Admin)(nil)

func TestTheTreeKeepsTheRules(t *testing.T) {
	clitest.CheckTree(t, newLocalTree)
	clitest.CheckDaemonsTree(t, newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now))
}

func TestTheServiceManagerIsToldAndSIGTERMStops(t *testing.T) {
	clitest.CheckService(t, "sensor")
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestALiveViewEndsWithTheDaemonOrItsReader(t *testing.T) {
	defer goleak.VerifyNone(t)
	draining := make(chan struct{})
	var errs bytes.Buffer
	command := newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now)
	watch := []string{"link", "watch"}
	once := writerFunc(func([]byte) { // once it shows something
		select {
		case <-draining:
		default:
			close(draining)
		}
	})
	if exit := command(t.Context(), acts.Actor{}, watch, sshd.Streams{Out: once, Err: &errs, Draining: draining}); exit != cli.ExitCannotConnect || !strings.Contains(errs.String(), "the daemon is stopping") {
		t.Errorf("the daemon stops: exit %d, messages %q", exit, errs.String())
	}
	var said bytes.Buffer
	ctx, leave := context.WithCancel(t.Context())
	if exit := command(ctx, acts.Actor{}, watch, sshd.Streams{Out: writerFunc(func([]byte) { leave() }), Err: &said}); exit != cli.ExitInterrupted || said.Len() > 0 {
		t.Errorf("interrupted: exit %d, messages %q", exit, said.String())
	}
	if exit := command(t.Context(), acts.Actor{}, watch, sshd.Streams{Out: brokenWriter{}, Err: io.Discard}); exit != cli.ExitFailed {
		t.Errorf("broken: exit %d", exit)
	}
}

func TestATestOfTheLinkEndsWithTheDaemonOrWhoeverAskedForIt(t *testing.T) {
	defer goleak.VerifyNone(t)
	fake := newFakeAdmin()
	fake.central.State = acts.LinkAccepted
	command := newCommand(fake, "1", slog.New(slog.DiscardHandler), time.Now)
	long := []string{"link", "test", "--seconds", "30"}
	draining := make(chan struct{})
	close(draining)
	var errs bytes.Buffer
	if exit := command(t.Context(), acts.Actor{}, long, sshd.Streams{Out: io.Discard, Err: &errs, Draining: draining}); exit != cli.ExitCannotConnect || !strings.Contains(errs.String(), "the daemon is stopping") {
		t.Errorf("the daemon stops: exit %d, messages %q", exit, errs.String())
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if exit := command(ctx, acts.Actor{}, long, sshd.Streams{Out: io.Discard, Err: io.Discard}); exit != cli.ExitInterrupted {
		t.Errorf("interrupted: exit %d", exit)
	}
}

package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// TestAWithdrawnPersonsTerminalIsPutBack: whoever draws has a moment for it, but
// hears nothing any more, and cannot end as if all were well.
func TestAWithdrawnPersonsTerminalIsPutBack(t *testing.T) {
	started, heard := make(chan struct{}, 1), make(chan error, 1)
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		in, out := s.Terminal.Raw()
		started <- struct{}{}
		<-ctx.Done()
		_, err := in.Read(make([]byte, 1))
		heard <- err
		fmt.Fprint(out, "the screen is put back")
		return 0
	}})
	client := n.as(t, password(ownersPassword))
	session, keys, screen := onTerminal(t, client, "menu")
	receive(t, started, "the menu to start")
	n.delete("admin")
	// It may have gone already.
	_, _ = io.WriteString(keys, "x")
	if err := receive(t, heard, "the menu to end"); !errors.Is(err, context.Canceled) {
		t.Errorf("the menu hears %v", err)
	}
	var status *ssh.ExitError
	if err := session.Wait(); !errors.As(err, &status) || status.ExitStatus() == 0 {
		t.Errorf("the menu ended with %v", err)
	}
	if got := screen.String(); got != "the screen is put back" {
		t.Errorf("on the screen: %q", got)
	}
	if _, err := client.NewSession(); err == nil {
		t.Error("another session begins")
	}
	connectionEnds(t, client)
}

// TestAWithdrawnTerminalThatDoesNotReadIsCut: the moment is short.
func TestAWithdrawnTerminalThatDoesNotReadIsCut(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(_ context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		_, out := s.Terminal.Raw()
		started <- struct{}{}
		for {
			if _, err := out.Write(make([]byte, 1<<16)); err != nil {
				ended <- struct{}{}
				return 0
			}
		}
	}})
	client := n.as(t, password(ownersPassword))
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := session.StdoutPipe(); err != nil { // nobody reads it
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	receive(t, started, "the menu to start")
	n.delete("admin")
	receive(t, ended, "the menu to be freed")
	connectionEnds(t, client)
}

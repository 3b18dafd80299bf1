package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// onTerminal begins a command on a terminal and returns what is typed and what
// is shown.
func onTerminal(t *testing.T, client *ssh.Client, line string) (*ssh.Session, io.WriteCloser, *lockedBuffer) {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	keys, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	shown := &lockedBuffer{}
	session.Stdout, session.Stderr = shown, shown
	if err := session.Start(line); err != nil {
		t.Fatal(err)
	}
	return session, keys, shown
}

// typed sends keys.
func typed(t *testing.T, keys io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(keys, text); err != nil {
		t.Fatal(err)
	}
}

// exitStatus waits for a session's end.
func exitStatus(t *testing.T, session *ssh.Session) int {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	err := receive(t, ended, "the session to end")
	var status *ssh.ExitError
	switch {
	case errors.As(err, &status):
		return status.ExitStatus()
	case err != nil:
		t.Fatal(err)
	}
	return 0
}

func TestACookedTerminalServesCommandsThatKnowNone(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(_ context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		io.WriteString(s.Err, "first\n")
		in, err := io.ReadAll(s.In)
		fmt.Fprintf(s.Out, "%q %v\n", in, err)
		if n, err := s.In.Read(make([]byte, 9)); n != 0 || err != io.EOF {
			return 9
		}
		return 3
	}})
	client := n.as(t, password(ownersPassword))
	session, keys, shown := onTerminal(t, client, "x")
	typed(t, keys, "one\rtwo\nthree\x04ignored")
	if status := exitStatus(t, session); status != 3 {
		t.Errorf("exit status %d", status)
	}
	if got, want := shown.String(), "first\r\n\"one\\ntwo\\nthree\" <nil>\r\n"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}

	// The channel's end of input is one too.
	session, keys, shown = onTerminal(t, client, "x")
	typed(t, keys, "line\r")
	keys.Close()
	if exitStatus(t, session); !strings.Contains(shown.String(), `"line\n" <nil>`) {
		t.Errorf("shown %q", shown)
	}
}

func TestInterruptTypedAtATerminalEndsTheCommand(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
		io.WriteString(s.Out, "ready\n")
		if args[0] == "read" {
			_, err := io.ReadAll(s.In)
			fmt.Fprintf(s.Out, "%v\n", err)
		}
		<-ctx.Done()
		io.WriteString(s.Out, "bye\n")
		return 130
	}})
	client := n.as(t, password(ownersPassword))
	for line, want := range map[string]string{"wait": "ready\r\nbye\r\n", "read": "ready\r\ncontext canceled\r\nbye\r\n"} {
		session, keys, shown := onTerminal(t, client, line)
		eventually(t, "the command", func() bool { return shown.String() != "" })
		typed(t, keys, strings.Repeat("nobody reads this\r", 500)+"\x03")
		if status := exitStatus(t, session); status != 130 || shown.String() != want {
			t.Errorf("%s: exit status %d, shown %q", line, status, shown)
		}
	}
	// Typed before the command begins, it counts as well.
	channel, requests, err := client.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	typed(t, channel, "\x03")
	for _, request := range []struct {
		kind    string
		payload any
	}{
		{"pty-req", struct {
			Term       string
			C, R, W, H uint32
			Modes      string
		}{Term: "xterm"}},
		{"exec", struct{ Line string }{"wait"}},
	} {
		if ok, err := channel.SendRequest(request.kind, true, ssh.Marshal(request.payload)); err != nil || !ok {
			t.Fatalf("%s: %v, %v", request.kind, ok, err)
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, channel)
		ended <- err
	}()
	if err := receive(t, ended, "the command to end"); err != nil {
		t.Error(err)
	}
}

func TestARawTerminalChangesNothing(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		in, out := s.Terminal.Raw()
		if _, err := s.In.Read(make([]byte, 1)); err == nil {
			return 9 // it has another reader
		}
		io.WriteString(out, "ready\n")
		if _, err := io.CopyN(out, in, int64(len(all))); err != nil || ctx.Err() != nil {
			return 8
		}
		return 0
	}})
	session, keys, shown := onTerminal(t, n.as(t, password(ownersPassword)), "menu")
	eventually(t, "the program", func() bool { return shown.String() == "ready\n" })
	typed(t, keys, string(all)) // an interrupt and an end among them
	if status := exitStatus(t, session); status != 0 || shown.String() != "ready\n"+string(all) {
		t.Errorf("exit status %d, shown %q", status, shown)
	}
}

func TestTypedAheadKeysReachAProgramThatDraws(t *testing.T) {
	begin := make(chan struct{})
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		<-begin
		in, out := s.Terminal.Raw()
		if _, err := io.CopyN(out, in, 5); err != nil {
			return 1
		}
		return 0
	}})
	session, keys, shown := onTerminal(t, n.as(t, password(ownersPassword)), "menu")
	typed(t, keys, "1\r\x04\x1b")
	if err := session.WindowChange(30, 100); err != nil { // comes after the keys
		t.Fatal(err)
	}
	close(begin)
	typed(t, keys, "x")
	if status := exitStatus(t, session); status != 0 || shown.String() != "1\r\x04\x1bx" {
		t.Errorf("exit status %d, shown %q", status, shown)
	}
}

// drawing is a program that prints its size whenever that changes, until q is
// typed; then it fails.
func drawing(ctx context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
	in, out := s.Terminal.Raw()
	quit := make(chan struct{})
	go func() {
		defer close(quit)
		key := make([]byte, 1)
		for key[0] != 'q' {
			if _, err := in.Read(key); err != nil {
				return
			}
		}
	}()
	for {
		columns, rows := s.Terminal.Size()
		fmt.Fprintf(out, "[%s %s %dx%d %s]", args[0], s.Terminal.Name, columns, rows, s.Terminal.Env["LANG"])
		select {
		case <-s.Terminal.Resized:
		case <-quit:
			return 4
		case <-ctx.Done():
			return 5
		}
	}
}

func TestTheLocalBinaryRunsAProgramThatDraws(t *testing.T) {
	server := start(t, sshd.Config{Command: drawing})
	client := dial(t, server.path)
	in, keys := io.Pipe()
	size, resized := make(chan [2]int, 2), make(chan struct{}, 1)
	size <- [2]int{120, 40}
	shown := &lockedBuffer{}
	type result struct {
		exit int
		err  error
	}
	done := make(chan result, 1)
	go func() {
		exit, err := client.RunTerminal(t.Context(), []string{"menu"}, sshd.ClientTerminal{
			Name: "tmux-256color", Env: map[string]string{"LANG": "C.UTF-8", "HOME": "/root"},
			Size: func() (int, int) { s := <-size; return s[0], s[1] }, Resized: resized, In: in, Out: shown,
		})
		done <- result{exit, err}
	}()
	eventually(t, "the first picture", func() bool { return shown.String() == "[menu tmux-256color 120x40 C.UTF-8]" })
	size <- [2]int{81, 25}
	resized <- struct{}{}
	eventually(t, "the second picture", func() bool {
		return strings.HasSuffix(shown.String(), "[menu tmux-256color 81x25 C.UTF-8]")
	})
	typed(t, keys, "\x03q") // an interrupt is a key like others
	if r := receive(t, done, "RunTerminal"); r.err != nil || r.exit != 4 {
		t.Errorf("exit %d, %v", r.exit, r.err)
	}
	keys.Close()
}

func TestTheLocalBinarysTerminalEndsWithItsContextAndItsDaemon(t *testing.T) {
	server := start(t, sshd.Config{Command: drawing, Drain: time.Millisecond})
	client := dial(t, server.path)
	for _, end := range []string{"context", "daemon"} {
		ctx, cancel := context.WithCancel(t.Context())
		in, keys := io.Pipe()
		shown := &lockedBuffer{}
		done := make(chan error, 1)
		go func() {
			_, err := client.RunTerminal(ctx, []string{"menu"}, sshd.ClientTerminal{
				Size: func() (int, int) { return 80, 24 }, In: in, Out: shown,
			})
			done <- err
		}()
		eventually(t, "the picture", func() bool { return shown.String() != "" })
		want := context.Canceled
		if end == "context" {
			cancel()
		} else {
			server.stop()
			want = sshd.ErrLost
		}
		if err := receive(t, done, "RunTerminal"); !errors.Is(err, want) {
			t.Errorf("the %s ended: %v, want %v", end, err, want)
		}
		keys.Close()
		cancel()
	}
}

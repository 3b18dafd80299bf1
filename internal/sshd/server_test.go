package sshd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// running is a server with its log, ended when the test ends.
type running struct {
	*sshd.Server
	path string // of a unix socket
	log  *lockedBuffer
	stop context.CancelFunc
	done chan error // Run's result
}

// end stops the server and returns Run's result.
func (r *running) end(t testing.TB) error {
	t.Helper()
	r.stop()
	return receive(t, r.done, "Run to return")
}

func start(t testing.TB, cfg sshd.Config) *running {
	t.Helper()
	path := socketPath(t)
	r := run(t, cfg, func(cfg sshd.Config) (*sshd.Server, error) { return sshd.ListenUnix(path, cfg) })
	r.path = path
	return r
}

// run runs the server that listen makes.
func run(t testing.TB, cfg sshd.Config, listen func(sshd.Config) (*sshd.Server, error)) *running {
	t.Helper()
	r := &running{log: &lockedBuffer{}, done: make(chan error, 1)}
	cfg.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	server, err := listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = server
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.done <- server.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		receive(t, ended, "the server to end")
	})
	return r
}

// socketPath is a path short enough for a socket.
func socketPath(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "sshd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return filepath.Join(folder, "d.sock")
}

func dial(t testing.TB, path string) *sshd.Client {
	t.Helper()
	client, err := sshd.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// dialSSH connects with the SSH library alone, as a foreign client would.
func dialSSH(t testing.TB, path string) *ssh.Client {
	t.Helper()
	raw, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, channels, requests, err := ssh.NewClientConn(raw, "", &ssh.ClientConfig{
		User:            "anybody",
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(conn, channels, requests)
	t.Cleanup(func() { client.Close() })
	return client
}

func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// echo prints who asks and what, and exits with the number of arguments.
func echo(_ context.Context, who acts.Actor, args []string, s sshd.Streams) int {
	fmt.Fprintf(s.Out, "%s %s %s %s\n", who.Account, who.Role, who.Face, who.From)
	fmt.Fprintf(s.Err, "%q\n", args)
	return len(args)
}

func TestACommandGetsTheLocalAccountItsArgumentsAndItsStreams(t *testing.T) {
	server := start(t, sshd.Config{Command: echo})
	var out, errs bytes.Buffer
	exit, err := dial(t, server.path).Run(t.Context(), []string{"event", "list", "--text", "a b;'c"}, sshd.Streams{Out: &out, Err: &errs})
	if err != nil || exit != 4 {
		t.Fatalf("exit %d, %v; want 4", exit, err)
	}
	if want := "local local-administrator command local\n"; out.String() != want {
		t.Errorf("output %q, want %q", out.String(), want)
	}
	if want := `["event" "list" "--text" "a b;'c"]` + "\n"; errs.String() != want {
		t.Errorf("messages %q, want %q", errs.String(), want)
	}
}

func TestAForeignClientRunsCommandsToo(t *testing.T) {
	server := start(t, sshd.Config{Command: echo})
	client := dialSSH(t, server.path)
	for range 12 { // more than the sessions a connection may have at a time
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := session.Output("certificate show")
		var status *ssh.ExitError
		if !errors.As(err, &status) || status.ExitStatus() != 2 {
			t.Fatalf("ended with %v, want exit status 2", err)
		}
		if !strings.HasPrefix(string(out), "local ") {
			t.Fatalf("output %q", out)
		}
	}
}

func TestALineWithShellSyntaxIsAUsageError(t *testing.T) {
	server := start(t, sshd.Config{Command: echo})
	session, err := dialSSH(t, server.path).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	session.Stderr = &errs
	err = session.Run("status; reboot")
	var status *ssh.ExitError
	if !errors.As(err, &status) || status.ExitStatus() != 2 {
		t.Fatalf("ended with %v, want exit status 2", err)
	}
	if !strings.Contains(errs.String(), "there is no shell here") {
		t.Errorf("messages %q", errs.String())
	}
}

func TestASessionRunsOneCommandOnly(t *testing.T) {
	release := make(chan struct{})
	server := start(t, sshd.Config{Command: func(context.Context, acts.Actor, []string, sshd.Streams) int {
		<-release
		return 0
	}})
	channel, requests, err := dialSSH(t, server.path).OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	line := ssh.Marshal(struct{ Line string }{"status"})
	for i, want := range []bool{true, false} {
		if ok, err := channel.SendRequest("exec", true, line); err != nil || ok != want {
			t.Errorf("exec %d: %v, %v; want %v", i+1, ok, err, want)
		}
	}
	if ok, err := channel.SendRequest("shell", true, nil); err != nil || ok {
		t.Errorf("shell after exec: %v, %v; want a refusal", ok, err)
	}
	close(release)
}

func TestTheEleventhSessionOfAConnectionIsRefused(t *testing.T) {
	server := start(t, sshd.Config{Command: echo})
	client := dialSSH(t, server.path)
	var first *ssh.Session
	for i := range 10 {
		session, err := client.NewSession()
		if err != nil {
			t.Fatalf("session %d: %v", i+1, err)
		}
		if first == nil {
			first = session
		}
	}
	_, err := client.NewSession()
	var refused *ssh.OpenChannelError
	if !errors.As(err, &refused) || refused.Reason != ssh.ResourceShortage {
		t.Fatalf("session 11: %v, want a refusal", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	// The place is free when the server has seen the close.
	deadline := time.Now().Add(patience)
	for {
		if _, err := client.NewSession(); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("no session after one was closed: %v", err)
		}
	}
}

func TestAPanicStaysInItsSession(t *testing.T) {
	server := start(t, sshd.Config{Command: func(_ context.Context, _ acts.Actor, args []string, _ sshd.Streams) int {
		if args[0] == "panic" {
			panic("the roof is on fire")
		}
		return 0
	}})
	client := dial(t, server.path)
	var errs bytes.Buffer
	exit, err := client.Run(t.Context(), []string{"panic"}, sshd.Streams{Err: &errs})
	if err != nil || exit != 1 {
		t.Errorf("exit %d, %v; want 1", exit, err)
	}
	if got := errs.String(); !strings.Contains(got, "internal error") || strings.Contains(got, "roof") {
		t.Errorf("messages %q: want no more than that there was an error", got)
	}
	if exit, err := client.Run(t.Context(), []string{"fine"}, sshd.Streams{}); err != nil || exit != 0 {
		t.Errorf("after the panic: exit %d, %v", exit, err)
	}
	if log := server.log.String(); !strings.Contains(log, "the roof is on fire") || !strings.Contains(log, "server_test.go") {
		t.Errorf("the log lacks the panic or its stack:\n%s", log)
	}
}

func TestTwoHundredCommandsAtOnceKeepTheirStreamsApart(t *testing.T) {
	server := start(t, sshd.Config{Command: func(_ context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
		in, err := io.ReadAll(s.In)
		if err != nil {
			return 99
		}
		fmt.Fprintf(s.Out, "%s %s", args[0], in)
		return len(in)
	}})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			client, err := sshd.Dial(t.Context(), server.path)
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			defer client.Close()
			name, in := fmt.Sprint("n", i), strings.Repeat("x", i%100)
			var out bytes.Buffer
			exit, err := client.Run(t.Context(), []string{name}, sshd.Streams{In: strings.NewReader(in), Out: &out})
			if err != nil || exit != len(in) || out.String() != name+" "+in {
				t.Errorf("client %d: exit %d, %v, output %q", i, exit, err, out.String())
			}
		})
	}
	wg.Wait()
}

// A program that cannot start another cannot be made to. The tests with the
// usual programs look at the process list besides.
func TestTheServerHasNoWayToStartAProcess(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "vedette/internal/sshd").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "golang.org/x/crypto/ssh") || !slices.Contains(packages, "os") {
		t.Fatalf("no list of packages: %q", packages)
	}
	for _, never := range []string{"os/exec", "plugin"} {
		if slices.Contains(packages, never) {
			t.Errorf("the server depends on %s", never)
		}
	}
}

package sshd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// hashing reads or writes pseudo-random bytes and keeps their hash.
type hashing struct {
	src  *rand.ChaCha8
	left int64
	sum  hash.Hash
}

func newHashing(n int64) *hashing {
	return &hashing{src: rand.NewChaCha8([32]byte{1}), left: n, sum: sha256.New()}
}

func (h *hashing) Read(p []byte) (int, error) {
	if h.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), h.left)]
	h.src.Read(p)
	h.left -= int64(len(p))
	h.sum.Write(p)
	return len(p), nil
}

func TestSixtyFourMegabytesPassBothWaysInBoundedMemory(t *testing.T) {
	const size, bound = 64 << 20, 24 << 20
	var peak atomic.Uint64
	sample := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapInuse > peak.Load() {
			peak.Store(m.HeapInuse)
		}
	}
	server := start(t, sshd.Config{Command: func(_ context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		buf := make([]byte, 64<<10)
		for i := 0; ; i++ {
			n, err := s.In.Read(buf)
			if _, werr := s.Out.Write(buf[:n]); werr != nil {
				return 2
			}
			if i%256 == 0 {
				sample()
			}
			if err == io.EOF {
				return 0
			}
			if err != nil {
				return 1
			}
		}
	}})
	client := dial(t, server.path)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	in, out := newHashing(size), sha256.New()
	exit, err := client.Run(t.Context(), []string{"copy"}, sshd.Streams{In: in, Out: out})
	if err != nil || exit != 0 {
		t.Fatalf("exit %d, %v", exit, err)
	}
	if in.left != 0 || !bytes.Equal(in.sum.Sum(nil), out.Sum(nil)) {
		t.Error("the bytes that came back are not those that were sent")
	}
	if grown := int64(peak.Load()) - int64(before.HeapInuse); grown > bound {
		t.Errorf("the heap grew by %d MiB, want at most %d", grown>>20, bound>>20)
	}
}

func TestAReaderThatWaitsHoldsTheWriterBack(t *testing.T) {
	written := make(chan int, 1)
	var sent atomic.Int64
	server := start(t, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		chunk := make([]byte, 64<<10)
		for {
			n, err := s.Out.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				written <- int(sent.Load())
				return 1
			}
		}
	}})
	session, err := dialSSH(t, server.path).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("write"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	session.Close()
	if n := receive(t, written, "the writer to stop"); n > 8<<20 {
		t.Errorf("%d MiB were written to a reader of one", n>>20)
	}
}

// report tells that a command began and how its input ended.
func report(begun chan<- struct{}, ended chan<- error) sshd.Command {
	return func(_ context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		begun <- struct{}{}
		_, err := io.Copy(io.Discard, s.In)
		ended <- err
		return 0
	}
}

func TestAnInputThatIsEndedAndOneThatIsCutOffDiffer(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan error, 1)
	server := start(t, sshd.Config{Command: report(begun, ended)})

	if exit, err := dial(t, server.path).Run(t.Context(), []string{"x"}, sshd.Streams{In: strings.NewReader("whole")}); err != nil || exit != 0 {
		t.Fatalf("exit %d, %v", exit, err)
	}
	receive(t, begun, "the command")
	if err := receive(t, ended, "the whole input"); err != nil {
		t.Errorf("a whole input ended with %v", err)
	}

	for name, leave := range map[string]func(*ssh.Client, *ssh.Session){
		"connection": func(c *ssh.Client, _ *ssh.Session) { c.Close() },
		"session":    func(_ *ssh.Client, s *ssh.Session) { s.Close() },
	} {
		client := dialSSH(t, server.path)
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		in, err := session.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start("x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, "half"); err != nil {
			t.Fatal(err)
		}
		receive(t, begun, "the command") // one whose client has gone does not begin
		leave(client, session)
		if err := receive(t, ended, "the half input"); err == nil {
			t.Errorf("a client that left (%s) looks like one that sent everything", name)
		}
	}
}

func TestAnInputThatBreaksIsNotTakenForAWholeOne(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan error, 1)
	server := start(t, sshd.Config{Command: report(begun, ended)})
	broken := io.MultiReader(strings.NewReader("half"), brokenReader{begun})
	if _, err := dial(t, server.path).Run(t.Context(), []string{"x"}, sshd.Streams{In: broken}); !errors.Is(err, sshd.ErrLost) {
		t.Errorf("Run ended with %v", err)
	}
	if err := receive(t, ended, "the half input"); err == nil {
		t.Error("a broken input looks like a whole one")
	}
}

// brokenReader breaks when something has begun.
type brokenReader struct{ begun <-chan struct{} }

func (r brokenReader) Read([]byte) (int, error) {
	<-r.begun
	return 0, errors.New("disk on fire")
}

func TestACommandNeedNotReadItsInput(t *testing.T) {
	server := start(t, sshd.Config{Command: echo})
	in, w := io.Pipe() // never ends
	defer w.Close()
	exit, err := dial(t, server.path).Run(t.Context(), []string{"a"}, sshd.Streams{In: in})
	if err != nil || exit != 1 {
		t.Errorf("exit %d, %v; want 1", exit, err)
	}
}

// waits runs until its context ends, reading its input when told to.
func waits(started chan<- struct{}, ended chan<- error) sshd.Command {
	return func(ctx context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
		started <- struct{}{}
		if args[0] == "read" {
			io.Copy(io.Discard, s.In)
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return 130
	}
}

func TestAClientThatGoesAwayEndsItsCommand(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	server := start(t, sshd.Config{Command: waits(started, ended)})
	for _, what := range []string{"wait", "read"} {
		client := dialSSH(t, server.path)
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := session.Start(what); err != nil {
			t.Fatal(err)
		}
		receive(t, started, "the command to start")
		client.Close()
		receive(t, ended, "the command to end")
	}
}

func TestASignalEndsACommandThatWaitsForInput(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	server := start(t, sshd.Config{Command: waits(started, ended)})
	session, err := dialSSH(t, server.path).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.StdinPipe(); err != nil { // stays open
		t.Fatal(err)
	}
	if err := session.Start("read"); err != nil {
		t.Fatal(err)
	}
	receive(t, started, "the command to start")
	if err := session.Signal(ssh.SIGINT); err != nil {
		t.Fatal(err)
	}
	receive(t, ended, "the command to end")
	var status *ssh.ExitError
	if err := session.Wait(); !errors.As(err, &status) || status.ExitStatus() != 130 {
		t.Errorf("ended with %v, want exit status 130", err)
	}
}

func TestAnInterruptedRunEndsTheCommand(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	server := start(t, sshd.Config{Command: waits(started, ended)})
	client := dial(t, server.path)
	for _, what := range []string{"wait", "read"} {
		in, w := io.Pipe() // a terminal at which nobody types
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := client.Run(ctx, []string{what}, sshd.Streams{In: in})
			result <- err
		}()
		receive(t, started, "the command to start")
		cancel()
		receive(t, ended, "the command to end")
		if err := receive(t, result, "Run to return"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Run ended with %v", what, err)
		}
		w.Close()
	}
}

func TestAnOutputThatBreaksEndsTheCommand(t *testing.T) {
	ended := make(chan struct{})
	server := start(t, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		defer close(ended)
		for {
			if _, err := io.WriteString(s.Out, "line\n"); err != nil {
				return 1
			}
		}
	}})
	client, result := dial(t, server.path), make(chan error, 1)
	go func() {
		_, err := client.Run(t.Context(), []string{"watch"}, sshd.Streams{Out: brokenWriter{}})
		result <- err
	}()
	if err := receive(t, result, "Run to return"); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("Run ended with %v, want the writer's error", err)
	}
	receive(t, ended, "the command to end")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortBuffer }

func TestShutdownWaitsForRunningCommands(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	server := start(t, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		close(started)
		<-s.Draining // the server has begun to stop
		<-release
		if ctx.Err() != nil {
			return 1
		}
		io.WriteString(s.Out, "done")
		return 7
	}, Drain: time.Minute})
	idle := dialSSH(t, server.path)
	client := dial(t, server.path)
	var out bytes.Buffer
	result := make(chan int, 1)
	go func() {
		exit, err := client.Run(t.Context(), []string{"x"}, sshd.Streams{Out: &out})
		if err != nil {
			t.Error(err)
		}
		result <- exit
	}()
	receive(t, started, "the command to start")
	server.stop()
	idle.Wait() // a connection that does nothing is closed at once
	if _, err := sshd.Dial(t.Context(), server.path); !errors.Is(err, sshd.ErrNoDaemon) {
		t.Errorf("a stopping server was reached: %v", err)
	}
	close(release)
	if exit := receive(t, result, "the command to end"); exit != 7 || out.String() != "done" {
		t.Errorf("exit %d, output %q", exit, out.String())
	}
	client.Close() // it would be closed at the drain's end
	if err := receive(t, server.done, "Run to return"); err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsAtTheDeadline(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	server := start(t, sshd.Config{Command: waits(started, ended), Drain: 50 * time.Millisecond})
	client := dial(t, server.path)
	result := make(chan error, 1)
	go func() {
		_, err := client.Run(t.Context(), []string{"wait"}, sshd.Streams{})
		result <- err
	}()
	receive(t, started, "the command to start")
	if err := server.end(t); err != nil {
		t.Error(err)
	}
	receive(t, ended, "the command to end")
	if err := receive(t, result, "Run to return"); !errors.Is(err, sshd.ErrLost) {
		t.Errorf("the client's Run ended with %v", err)
	}
}

package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/sshd"
	"vedette/internal/sshd/home"
)

// flood writes until it cannot.
func flood(_ context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
	chunk := make([]byte, 64<<10)
	for {
		if _, err := s.Out.Write(chunk); err != nil {
			return 1
		}
	}
}

func TestAnInterruptFreesAWriterWhoseClientDoesNotRead(t *testing.T) {
	freed := make(chan struct{})
	n := listen(t, sshd.Network{}, sshd.Config{Command: func(ctx context.Context, who acts.Actor, args []string, s sshd.Streams) int {
		defer close(freed)
		flood(ctx, who, args, s)
		return 130
	}})
	client := n.as(t, password(ownersPassword))
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("flood"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1<<20)); err != nil { // then no more
		t.Fatal(err)
	}
	if err := session.Signal(ssh.SIGINT); err != nil {
		t.Fatal(err)
	}
	receive(t, freed, "the command to end")
	// The connection lives, and what was written arrives when it is read.
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if status := exitStatus(t, session); status != 130 {
		t.Errorf("exit status %d", status)
	}
	if _, err := client.NewSession(); err != nil {
		t.Errorf("the connection has ended: %v", err)
	}
}

// stalling is a client's connection that stops to read when it is told.
type stalling struct {
	net.Conn
	stalled chan struct{}
	closed  chan struct{}
}

func (s stalling) Read(p []byte) (int, error) {
	select {
	case <-s.stalled:
		<-s.closed
		return 0, net.ErrClosed
	default:
		return s.Conn.Read(p)
	}
}

func TestASilentClientIsTakenForGone(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	commands := map[string]sshd.Command{
		"quiet": waits(started, ended),
		"blocked": func(ctx context.Context, who acts.Actor, args []string, s sshd.Streams) int {
			started <- struct{}{}
			flood(ctx, who, args, s)
			<-ctx.Done() // told by the same end of the connection, not before the write fails
			ended <- ctx.Err()
			return 1
		},
	}
	for name, command := range commands {
		n := listen(t, sshd.Network{}, sshd.Config{Command: command, Silence: time.Second})
		conn := stalling{n.connect(t, "127.0.0.1"), make(chan struct{}), make(chan struct{})}
		client, err := n.signInOver(conn, "admin", nil, password(ownersPassword))
		if err != nil {
			t.Fatal(err)
		}
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start("wait"); err != nil {
			t.Fatal(err)
		}
		receive(t, started, "the command to start")
		close(conn.stalled)
		if err := receive(t, ended, "the command to end"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the command ended with %v", name, err)
		}
		eventually(t, "the session to end", func() bool { return len(n.table.List()) == 0 })
		close(conn.closed)
		client.Close()
	}
}

func TestAClientThatOnlyAnswersStays(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{Silence: 1500 * time.Millisecond})
	conn, channels, requests, err := ssh.NewClientConn(n.connect(t, "127.0.0.1"), "", &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{password(ownersPassword)}, HostKeyCallback: ssh.FixedHostKey(n.key),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A third of the time that it may be silent for lies between two. That is
	// long, so that a machine that is busy does not make the client silent.
	const questions = 6
	for i := range questions {
		request := receive(t, requests, "a question")
		if request == nil || request.Type != "keepalive@openssh.com" || !request.WantReply {
			t.Fatalf("question %d is %+v", i, request)
		}
		if err := request.Reply(false, nil); err != nil { // as OpenSSH does
			t.Fatal(err)
		}
	}
	if got := output(t, ssh.NewClient(conn, channels, requests), "x"); !strings.HasPrefix(got, "admin ") {
		t.Errorf("afterwards a command says %q", got)
	}
}

// cutting is a client's connection that ends after some bytes, by one of the
// ways in which connections end.
type cutting struct {
	*net.TCPConn
	left atomic.Int64
	how  int
}

func (c *cutting) spend(n int) {
	if c.left.Add(int64(-n)) > 0 {
		return
	}
	switch c.how {
	case 0:
		c.Close()
	case 1:
		c.SetLinger(0) // a reset
		c.Close()
	case 2:
		c.CloseWrite() // half of it; the server ends the rest
	}
}

func (c *cutting) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.spend(n)
	return n, err
}

func (c *cutting) Write(p []byte) (int, error) {
	// Part of a packet is also a moment.
	n, err := c.TCPConn.Write(p[:min(int64(len(p)), max(0, c.left.Load()))])
	if c.spend(len(p)); err == nil && n < len(p) {
		err = io.ErrClosedPipe
	}
	return n, err
}

// resources are what a process must not lose.
type resources struct {
	goroutines, descriptors int
	heap                    int64
}

func resourcesNow(t *testing.T) resources {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return resources{runtime.NumGoroutine(), len(open), heap()}
}

func TestAThousandSessionsDroppedAtRandomMomentsLeaveNothing(t *testing.T) {
	const sessions, workers, seed = 1000, 16, 20261122
	var running, begun atomic.Int64
	n := listen(t, sshd.Network{Limits: budget.Limits{Strangers: 1000, PerAddress: 1000}}, sshd.Config{
		Home: func(acts.Actor) home.Folder { return &memoryFolder{} },
		Command: func(ctx context.Context, who acts.Actor, args []string, s sshd.Streams) int {
			running.Add(1)
			begun.Add(1)
			defer running.Add(-1)
			switch args[0] {
			case "flood":
				return flood(ctx, who, args, s)
			case "menu":
				if s.Terminal == nil {
					return 2
				}
				return drawing(ctx, who, args, s)
			case "read":
				io.Copy(io.Discard, s.In)
			}
			<-ctx.Done()
			return 1
		},
	})
	n.as(t, password(ownersPassword)).Close() // what is made once is made
	eventually(t, "the session to end", func() bool { return len(n.table.List()) == 0 })
	before := resourcesNow(t)

	// Bytes of a whole sign-in with a session, so that moments spread over it.
	const whole = 9000
	jobs := make(chan int)
	var clients sync.WaitGroup
	for range workers {
		clients.Go(func() {
			for i := range jobs {
				random := rand.New(rand.NewPCG(seed, uint64(i)))
				raw, err := net.Dial("tcp", "127.0.0.1:"+n.port())
				if err != nil {
					t.Error(err)
					return
				}
				conn := &cutting{TCPConn: raw.(*net.TCPConn), how: random.IntN(3)}
				conn.left.Store(random.Int64N(whole))
				drop(n, conn, []string{"wait", "read", "flood", "menu", "scp -t .", "sftp"}[random.IntN(6)])
				raw.Close()
			}
		})
	}
	for i := range sessions {
		jobs <- i
	}
	close(jobs)
	clients.Wait()

	eventually(t, "commands and sessions to end", func() bool { return running.Load() == 0 && len(n.table.List()) == 0 })
	var after resources
	eventually(t, "goroutines and descriptors to be those of the start", func() bool {
		after = resourcesNow(t)
		return after.goroutines <= before.goroutines && after.descriptors <= before.descriptors
	})
	if grown := after.heap - before.heap; grown > 2<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if b := begun.Load(); b < sessions/10 || b > sessions*9/10 {
		t.Errorf("%d of %d sessions lived to begin a command: the moments are not spread", b, sessions)
	}
}

// drop does what the connection's bytes suffice for.
func drop(n *network, conn net.Conn, line string) {
	client, err := n.signInOver(conn, "admin", nil, password(ownersPassword))
	if err != nil {
		return
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return
	}
	if line == "menu" {
		if session.RequestPty("xterm", 24, 80, nil) != nil {
			return
		}
	}
	in, err := session.StdinPipe()
	if err != nil {
		return
	}
	if line == "sftp" {
		err = session.RequestSubsystem(line)
	} else {
		err = session.Start(line)
	}
	if err != nil {
		return
	}
	for i := 0; ; i++ { // until it is cut
		input := fmt.Sprintf("line %d\n", i)
		if line == "sftp" {
			input = "\x00\x00\x00\x05\x01\x00\x00\x00\x03" // INIT, version 3
		}
		if _, err := io.WriteString(in, input); err != nil {
			return
		}
		if line == "menu" && session.WindowChange(20+i%20, 80+i%40) != nil {
			return
		}
	}
}

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// bin is where TestMain has built the binaries.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "vedette-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+"/", "vedette/cmd/centralnode", "vedette/cmd/sensor", "vedette/cmd/agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the binaries: %v\n%s", err, out)
			return 1
		}
		bin = dir
		if signal.Ignored(syscall.SIGHUP) {
			// Under nohup, what tests start would not hear of a terminal that is
			// gone: a signal that is handled here is not ignored there.
			signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		}
		return m.Run()
	}())
}

// process is one program that the test started; it is ended with the test.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // after done
}

// spawn starts a program with its output in a file of the test's folder.
func spawn(t testing.TB, log, name string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{t: t, cmd: exec.Command(name, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() { p.kill() })
	return p
}

// kill ends the process as a power cut of the process would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop ends the process in order and fails the test when it does not.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stop %s: %v", p.cmd.Path, err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Fatalf("%s ended with %v:\n%s", p.cmd.Path, p.err, tail(p.log))
		}
	case <-time.After(busy * 30 * time.Second):
		p.t.Fatalf("%s does not stop:\n%s", p.cmd.Path, tail(p.log))
	}
}

func tail(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(raw) > 4000 {
		raw = raw[len(raw)-4000:]
	}
	return string(raw)
}

// busy is how many times as long as on a machine at rest everything may take: a
// limit is there for what hangs.
const busy = 4

// eventually polls until ok, for a bounded time: busy times the limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	limit *= busy
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// output is what a command wrote and how it ended.
type output struct {
	out, err string
	code     int
}

func command(t testing.TB, name string, args ...string) output {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), busy*2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return output{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// lastPort is the port that freePort gave last. Its ports lie below those that
// the kernel gives to outgoing connections and for port 0, or one of these could
// take a port before its daemon listens, or while that is restarted.
var lastPort atomic.Int32

const firstPort, endPort = 10_000, 30_000

// freePort finds a port that nobody has now and that no other test is given. A
// restarted daemon has to come back on the address it had, so port 0 does not
// serve here.
func freePort(t testing.TB) string {
	t.Helper()
	for range endPort - firstPort {
		port := firstPort + (os.Getpid()*97+int(lastPort.Add(1)))%(endPort-firstPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // somebody has it
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Addr().String()
	}
	t.Fatal("every port is taken")
	return ""
}

package yara

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
)

const (
	maxOutput = 1 << 20 // bytes of standard output
	maxErrors = 16 << 10
	maxOpen   = 64 // files
	// pipesAfter is how long output is waited for when the group is dead, and
	// only what left it can still hold the pipes.
	pipesAfter = time.Second
)

// child is one run of a program under limits.
type child struct {
	program  string
	args     []string
	dir      string
	files    []*os.File // 3, 4, ... in the child
	timeout  time.Duration
	memory   int64 // address space, bytes
	fileSize int64 // of any file that it writes
}

// outcome is how a run went.
type outcome struct {
	stdout, stderr []byte
	flooded        bool // there was more output than is read
	late           bool // our time limit ended it
	state          *os.ProcessState
}

// errNotStarted is in errors of programs that are not there, or not programs.
var errNotStarted = errors.New("the program cannot be started")

// run runs the child to its end, or to that of ctx. An error means that there is
// no outcome.
func (c child) run(ctx context.Context) (outcome, error) {
	program, err := find(c.program)
	if err != nil {
		return outcome{}, err
	}
	wrapper, err := find("prlimit")
	if err != nil {
		return outcome{}, fmt.Errorf("%w (package util-linux)", err)
	}
	limits, err := c.limits()
	if err != nil {
		return outcome{}, err
	}
	// The kernel sends the parent's death signal when the thread dies that made
	// the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	group := &group{}
	stdout, stderr := &bounded{left: maxOutput, full: group.kill}, &bounded{left: maxErrors}
	cmd := exec.Command(wrapper, append(append(limits, "--", program), c.args...)...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = []string{}, c.dir, c.files
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = stdout, stderr, pipesAfter
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if ctx.Err() != nil {
		return outcome{}, context.Cause(ctx)
	}
	group.mu.Lock() // output may flood before the number is known
	err = cmd.Start()
	if err == nil {
		group.leader = cmd.Process.Pid
	}
	group.mu.Unlock()
	if err != nil {
		return outcome{}, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stop := context.AfterFunc(limited, group.kill)
	err = group.wait()
	stop()
	late := limited.Err() != nil
	waited := cmd.Wait() // the state says more than its error
	if err != nil || cmd.ProcessState == nil {
		return outcome{}, fmt.Errorf("wait for %s: %w", c.program, errors.Join(err, waited))
	}
	if ctx.Err() != nil {
		return outcome{}, context.Cause(ctx)
	}
	return outcome{stdout.buffer.Bytes(), stderr.buffer.Bytes(), stdout.flooded, late, cmd.ProcessState}, nil
}

// find is exec.LookPath with a sentence for an administrator.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not installed, or not where the configuration says", errNotStarted, foreign.Line(program))
	}
	return path, nil
}

// limits are the arguments of prlimit(1). None is above what this process has as
// its hard limit, which only root could raise.
func (c child) limits() ([]string, error) {
	seconds := int64(c.timeout/time.Second) + 2
	var args []string
	for _, l := range []struct {
		name       string
		resource   int
		soft, hard int64
	}{
		{"as", unix.RLIMIT_AS, c.memory, c.memory},
		{"cpu", unix.RLIMIT_CPU, seconds, seconds + 1}, // at the hard limit the signal is SIGKILL
		{"fsize", unix.RLIMIT_FSIZE, c.fileSize, c.fileSize},
		{"nofile", unix.RLIMIT_NOFILE, maxOpen, maxOpen},
		{"core", unix.RLIMIT_CORE, 0, 0},
	} {
		var own unix.Rlimit
		if err := unix.Getrlimit(l.resource, &own); err != nil {
			return nil, fmt.Errorf("read the limit %s: %w", l.name, err)
		}
		args = append(args, fmt.Sprintf("--%s=%d:%d", l.name, min(uint64(l.soft), own.Max), min(uint64(l.hard), own.Max)))
	}
	return args, nil
}

// failure says what is wrong with a run; nil when the program ended as it should.
func (o outcome) failure(program string) error {
	status, _ := o.state.Sys().(syscall.WaitStatus)
	said := firstLine(o.stderr, "")
	switch {
	case o.late, status.Signaled() && status.Signal() == unix.SIGXCPU:
		return engine.ErrTimeout
	case o.flooded:
		return fmt.Errorf("%s wrote more than %d bytes", program, maxOutput)
	case status.Signaled():
		return fmt.Errorf("%s was ended by signal %v", program, status.Signal())
	case o.state.ExitCode() == 0:
		return nil
	case o.state.ExitCode() == 126, o.state.ExitCode() == 127: // prlimit's own, as a shell has it
		return fmt.Errorf("%w: %s", errNotStarted, said)
	case strings.Contains(said, "scanning timed out"):
		return engine.ErrTimeout
	case said == "":
		return fmt.Errorf("%s ended with status %d", program, o.state.ExitCode())
	}
	return fmt.Errorf("%s ended with status %d: %s", program, o.state.ExitCode(), said)
}

// firstLine is the first line that begins so, ready to be shown.
func firstLine(text []byte, prefix string) string {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && bytes.HasPrefix(line, []byte(prefix)) {
			return foreign.Bounded(foreign.Line(string(line)), 300)
		}
	}
	return ""
}

// group is the process group of a child. Its number stays taken as long as the
// leader was not waited for, so that no signal can hit another's.
type group struct {
	mu     sync.Mutex
	leader int // 0: not started, or at its end
}

func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leader != 0 {
		_ = unix.Kill(-g.leader, unix.SIGKILL) // it may be gone already
	}
}

// wait waits until the leader has ended, leaves it to be reaped, and ends what
// it left behind.
func (g *group) wait() error {
	g.mu.Lock()
	leader := g.leader
	g.mu.Unlock()
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, leader, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	g.kill()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leader = 0
	return err
}

// bounded keeps the beginning of an output.
type bounded struct {
	buffer  bytes.Buffer
	left    int
	flooded bool
	full    func() // when there is more; nil: the rest is dropped
}

func (b *bounded) Write(p []byte) (int, error) {
	keep := min(len(p), b.left)
	b.left -= keep
	b.buffer.Write(p[:keep])
	if keep < len(p) && !b.flooded {
		b.flooded = true
		if b.full != nil {
			b.full()
		}
	}
	return len(p), nil
}

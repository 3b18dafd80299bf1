package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
		build := exec.Command("go", "build", "-o", dir+"/", "vedette/cmd/centralnode", "vedette/cmd/agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the binaries: %v\n%s", err, out)
			return 1
		}
		bin = dir
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
	case <-time.After(30 * time.Second):
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

// eventually polls until ok, for a bounded time.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
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
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
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

// node is a Central Node of the real binary.
type node struct {
	*process
	t       testing.TB
	dir     string
	config  string
	address string
	local   string
}

// freePort asks the kernel for a port that nobody has now. A restarted daemon
// has to come back on the address it had, so port 0 does not serve here.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newNode configures a Central Node in a folder of its own and starts it.
// Further lines go to the end of the configuration.
func newNode(t testing.TB, lines ...string) *node {
	t.Helper()
	n := prepareNode(t, lines...)
	n.start()
	return n
}

// prepareNode is newNode without the start.
func prepareNode(t testing.TB, lines ...string) *node {
	t.Helper()
	// Not t.TempDir: its path may be too long for a socket.
	dir, err := os.MkdirTemp("", "cn-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	n := &node{t: t, dir: dir, config: filepath.Join(dir, "centralnode.toml"), address: freePort(t), local: freePort(t)}
	text := fmt.Sprintf("listen = %q\nlocal_listen = %q\nstate_dir = %q\nsocket = %q\n%s\n",
		n.address, n.local, n.state(), filepath.Join(dir, "socket"), strings.Join(lines, "\n"))
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) state() string { return filepath.Join(n.dir, "state") }

// start runs the daemon and waits until it answers.
func (n *node) start() {
	n.t.Helper()
	n.process = spawn(n.t, filepath.Join(n.dir, "log"), filepath.Join(bin, "centralnode"), "--config", n.config, "run")
	eventually(n.t, 30*time.Second, "the Central Node answers", func() bool {
		select {
		case <-n.done:
			n.t.Fatalf("the Central Node ended: %v\n%s", n.err, tail(n.log))
		default:
		}
		return n.run("status").code == 0
	})
}

// run gives a command to the local binary.
func (n *node) run(args ...string) output {
	n.t.Helper()
	return command(n.t, filepath.Join(bin, "centralnode"), append([]string{"--config", n.config}, args...)...)
}

// must is run for commands that have to succeed.
func (n *node) must(args ...string) string {
	n.t.Helper()
	o := n.run(args...)
	if o.code != 0 {
		n.t.Fatalf("centralnode %s: exit %d\n%s\nlog:\n%s", strings.Join(args, " "), o.code, o.err, tail(n.log))
	}
	return o.out
}

// read gives a command with --output json and decodes its answer.
func read[T any](n *node, args ...string) T {
	n.t.Helper()
	var v T
	out := n.must(append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		n.t.Fatalf("centralnode %s: %v in\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// certificate downloads the server certificate.
func (n *node) certificate() string {
	n.t.Helper()
	path := filepath.Join(n.dir, "centralnode.crt")
	n.must("certificate", "download", "--force", "--out", path)
	return path
}

// pfx generates an agent certificate.
func (n *node) pfx(name string) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name+".pfx")
	n.must("agent-certificate", "generate", "--name", name, "--out", path)
	return path
}

// agent is an Endpoint Agent of the real binary.
type agent struct {
	*process
	t      testing.TB
	dir    string
	config string
}

// newAgent prepares an agent in a folder of its own, not yet running.
// Further lines go to the end of its configuration.
func newAgent(t testing.TB, lines ...string) *agent {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a := &agent{t: t, dir: dir, config: filepath.Join(dir, "agent.toml")}
	text := fmt.Sprintf("state_dir = %q\npolicy_file = %q\n%s\n", filepath.Join(dir, "state"), a.policy(), strings.Join(lines, "\n"))
	if err := os.WriteFile(a.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *agent) policy() string { return filepath.Join(a.dir, "policy.toml") }

func (a *agent) start() {
	a.t.Helper()
	a.process = spawn(a.t, filepath.Join(a.dir, "log"), filepath.Join(bin, "agent"), "--config", a.config, "run")
}

func (a *agent) run(args ...string) output {
	a.t.Helper()
	return command(a.t, filepath.Join(bin, "agent"), append([]string{"--config", a.config}, args...)...)
}

func (a *agent) must(args ...string) string {
	a.t.Helper()
	o := a.run(args...)
	if o.code != 0 {
		a.t.Fatalf("agent %s: exit %d\n%s%s", strings.Join(args, " "), o.code, o.out, o.err)
	}
	return o.out
}

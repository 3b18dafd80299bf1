package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// daemon is a Central Node or a Sensor of the real binary.
type daemon struct {
	*process
	t       testing.TB
	program string
	dir     string
	config  string
	address string // where agents connect
	local   string // health and metrics
	ssh     string // where administrators connect; empty: only the local socket
	web     string // where the web interface is; empty: nowhere
	// inside is put in front of the daemon's command line: the network namespace
	// that it runs in.
	inside []string
}

// prepare configures a daemon in a folder of its own. Further lines go to the
// end of its configuration.
func prepare(t testing.TB, program, address, local string, lines ...string) *daemon {
	t.Helper()
	// Not t.TempDir: its path may be too long for a socket.
	dir, err := os.MkdirTemp("", program[:2]+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &daemon{t: t, program: program, dir: dir, config: filepath.Join(dir, program+".toml"), address: address, local: local}
	d.configure(lines...)
	return d
}

// configure writes the configuration.
func (d *daemon) configure(lines ...string) {
	d.t.Helper()
	text := fmt.Sprintf("listen = %q\nssh_listen = %q\nlocal_listen = %q\nstate_dir = %q\nsocket = %q\n",
		d.address, d.ssh, d.local, d.state(), filepath.Join(d.dir, "socket"))
	if d.program == "centralnode" {
		text += fmt.Sprintf("web_listen = %q\n", d.web)
	}
	text += strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) state() string { return filepath.Join(d.dir, "state") }

// start runs the daemon and waits until it answers.
func (d *daemon) start() {
	d.t.Helper()
	line := append(append([]string(nil), d.inside...), filepath.Join(bin, d.program), "--config", d.config, "run")
	d.process = spawn(d.t, filepath.Join(d.dir, "log"), line[0], line[1:]...)
	eventually(d.t, 30*time.Second, "the "+d.program+" answers", func() bool {
		select {
		case <-d.done:
			d.t.Fatalf("the %s ended: %v\n%s", d.program, d.err, tail(d.log))
		default:
		}
		return d.run("status").code == 0
	})
}

// run gives a command to the local binary.
func (d *daemon) run(args ...string) output {
	d.t.Helper()
	return command(d.t, filepath.Join(bin, d.program), append([]string{"--config", d.config}, args...)...)
}

// must is run for commands that have to succeed.
func (d *daemon) must(args ...string) string {
	d.t.Helper()
	o := d.run(args...)
	if o.code != 0 {
		d.t.Fatalf("%s %s: exit %d\n%s\nlog:\n%s", d.program, strings.Join(args, " "), o.code, o.err, tail(d.log))
	}
	return o.out
}

// it is the daemon itself, for functions that take either of the two.
func (d *daemon) it() *daemon { return d }

// read gives a command with --output json and decodes its answer.
func read[T any](of interface{ it() *daemon }, args ...string) T {
	d := of.it()
	d.t.Helper()
	var v T
	out := d.must(append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		d.t.Fatalf("%s %s: %v in\n%s", d.program, strings.Join(args, " "), err, out)
	}
	return v
}

// certificate downloads the server certificate.
func (d *daemon) certificate() string {
	d.t.Helper()
	path := filepath.Join(d.dir, d.program+".crt")
	d.must("certificate", "download", "--force", "--out", path)
	return path
}

// node is a Central Node.
type node struct{ *daemon }

// newNode configures a Central Node in a folder of its own and starts it.
func newNode(t testing.TB, lines ...string) *node {
	t.Helper()
	n := prepareNode(t, lines...)
	n.start()
	return n
}

// prepareNode is newNode without the start.
func prepareNode(t testing.TB, lines ...string) *node {
	t.Helper()
	return &node{prepare(t, "centralnode", freePort(t), freePort(t), lines...)}
}

// pfx generates an agent certificate.
func (n *node) pfx(name string) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name+".pfx")
	n.must("agent-certificate", "generate", "--name", name, "--out", path)
	return path
}

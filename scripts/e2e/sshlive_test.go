package e2e

import (
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/internal/acts"
)

// client is a program at a desk that runs.
type client struct {
	*process
	stdin io.WriteCloser
	ended chan time.Time
}

// begin starts a program, whose standard input stays open and whose output goes
// to a file.
func (k *desk) begin(name string, line []string) *client {
	k.t.Helper()
	c := &client{process: &process{t: k.t, cmd: k.prepared(line), log: k.path(name + ".out"), done: make(chan struct{})}, ended: make(chan time.Time, 1)}
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		k.t.Fatal(err)
	}
	defer out.Close()
	c.cmd.Stdout, c.cmd.Stderr = out, out
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		k.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		c.ended <- time.Now()
		close(c.done)
	}()
	k.t.Cleanup(c.kill)
	return c
}

// says waits until the program has written a text.
func (c *client) says(text string) {
	c.t.Helper()
	c.shows(text, func(s string) string { return s })
}

// draws waits until the program has drawn words, wherever on the screen each is.
func (c *client) draws(text string) {
	c.t.Helper()
	c.shows(strings.ReplaceAll(text, " ", ""), func(s string) string {
		return strings.ReplaceAll(drawing.ReplaceAllString(s, ""), " ", "")
	})
}

// drawing is what steers a terminal.
var drawing = regexp.MustCompile(`\x1b(\[[0-9;?>=]*[ -/]*[@-~]|[()][A-Z0-9]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>])|[\x00-\x1a]`)

func (c *client) shows(text string, of func(string) string) {
	c.t.Helper()
	deadline := time.NewTimer(busy * 20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		raw, err := os.ReadFile(c.log)
		if err != nil {
			c.t.Fatal(err)
		}
		seen := of(string(raw))
		if strings.Contains(seen, text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			c.t.Fatalf("%q does not say %q; it said\n%s", c.cmd.Args[:2], text, seen)
		}
	}
}

// ends waits for the program's end and returns its exit code; -1 is a signal.
func (c *client) ends() int {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(busy * 20 * time.Second):
		c.t.Fatalf("%q does not end; it said\n%s", c.cmd.Args, tail(c.log))
	}
	return c.cmd.ProcessState.ExitCode()
}

// sessions is how many are signed in over the network.
func (d *daemon) sessions() int {
	d.t.Helper()
	return read[struct{ SSH acts.SSHDoor }](d, "status").SSH.Sessions
}

func TestLiveViewsEndWithAnInterruptAndWithTheirClient(t *testing.T) {
	t.Run("sensor", func(t *testing.T) {
		t.Parallel()
		_, k := sensorWithDoor(t)
		k.liveViewEnds("link watch", "Unconfigured")
	})
	t.Run("centralnode", func(t *testing.T) {
		t.Parallel()
		n, k := nodeWithDoor(t)
		acks, stop := load(t, n, 1, 100)
		eventually(t, 20*time.Second, "events come", func() bool { return acks.count() > 0 })
		k.liveViewEnds("event watch --since 1m", "process-")
		stop()
	})
}

func (k *desk) liveViewEnds(view, seen string) {
	k.t.Helper()
	for name, c := range map[string]struct {
		line []string
		end  func(*client)
		code int
	}{
		"ssh, ^C typed":        {k.line("ssh", "-tt", "admin@HOST", view), func(c *client) { c.types("\x03") }, 130},
		"plink, ^C typed":      {k.line("plink", "-t", "admin@HOST", view), func(c *client) { c.types("\x03") }, 130},
		"ssh, interrupted":     {k.line("ssh", "admin@HOST", view), func(c *client) { c.signal(syscall.SIGINT) }, 255},
		"ssh, killed":          {k.line("ssh", "admin@HOST", view), (*client).kill, -1},
		"ssh -tt, killed":      {k.line("ssh", "-tt", "admin@HOST", view), (*client).kill, -1},
		"ssh, nobody to write": {k.line("ssh", "-tt", "admin@HOST", view), func(c *client) { c.signal(syscall.SIGHUP) }, 255},
		"plink, killed":        {k.line("plink", "admin@HOST", view), (*client).kill, -1},
	} {
		c0 := k.begin("live", c.line)
		c0.says(seen)
		if k.sessions() != 1 {
			k.t.Errorf("%s: %d are signed in", name, k.sessions())
		}
		c.end(c0)
		if code := c0.ends(); code != c.code && c.code != 255 { // how ssh dies of a signal differs
			k.t.Errorf("%s: exit %d, want %d\n%s", name, code, c.code, tail(c0.log))
		}
		eventually(k.t, 5*time.Second, name+": nobody is signed in", func() bool { return k.sessions() == 0 })
	}
	k.stop()
}

func (c *client) types(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// TestCutUploadsLeaveTheEarlierFile cuts uploads at the client, and at the
// daemon as a power cut does.
func TestCutUploadsLeaveTheEarlierFile(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		earlier := ownPair(t)
		k.write("kata.pem", string(earlier.EncodePEM()))
		k.must("scp", "kata.pem", "admin@HOST:")
		// Slow enough to be cut: a minute for 58 KiB.
		k.write("kata.pem", strings.Repeat("text before the blocks is no part of them\n", 1400)+string(ownPair(t).EncodePEM()))
		holds := func(after string) {
			t.Helper()
			file := read[acts.ServerCertificate](k, "certificate", "show").Uploaded
			if file == nil || file.Fingerprint != earlier.Fingerprint() {
				t.Errorf("%s: kata.pem is %+v", after, file)
			}
		}
		for _, flags := range [][]string{{"-s"}, {"-O"}} {
			line := k.line("scp", append(flags, "-l", "8", "kata.pem", "admin@HOST:")...)
			c := k.begin("cut", line)
			eventually(t, 20*time.Second, "the upload is under way", func() bool { return k.sessions() == 1 })
			c.kill()
			eventually(t, 5*time.Second, "nobody is signed in", func() bool { return k.sessions() == 0 })
			holds("the client was killed")
			c = k.begin("cut", line)
			eventually(t, 20*time.Second, "the upload is under way", func() bool { return k.sessions() == 1 })
			k.daemon.kill()
			c.kill() // which sleeps to be slow
			k.daemon.start()
			holds("the daemon was killed")
		}
		// The door is the one it was: same host key, same key of the person.
		if o := k.command("certificate install --yes"); o.code != 0 || k.met() != string(earlier.CertificatePEM()) {
			t.Errorf("installing it: exit %d, %s", o.code, o.err)
		}
	})
}

// Package daemon runs the real binaries for the benchmarks, each with a fresh
// state folder, and gives them commands as an administrator does.
package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/scripts/bench/process"
)

// Daemon is a Central Node or a Sensor that runs.
type Daemon struct {
	*process.Process
	// Address is where agents connect, Pin what they meet there.
	Address string
	Pin     pki.Fingerprint

	options Options
	config  string
}

// Options says what to run.
type Options struct {
	Program string // path of the binary
	Dir     string // a folder that exists and is the daemon's own
	// Web is where a Central Node's web interface is; empty: nowhere.
	Web string
	// Settings are lines of its configuration beside addresses and paths.
	Settings string
	// Prefix is put in front of the command line.
	Prefix []string
}

// stateFolder is the daemon's state in Options.Dir.
const stateFolder = "s"

// startTimeout is what a daemon has to answer its first command.
const startTimeout = 30 * time.Second

// New prepares a daemon with a fresh state on a free port of loopback.
func New(o Options) (*Daemon, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &Daemon{options: o, config: filepath.Join(o.Dir, "c.toml"), Address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	// The settings come last, because they may begin a table.
	text := fmt.Sprintf("listen = %q\nssh_listen = \"\"\nlocal_listen = \"\"\nstate_dir = %q\nsocket = %q\nlog_level = \"error\"\n",
		d.Address, filepath.Join(o.Dir, stateFolder), filepath.Join(o.Dir, "k"))
	if filepath.Base(o.Program) == "centralnode" {
		text += fmt.Sprintf("web_listen = %q\n", o.Web)
	}
	text += o.Settings
	return d, os.WriteFile(d.config, []byte(text), 0o600)
}

// Start runs the daemon, for the first time or again, and waits until it
// answers.
func (d *Daemon) Start(ctx context.Context) (err error) {
	line := append(d.options.Prefix, d.options.Program, "--config", d.config, "run")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = os.Stderr
	if d.Process, err = process.Start(cmd); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); ; {
		var served acts.ServerCertificate
		if err = d.Command(&served, "certificate", "show"); err == nil {
			d.Pin = served.Fingerprint
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(err, d.End())
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-d.Done():
			return fmt.Errorf("%s ended: %w", d.options.Program, d.Err())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), d.End())
		}
	}
}

// Command gives a command and decodes its answer, unless into is nil.
func (d *Daemon) Command(into any, args ...string) error {
	if into == nil {
		_, err := d.Output(args...)
		return err
	}
	out, err := d.Output(append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// Output gives a command and returns what it says.
func (d *Daemon) Output(args ...string) ([]byte, error) {
	cmd := exec.Command(d.options.Program, append([]string{"--config", d.config}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		const said = 4 // of the arguments: there may be a thousand files
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(d.options.Program), strings.Join(args[:min(said, len(args))], " "), err, &errs)
	}
	return out, nil
}

// Kept is how many bytes of disk the daemon's state takes.
func (d *Daemon) Kept() (total int64, err error) {
	const block = 512 // of st_blocks
	err = filepath.WalkDir(filepath.Join(d.options.Dir, stateFolder), func(path string, _ fs.DirEntry, err error) error {
		var at unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &at)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // files come and go
		}
		total += at.Blocks * block
		return err
	})
	return total, err
}

// Identity has a Central Node generate an agent certificate.
func (d *Daemon) Identity(name string) (*pki.Pair, error) {
	path := filepath.Join(d.options.Dir, name+".pfx")
	if err := d.Command(nil, "agent-certificate", "generate", "--name", name, "--out", path); err != nil {
		return nil, err
	}
	raw, err := pki.ReadKeyFile(path)
	if err != nil {
		return nil, err
	}
	return pki.DecodePFX(raw, "")
}

// Join points a Sensor at a Central Node, whose certificate is known, and
// returns the Sensor's link identity. Somebody has to accept that.
func (d *Daemon) Join(address string, pin pki.Fingerprint) (pki.Fingerprint, error) {
	var n acts.CentralNode
	err := d.Command(&n, "central-node", "set", address, "--yes", "--fingerprint", pin.String())
	return n.LinkIdentity, err
}

// Carries waits until a Sensor carries agents.
func (d *Daemon) Carries(ctx context.Context) error {
	for deadline := time.Now().Add(startTimeout); ; {
		var n acts.CentralNode
		if err := d.Command(&n, "central-node", "show"); err != nil {
			return err
		}
		if n.State == acts.LinkAccepted {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the Sensor is %s: %s", n.State, n.Detail)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

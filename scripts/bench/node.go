package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/scripts/bench/process"
)

// node is a Central Node under measurement.
type node struct {
	*process.Process
	bin     string
	dir     string
	config  string
	address string
	pin     pki.Fingerprint
}

// startNode runs a Central Node with a fresh state folder. The prefix is put
// in front of its command line.
func (b *bench) startNode(ctx context.Context, prefix ...string) (*node, error) {
	dir, err := os.MkdirTemp(b.dir, "n")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &node{bin: filepath.Join(b.bin, "centralnode"), dir: dir, config: filepath.Join(dir, "c.toml"), address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("listen = %q\nlocal_listen = \"\"\nstate_dir = %q\nsocket = %q\nlog_level = \"warn\"\n[limits]\nstrangers_per_address = 4096\n",
		n.address, filepath.Join(dir, "s"), filepath.Join(dir, "k"))
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	line := append(prefix, n.bin, "--config", n.config, "run")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = os.Stderr
	if n.Process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		var served acts.ServerCertificate
		if err = n.run(&served, "certificate", "show"); err == nil {
			n.pin = served.Fingerprint
			return n, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(err, n.End())
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(err, n.End())
		}
	}
}

// run gives a command and decodes its answer, unless into is nil.
func (n *node) run(into any, args ...string) error {
	cmd := exec.Command(n.bin, append([]string{"--config", n.config}, args...)...)
	if into != nil {
		cmd.Args = append(cmd.Args, "--output", "json")
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("centralnode %s: %w: %s", strings.Join(args, " "), err, &errs)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(out, into)
}

// identity generates an agent certificate.
func (n *node) identity(name string) (*pki.Pair, error) {
	path := filepath.Join(n.dir, name+".pfx")
	if err := n.run(nil, "agent-certificate", "generate", "--name", name, "--out", path); err != nil {
		return nil, err
	}
	raw, err := pki.ReadKeyFile(path)
	if err != nil {
		return nil, err
	}
	return pki.DecodePFX(raw, "")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

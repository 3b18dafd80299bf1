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
	"strconv"
	"strings"
	"syscall"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// node is a Central Node under measurement.
type node struct {
	cmd     *exec.Cmd
	done    chan struct{}
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
	n := &node{bin: filepath.Join(b.bin, "centralnode"), dir: dir, config: filepath.Join(dir, "c.toml"), address: l.Addr().String(), done: make(chan struct{})}
	if err := l.Close(); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("listen = %q\nlocal_listen = \"\"\nstate_dir = %q\nsocket = %q\nlog_level = \"warn\"\n[limits]\nstrangers_per_address = 4096\n",
		n.address, filepath.Join(dir, "s"), filepath.Join(dir, "k"))
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	line := append(prefix, n.bin, "--config", n.config, "run")
	n.cmd = exec.Command(line[0], line[1:]...)
	n.cmd.Stderr = os.Stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = n.cmd.Wait(); close(n.done) }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var served acts.ServerCertificate
		if err = n.run(&served, "certificate", "show"); err == nil {
			n.pin = served.Fingerprint
			return n, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(err, n.stop())
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(err, n.stop())
		}
	}
}

func (n *node) stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.done:
	case <-time.After(20 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.done
	}
	return nil
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

// usage is what a process has used so far, by the kernel's accounting.
type usage struct {
	cpu  time.Duration
	rss  float64 // MiB, now
	peak float64 // MiB
}

// ticks is USER_HZ, which is 100 on every Linux that Go runs on.
const ticks = 100

func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var u usage
	for _, i := range []int{11, 12} { // utime, stime: proc(5)
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return usage{}, err
		}
		u.cpu += time.Duration(n) * time.Second / ticks
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, err
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); err == nil {
			u.rss = kib / 1024
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kib); err == nil {
			u.peak = kib / 1024
		}
	}
	return u, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/sshd"
)

// Daemon is a real daemon that runs in the test's process.
type Daemon struct {
	t        *testing.T
	State    string // folder
	Socket   string
	SSH      string // where administrators connect
	HostKey  string // fingerprint
	Password string // of the account admin
	console  bytes.Buffer
	stop     func() error
}

// Start runs a new daemon until the test ends. It is to listen for SSH on a free
// port of loopback.
func Start(t *testing.T, run func(ctx context.Context, d *Daemon, logger *slog.Logger, console io.Writer) error) *Daemon {
	t.Helper()
	folder, err := os.MkdirTemp("", "v") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	d := &Daemon{t: t, State: filepath.Join(folder, "state"), Socket: filepath.Join(folder, "s")}
	log := &startLog{found: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, d, slog.New(slog.NewJSONHandler(log, nil)), &d.console) }()
	d.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(d.Stop)
	select {
	case <-log.found:
	case err := <-ended:
		ended <- err
		t.Fatalf("the daemon ended with %v", err)
	case <-time.After(Patience):
		t.Fatal("the daemon does not start")
	}
	d.SSH, d.HostKey = log.line.SSH, log.line.HostKey
	_, rest, _ := strings.Cut(d.console.String(), "password: ") // written before the start is logged
	d.Password, _, _ = strings.Cut(rest, "\n")
	return d
}

// Stop stops the daemon.
func (d *Daemon) Stop() {
	d.t.Helper()
	if err := d.stop(); err != nil {
		d.t.Errorf("the daemon ended with %v", err)
	}
}

// Command gives a command to the daemon over its socket.
func (d *Daemon) Command(input string, args ...string) (exit int, out string) {
	d.t.Helper()
	client, err := sshd.Dial(d.t.Context(), d.Socket)
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close()
	var stdout, stderr bytes.Buffer
	exit, err = client.Run(d.t.Context(), args, sshd.Streams{In: strings.NewReader(input), Out: &stdout, Err: &stderr})
	if err != nil {
		d.t.Fatal(err)
	}
	return exit, stdout.String() + stderr.String()
}

// startLog finds the line that says that a daemon has started.
type startLog struct {
	found chan struct{} // closed when line is set
	line  struct {
		Msg     string
		SSH     string
		HostKey string `json:"host_key"`
	}
	mu sync.Mutex // guards line until found is closed
}

func (l *startLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line.Msg == "started" {
		return len(p), nil
	}
	if err := json.Unmarshal(p, &l.line); err == nil && l.line.Msg == "started" {
		close(l.found)
	}
	return len(p), nil
}

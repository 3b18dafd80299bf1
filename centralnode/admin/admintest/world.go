// Package admintest is a Central Node for tests of what stands over its acts:
// the whole daemon on port 0, and those who come to its door. Everything in it
// is real but the machines.
package admintest

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/admin"
	"vedette/internal/acts"
	"vedette/pki"
)

// Local is the administrator at the console.
func Local() acts.Actor {
	return acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}
}

// World is a Central Node that runs until the test ends.
type World struct {
	*admin.Admin
	Node *centralnode.Node
	Dir  string // where its state is
	Logs *Logs
	// Stop ends it before the test does; called again it does nothing.
	Stop func()

	t testing.TB
}

// Start starts a Central Node with a new state.
func Start(t testing.TB) *World {
	t.Helper()
	return StartIn(t, t.TempDir(), centralnode.Scan{})
}

// StartIn starts a Central Node with its state in a folder, which another one
// may have left.
func StartIn(t testing.TB, dir string, scan centralnode.Scan) *World {
	t.Helper()
	w := &World{t: t, Dir: dir, Logs: &Logs{}}
	node, err := centralnode.New(centralnode.Config{
		StateDir: dir, Address: "127.0.0.1:0", Names: []string{"central.example"}, Scan: scan,
		Logger: slog.New(slog.NewJSONHandler(w.Logs, nil)), Console: w.Logs, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Node, w.Admin = node, node.Admin()
	w.Stop = Run(t, node)
	return w
}

// Run runs a Central Node until stop is called, or the test ends.
func Run(t testing.TB, node *centralnode.Node) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the node ended with %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Error("the node does not end")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// Address is where agents, Sensors and external systems connect.
func (w *World) Address() string { return w.Node.Address().String() }

// Pin is the fingerprint of the server certificate.
func (w *World) Pin() pki.Fingerprint {
	w.t.Helper()
	served, err := w.ServerCertificate(w.t.Context(), Local())
	if err != nil {
		w.t.Fatal(err)
	}
	return served.Fingerprint
}

// Logs is what the Central Node wrote to its log and console.
type Logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes a line.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// Bytes is what was written so far.
func (l *Logs) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

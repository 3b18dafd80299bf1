package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/scan/engine"
)

// TestMain turns this binary into a crash harness's child when it is told so.
func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		if err := runChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// fake is an engine that does what a test says.
type fake struct {
	name string
	scan func(ctx context.Context, o engine.Object) (engine.Result, error)
	well func(ctx context.Context) engine.Health
}

func (f *fake) Name() string                  { return f.name }
func (f *fake) Technology() engine.Technology { return engine.AntiMalware }
func (f *fake) Close() error                  { return nil }

func (f *fake) Scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	return f.scan(ctx, o)
}

func (f *fake) Health(ctx context.Context) engine.Health {
	if f.well == nil {
		return engine.Health{Version: "1"}
	}
	return f.well(ctx)
}

// reader finds "evil" in objects. It reads them, as every real engine does.
func reader() *fake {
	return &fake{name: "reader", scan: func(_ context.Context, o engine.Object) (engine.Result, error) {
		content, err := os.ReadFile(o.Path)
		if err != nil {
			return engine.Result{}, err
		}
		if int64(len(content)) != o.Size {
			return engine.Result{}, fmt.Errorf("%d bytes, expected %d", len(content), o.Size)
		}
		result := engine.Result{Type: "text/plain", RuleSet: "7"}
		if bytes.Contains(content, []byte("evil")) {
			result.Detections = []engine.Detection{{Name: "Evil.A", Importance: engine.High}}
		}
		return result, nil
	}}
}

// alarms is a place for alerts in memory, which can be told to fail.
type alarms struct {
	mu    sync.Mutex // guards what follows
	err   error
	found map[string]Finding // by origin and engine
	calls int
}

func (a *alarms) Detected(_ context.Context, f Finding) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.err != nil {
		return a.err
	}
	if a.found == nil {
		a.found = make(map[string]Finding)
	}
	a.found[f.Origin+" "+f.Engine] = f
	return nil
}

func (a *alarms) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

func (a *alarms) all() []Finding {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Finding
	for _, f := range a.found {
		all = append(all, f)
	}
	return all
}

// open opens a room and closes it when the test ends.
func open(t testing.TB, c Config) *Room {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Engines == nil {
		c.Engines = []engine.Engine{reader()}
	}
	if c.Alerts == nil {
		c.Alerts = new(alarms)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	}
	r, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// run runs the room until the test ends or stop is called.
func run(t testing.TB, r *Room) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// submit sends one object.
func submit(r *Room, system, id string, content []byte) error {
	u, err := r.Begin(system)
	if err != nil {
		return err
	}
	defer u.Abandon()
	if _, err := u.Write(content); err != nil {
		return err
	}
	return u.Commit(context.Background(), Submission{Key: Key{System: system, ScanID: id}, Name: id, Remote: "127.0.0.1"})
}

func submitOK(t testing.TB, r *Room, system, id string, content []byte) {
	t.Helper()
	if err := submit(r, system, id, content); err != nil {
		t.Fatalf("submit %s %s: %v", system, id, err)
	}
}

// stateOf is the state of a scan, or nothing.
func stateOf(r *Room, system, id string) State {
	for _, s := range r.States(system, "", true, nil) {
		if s.Key.ScanID == id {
			return s.State
		}
	}
	return ""
}

// within waits for a condition.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("after %v still not: %s", limit, what)
		case <-tick.C:
		}
	}
}

var errBroken = errors.New("broken")

// files lists what is in the spool.
func files(t testing.TB, r *Room) []string {
	t.Helper()
	var all []string
	for _, folder := range []string{"incoming", "objects", "scratch"} {
		entries, err := os.ReadDir(r.cfg.Dir + "/spool/" + folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, folder+"/"+e.Name())
		}
	}
	return all
}

// DeleteAll goes through a whole Deletion. It returns how many it deleted;
// ErrNotFound when none.
func (r *Room) DeleteAll(ctx context.Context, id, instance string, anyInstance bool) (int, error) {
	d, err := r.Deletion(id, instance, anyInstance)
	if err != nil {
		return 0, err
	}
	deleted := 0
	for {
		n, err := d.Next(ctx)
		if deleted += n; err != nil {
			return deleted, err
		}
		if n == 0 {
			break
		}
	}
	if deleted == 0 {
		return 0, ErrNotFound
	}
	return deleted, nil
}

package yara_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/scan/engine"
	"vedette/centralnode/scan/yara"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(dyingDir); dir != "" {
		scanUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is an engine with its rules and objects.
type world struct {
	*yara.Engine
	t      testing.TB
	clock  *clock
	dir    string
	config yara.Config
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// newWorld prepares a folder with rules, given as names and texts. open makes
// the engine.
func newWorld(t testing.TB, files ...string) *world {
	t.Helper()
	for _, program := range []string{"yara", "yarac", "prlimit"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("these tests need the programs yara and yarac (package yara) and prlimit (package util-linux): %v", err)
		}
	}
	w := &world{t: t, clock: &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}, dir: t.TempDir()}
	if err := os.Mkdir(w.path("rules"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		w.write(files[i], files[i+1])
	}
	w.config = yara.Config{Rules: []string{w.path("rules")}, Dir: w.path("state"), Timeout: 20 * time.Second, Logger: discard(), Now: w.clock.Now}
	return w
}

// write replaces a file of the folder of rules.
func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "rules", name)
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, "rules", name)); err != nil {
		w.t.Fatal(err)
	}
}

// program makes a program of a shell script. The real yara is $YARA.
func (w *world) program(name, script string) string {
	w.t.Helper()
	real, err := exec.LookPath("yara")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte("#!/bin/sh\nYARA="+real+"\n"+script+"\n"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	return w.path(name)
}

// whenScanning is a yara that is the real one but for objects.
const whenScanning = `case "$*" in *" -S "*|*--version*) exec $YARA "$@";; esac` + "\n"

func (w *world) open() *world {
	w.t.Helper()
	e, err := yara.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine = e
	w.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			w.t.Error(err)
		}
		w.wantNoChildren()
	})
	return w
}

func (w *world) object(content string) engine.Object {
	w.t.Helper()
	f, err := os.CreateTemp(w.dir, "object")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
	return engine.Object{Path: f.Name(), Size: int64(len(content))}
}

func (w *world) scan(content string) engine.Result {
	w.t.Helper()
	r, err := w.Scan(context.Background(), w.object(content))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) wants(content string, want ...string) {
	w.t.Helper()
	r := w.scan(content)
	var got []string
	for _, d := range r.Detections {
		got = append(got, d.Name)
	}
	if !slices.Equal(got, want) || r.Skipped != "" {
		w.t.Errorf("found %q (skipped: %q), want %q", got, r.Skipped, want)
	}
}

// fails scans and wants an error.
func (w *world) fails() error {
	w.t.Helper()
	r, err := w.Scan(context.Background(), w.object("hello"))
	if err == nil {
		w.t.Fatalf("no error, but %+v", r)
	}
	if len(r.Detections) > 0 || r.Skipped != "" {
		w.t.Errorf("beside the error there is %+v", r)
	}
	return err
}

// poll asks until it is so.
func poll(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// until asks for the health until it is as wanted.
func (w *world) until(what string, ok func(engine.Health) bool) (h engine.Health) {
	w.t.Helper()
	poll(w.t, what, func() bool {
		h = w.Health(context.Background())
		return ok(h)
	})
	return h
}

// children are the processes, zombies too, that run in a state folder or are
// children of ours.
func children(dir string) (all []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		stat, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		ours := len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid())
		if ours || strings.HasPrefix(cwd, dir+"/") {
			all = append(all, pid)
		}
	}
	return all
}

// wantNoChildren looks for processes left behind. What was killed outside our
// own children may take the kernel a moment to bury.
func (w *world) wantNoChildren() {
	w.t.Helper()
	poll(w.t, "the end of all children", func() bool { return len(children(w.dir)) == 0 })
}

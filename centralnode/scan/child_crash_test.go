package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"vedette/centralnode/scan/engine"
)

// childEnv carries the spec of a crash harness's child.
const childEnv = "SCAN_TEST_CHILD"

// childSpec says what a child does until it is killed.
type childSpec struct {
	Dir    string
	Alerts string
	// Next is what each caller submits next.
	Next []int
	// Fatal lets the process die in the engine when an object has "poison" in it;
	// it ends by itself when nothing waits.
	Fatal bool
}

// ack is what a child reports after a call has returned nil.
type ack struct {
	Caller, N int
	Deleted   bool
	// Detected: the verdict detect was there.
	Detected bool
}

// idOf is the scan ID of a caller's nth object.
func idOf(caller, n int) string { return fmt.Sprintf("%d-%d", caller, n) }

func evil(n int) bool { return n%5 == 0 }

// deletes says which of its objects a caller deletes after its nth was taken.
func deletes(n int) (victim int, ok bool) { return n - 3, n%4 == 0 && n > 3 }

// contentOf is a caller's nth object: small ones that go into the state file,
// and files.
func contentOf(caller, n int) []byte {
	size := []int{300, 9_000, 40_000, 300, 200_000}[n%5]
	content := bytes.Repeat(fmt.Appendf(nil, "%s;", idOf(caller, n)), size/4+1)[:size]
	if evil(n) {
		copy(content[size/2:], "evil")
	}
	return content
}

// runChild submits and deletes until it is killed.
func runChild(text string) error {
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	alerts, err := openAlertFile(spec.Alerts)
	if err != nil {
		return err
	}
	ctx := context.Background()
	looks := lookers()
	if spec.Fatal {
		looks = []engine.Engine{fatal()}
	}
	r, err := Open(ctx, Config{
		Dir: spec.Dir, Alerts: alerts, Engines: looks,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	go func() { _ = r.Run(ctx) }() // it ends with the process
	if spec.Fatal {
		for r.Waiting("gate") > 0 {
			<-time.After(time.Millisecond)
		}
		return nil
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	report := func(a ack) error {
		mu.Lock()
		defer mu.Unlock()
		return out.Encode(a)
	}
	failed := make(chan error)
	for i, next := range spec.Next {
		go func() { failed <- callerOf(r, i, next, report) }()
	}
	// The parent holds the other end; its end is this child's end too.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		failed <- io.EOF
	}()
	return <-failed
}

// lookers are an engine that finds what is evil, and one that takes longer.
func lookers() []engine.Engine {
	return []engine.Engine{reader(), &fake{name: "slow", scan: func(ctx context.Context, _ engine.Object) (engine.Result, error) {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
		return engine.Result{}, ctx.Err()
	}}}
}

// fatal is an engine with a fault that ends the process.
func fatal() *fake {
	e := reader()
	looks := e.scan
	e.scan = func(ctx context.Context, o engine.Object) (engine.Result, error) {
		if content, err := os.ReadFile(o.Path); err == nil && bytes.Contains(content, []byte("poison")) {
			os.Exit(fatalCode)
		}
		return looks(ctx, o)
	}
	return e
}

const fatalCode = 66

// callerOf submits and deletes without end.
func callerOf(r *Room, caller, next int, report func(ack) error) error {
	var crowd *BusyError
	for n := next; ; {
		err := submit(r, "gate", idOf(caller, n), contentOf(caller, n))
		if errors.As(err, &crowd) {
			continue
		}
		if err != nil {
			return fmt.Errorf("submit %s: %w", idOf(caller, n), err)
		}
		if err := report(ack{Caller: caller, N: n}); err != nil {
			return err
		}
		if n > 0 && stateOf(r, "gate", idOf(caller, n-1)) == Detect {
			if err := report(ack{Caller: caller, N: n - 1, Detected: true}); err != nil {
				return err
			}
		}
		if victim, ok := deletes(n); ok {
			if err := r.Delete(context.Background(), Key{System: "gate", ScanID: idOf(caller, victim)}); err != nil && !errors.Is(err, ErrNotFound) {
				return fmt.Errorf("delete %s: %w", idOf(caller, victim), err)
			}
			if err := report(ack{Caller: caller, N: victim, Deleted: true}); err != nil {
				return err
			}
		}
		n++
	}
}

// alertFile is a place for alerts that is as durable as the real one.
type alertFile struct {
	file *os.File

	mu  sync.Mutex // guards all
	all map[string]string
}

// openAlertFile reads what is there: a line for each alert, with origin and scan
// ID.
func openAlertFile(path string) (*alertFile, error) {
	a := &alertFile{all: make(map[string]string)}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	whole := raw[:bytes.LastIndexByte(raw, '\n')+1]
	for line := range strings.Lines(string(whole)) {
		origin, id, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return nil, fmt.Errorf("alert %q", line)
		}
		a.all[origin] = id
	}
	if a.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := a.file.Truncate(int64(len(whole))); err != nil {
		return nil, err
	}
	_, err = a.file.Seek(0, io.SeekEnd)
	return a, err
}

func (a *alertFile) Detected(_ context.Context, f Finding) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.all[f.Origin]; known {
		return nil
	}
	if _, err := fmt.Fprintln(a.file, f.Origin, f.Key.ScanID); err != nil {
		return err
	}
	a.all[f.Origin] = f.Key.ScanID
	return a.file.Sync()
}

// counts says how many alerts each scan ID has.
func (a *alertFile) counts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := make(map[string]int)
	for _, id := range a.all {
		n[id]++
	}
	return n
}

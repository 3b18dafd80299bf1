package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/scan/engine"
	"vedette/internal/kv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Room on a state file that can be opened again.
type world struct {
	*Room
	t      testing.TB
	path   string
	store  *kv.Store
	limits map[engine.Technology]int
	now    func() time.Time
	log    lines
}

func newWorld(t testing.TB, limits map[engine.Technology]int, now func() time.Time) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "state", "state.db"), limits: limits, now: now}
	if w.now == nil {
		w.now = time.Now
	}
	w.open()
	t.Cleanup(func() {
		w.check()
		w.close()
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = kv.Open(w.path, kv.Options{Program: "test", Now: w.now}); err != nil {
		w.t.Fatal(err)
	}
	w.Room, err = Open(w.t.Context(), Config{Store: w.store, Limits: w.limits, Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) reopen() {
	w.t.Helper()
	w.close()
	w.open()
}

// check compares what the room has in memory with what a new one reads.
func (w *world) check() {
	w.t.Helper()
	fresh, err := Open(context.Background(), Config{Store: w.store, Logger: slog.New(slog.DiscardHandler), Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	have, want := fmt.Sprint(describe(&w.index)), fmt.Sprint(describe(&fresh.index))
	if have != want {
		w.t.Errorf("in memory: %s\non disk:   %s", have, want)
	}
	if w.Counts() != fresh.Counts() {
		w.t.Errorf("counts %+v, on disk %+v", w.Counts(), fresh.Counts())
	}
}

func describe(x *index) []string {
	out := []string{fmt.Sprintf("last %d, %d bytes, %d known", x.last, x.bytes, len(x.known))}
	for _, technology := range []string{"am", "yara"} {
		k := x.kinds[technology]
		if k == nil {
			continue
		}
		var ids []string
		for _, e := range k.entries {
			ids = append(ids, fmt.Sprint(e.id, e.state, e.size))
		}
		out = append(out, fmt.Sprintf("%s: %d bytes, %s", technology, k.bytes, strings.Join(ids, " ")))
	}
	return out
}

// alert is an ordinary one.
func alert(origin string, technology engine.Technology) Alert {
	return Alert{
		Origin: origin, Technology: string(technology), Engine: "engine-" + string(technology), Importance: "high", Source: "mail",
		ObjectName: "invoice " + origin + ".exe", ObjectType: "application/vnd.microsoft.portable-executable", ObjectSize: 4711,
		MD5: strings.Repeat("0a", 16), SHA256: strings.Repeat("b1", 32), Detections: []string{"Test." + origin}, RuleSet: "27451",
		System: "6d0ff3b4-5a21-4f0b-9d5a-2f3f4a6b7c8d", SystemName: "mx1.example", ScanID: origin, Remote: "192.0.2.17", Submitted: time.Unix(1e9, 0).UTC(),
	}
}

func (w *world) add(a Alert) {
	w.t.Helper()
	if added, err := w.Add(w.t.Context(), a); err != nil || !added {
		w.t.Fatal(added, err)
	}
}

// fill adds alerts named first, first+1, ... of one technology.
func (w *world) fill(technology engine.Technology, first, n int) {
	w.t.Helper()
	for i := range n {
		w.add(alert(fmt.Sprint(first+i), technology))
	}
}

func ids(list []Alert) string {
	out := []int64{}
	for _, a := range list {
		out = append(out, a.ID)
	}
	return fmt.Sprint(out)
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

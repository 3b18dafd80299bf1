package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/centralnode/scan/engine"
)

// modelScan is what the room must know of a submission.
type modelScan struct {
	content string
	state   State
}

// model is the room, written down in the simplest way.
type model struct {
	t      *rapid.T
	room   *Room
	config Config
	broken atomic.Bool // the engine fails
	alerts *alarms
	scans  map[Key]*modelScan
	order  []Key
	// detections counts the findings that must have an alert, nameless the objects
	// without a scan ID that wait.
	detections int
	nameless   []string
}

func (m *model) key(t *rapid.T) Key {
	return Key{
		System:   rapid.SampledFrom([]string{"a", "b"}).Draw(t, "system"),
		Instance: rapid.SampledFrom([]string{"", "i"}).Draw(t, "instance"),
		ScanID:   rapid.SampledFrom([]string{"", "1", "2", "3", "4"}).Draw(t, "id"),
	}
}

func (m *model) open() {
	r, err := Open(context.Background(), m.config)
	if err != nil {
		m.t.Fatal(err)
	}
	m.room = r
}

func (m *model) submit(t *rapid.T) {
	k := m.key(t)
	size := rapid.SampledFrom([]int{0, 100, inlineMost + 1}).Draw(t, "size")
	content := rapid.SampledFrom([]string{"", "evil"}).Draw(t, "kind") + strings.Repeat("x", size)
	u, err := m.room.Begin(k.System)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if rapid.IntRange(0, 9).Draw(t, "gives up") == 0 {
		u.Abandon()
		return
	}
	err = u.Commit(context.Background(), Submission{Key: k})
	old := m.scans[k]
	switch {
	case k.ScanID == "" && err == nil:
		m.nameless = append(m.nameless, content)
	case k.ScanID != "" && old == nil && err == nil:
		m.scans[k] = &modelScan{content: content, state: Processing}
		m.order = append(m.order, k)
	case old != nil && old.content == content && err == nil:
	case old != nil && old.content != content && errors.Is(err, ErrScanIDTaken):
	default:
		t.Fatalf("submit %+v, before it %+v: %v", k, old, err)
	}
}

func (m *model) remove(t *rapid.T) {
	k := m.key(t)
	err := m.room.Delete(context.Background(), k)
	if m.scans[k] == nil != errors.Is(err, ErrNotFound) || err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatalf("delete %+v, which was %+v: %v", k, m.scans[k], err)
	}
	delete(m.scans, k)
}

func (m *model) removeAll(t *rapid.T) {
	k, anyInstance := m.key(t), rapid.Bool().Draw(t, "any instance")
	want := 0
	for other := range m.scans {
		if other.System == k.System && (anyInstance || other.Instance == k.Instance) {
			delete(m.scans, other)
			want++
		}
	}
	n, err := m.room.DeleteAll(context.Background(), k.System, k.Instance, anyInstance)
	if n != want || (want == 0) != errors.Is(err, ErrNotFound) {
		t.Fatalf("deleted %d, %v; expected %d", n, err, want)
	}
}

// scan runs the room until everything has its verdict.
func (m *model) scan(t *rapid.T) {
	m.broken.Store(rapid.IntRange(0, 3).Draw(t, "engine") == 0)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.room.Run(ctx) }()
	deadline := time.Now().Add(20 * time.Second)
	for m.room.Waiting("a")+m.room.Waiting("b") > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("no verdicts: %+v", m.room.Status(ctx))
		}
		<-time.After(200 * time.Microsecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	verdict := func(content string) State {
		switch {
		case m.broken.Load():
			return Failed
		case strings.HasPrefix(content, "evil"):
			m.detections++
			return Detect
		}
		return NotDetected
	}
	for _, s := range m.scans {
		if s.state == Processing {
			s.state = verdict(s.content)
		}
	}
	for _, content := range m.nameless {
		verdict(content)
	}
	m.nameless = nil
}

func (m *model) restart(*rapid.T) {
	if err := m.room.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.open()
}

func (m *model) check(t *rapid.T) {
	waiting, kept := len(m.nameless), 0
	bytes := int64(0)
	for _, content := range m.nameless {
		bytes += int64(len(content))
	}
	for _, system := range []string{"a", "b"} {
		for _, instance := range []string{"", "i"} {
			got := m.room.States(system, instance, false, nil)
			for _, k := range m.order {
				s := m.scans[k]
				if s == nil || k.System != system || k.Instance != instance {
					continue
				}
				if len(got) == 0 || got[0].Key != k || got[0].State != s.state || got[0].Size != int64(len(s.content)) {
					t.Fatalf("%+v should be %+v, the room has %+v", k, s, got)
				}
				got = got[1:]
				if s.state == Processing {
					waiting++
					bytes += int64(len(s.content))
				} else {
					kept++
				}
			}
			if len(got) > 0 {
				t.Fatalf("the room has too much: %+v", got)
			}
		}
	}
	if s := m.room.Status(context.Background()); s.Waiting != waiting || s.Kept != kept || s.SpoolBytes != bytes || s.Uploading != 0 || s.Running != 0 || s.Degraded {
		t.Fatalf("status %+v, expected %d waiting, %d kept, %d bytes", s, waiting, kept, bytes)
	}
	if n := len(m.alerts.all()); n != m.detections {
		t.Fatalf("%d alerts, expected %d", n, m.detections)
	}
}

// forget keeps the order free of what was deleted, since an ID may come again.
func (m *model) forget() {
	kept := m.order[:0]
	for _, k := range m.order {
		if m.scans[k] != nil {
			kept = append(kept, k)
		}
	}
	m.order = kept
}

// TestRoomDoesWhatTheModelDoes plays random submissions, deletions, scans and
// restarts against the model.
func TestRoomDoesWhatTheModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "scan-model-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{t: t, alerts: new(alarms), scans: make(map[Key]*modelScan)}
		looks := reader().scan
		m.config = Config{
			Dir: dir, Alerts: m.alerts, Limits: Limits{Attempts: 1, Workers: 2},
			Engines: []engine.Engine{&fake{name: "moody", scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
				if m.broken.Load() {
					return engine.Result{}, fmt.Errorf("not now")
				}
				return looks(ctx, o)
			}}},
		}
		m.open()
		defer func() {
			if err := m.room.Close(); err != nil {
				t.Error(err)
			}
		}()
		after := func(step func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) { step(t); m.forget() }
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": m.submit, "submit another": m.submit, "delete": after(m.remove), "delete all": after(m.removeAll),
			"scan": m.scan, "restart": m.restart, "": m.check,
		})
	})
}

package scan

import (
	"context"
	"errors"
	"os"
	"slices"
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
	// open: some engine has still to look. first: the first one has.
	open, first bool
	// alerts are those of the two engines.
	alerts [2]bool
}

// found says what an engine finds in it.
func (s *modelScan) found(e int) bool {
	return strings.Contains(s.content, []string{"evil", "worse"}[e])
}

// model is the room, written down in the simplest way.
type model struct {
	t      *rapid.T
	room   *Room
	config Config
	broken atomic.Bool  // the first engine fails
	hangs  atomic.Bool  // the second engine does not answer
	hung   atomic.Int64 // so many calls of it
	alerts *alarms
	scans  map[Key]*modelScan
	order  []Key
	all    []*modelScan // also those that were deleted
	// nameless are the objects without a scan ID that some engine has still to look at.
	nameless []*modelScan
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
	content := rapid.SampledFrom([]string{"", "evil", "worse", "evil worse"}).Draw(t, "kind") + strings.Repeat("x", size)
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
	s := &modelScan{content: content, state: Processing, open: true}
	switch {
	case k.ScanID == "" && err == nil:
		m.nameless, m.all = append(m.nameless, s), append(m.all, s)
	case k.ScanID != "" && old == nil && err == nil:
		m.scans[k] = s
		m.order, m.all = append(m.order, k), append(m.all, s)
	case old != nil && old.content == content && old.state == Failed && err == nil:
		m.scans[k] = s
		m.order, m.all = append(slices.DeleteFunc(m.order, func(other Key) bool { return other == k }), k), append(m.all, s)
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

// still are the objects that some engine has still to look at.
func (m *model) still() []*modelScan {
	open := slices.Clone(m.nameless)
	for _, s := range m.scans {
		if s.open {
			open = append(open, s)
		}
	}
	return open
}

// scan runs the room until it has nothing left to do.
func (m *model) scan(t *rapid.T) {
	mode := rapid.SampledFrom([]string{"well", "well", "broken", "hangs"}).Draw(t, "engines")
	m.broken.Store(mode == "broken")
	m.hangs.Store(mode == "hangs")
	for _, s := range m.still() {
		if !m.broken.Load() && !s.first && s.found(0) {
			s.alerts[0] = true
		}
		if m.hangs.Load() {
			s.first = true
			if s.found(0) && s.state == Processing && !slices.Contains(m.nameless, s) {
				s.state = Detect
			}
			continue
		}
		s.open = false
		s.alerts[1] = s.found(1)
		switch {
		case s.state != Processing:
		case s.alerts[0] && (s.first || !m.broken.Load()), s.alerts[1]:
			s.state = Detect
		case m.broken.Load() && !s.first:
			s.state = Failed
		default:
			s.state = NotDetected
		}
	}
	if !m.hangs.Load() {
		m.nameless = nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.room.Run(ctx) }()
	deadline := time.Now().Add(20 * time.Second)
	for !m.idle() {
		if time.Now().After(deadline) {
			t.Fatalf("not done: %+v", m.room.Status(ctx))
		}
		<-time.After(200 * time.Microsecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// idle reports whether the room has nothing to do, or only what hangs.
func (m *model) idle() bool {
	if !m.hangs.Load() {
		return m.room.Waiting("a")+m.room.Waiting("b") == 0
	}
	m.room.mu.Lock()
	busy := len(m.room.queue.lanes[0].ready)+m.room.atWork-int(m.hung.Load()) > 0
	m.room.mu.Unlock()
	detected := 0
	for _, system := range []string{"a", "b"} {
		detected += len(m.room.States(system, "", true, []State{Detect}))
	}
	for _, s := range m.scans {
		if s.state == Detect {
			detected--
		}
	}
	return !busy && detected == 0 && len(m.alerts.all()) == m.detections()
}

// detections counts the findings that must have an alert.
func (m *model) detections() (n int) {
	for _, s := range m.all {
		for _, is := range s.alerts {
			if is {
				n++
			}
		}
	}
	return n
}

func (m *model) restart(*rapid.T) {
	if err := m.room.Close(); err != nil {
		m.t.Fatal(err)
	}
	for _, s := range m.still() {
		s.first = false // every engine looks again
	}
	m.open()
}

func (m *model) check(t *rapid.T) {
	waiting, kept := len(m.nameless), 0
	bytes := int64(0)
	for _, s := range m.nameless {
		bytes += int64(len(s.content))
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
				if s.open {
					waiting++
					bytes += int64(len(s.content))
				}
				if s.state != Processing {
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
	if n := len(m.alerts.all()); n != m.detections() {
		t.Fatalf("%d alerts, expected %d", n, m.detections())
	}
}

// look is what the engines do.
func (m *model) look(ctx context.Context, e int, o engine.Object) (engine.Result, error) {
	switch {
	case e == 0 && m.broken.Load():
		return engine.Result{}, errBroken
	case e == 1 && m.hangs.Load():
		m.hung.Add(1)
		defer m.hung.Add(-1)
		<-ctx.Done()
		return engine.Result{}, ctx.Err()
	}
	content, err := os.ReadFile(o.Path)
	if err != nil {
		return engine.Result{}, err
	}
	var result engine.Result
	if s := (modelScan{content: string(content)}); s.found(e) {
		result.Detections = []engine.Detection{{Name: "Evil.A"}}
	}
	return result, nil
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
		m.config = Config{Dir: dir, Alerts: m.alerts, Limits: Limits{Attempts: 1, Workers: 2}}
		for e, name := range []string{"moody", "slow"} {
			m.config.Engines = append(m.config.Engines, &fake{name: name, scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
				return m.look(ctx, e, o)
			}})
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

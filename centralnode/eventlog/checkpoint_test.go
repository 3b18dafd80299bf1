package eventlog

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// upkeep does what Run does when a checkpoint is due.
func upkeep(t testing.TB, l *Log) {
	t.Helper()
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.checkpoint(t.Context()), l.retire(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
}

func TestPackageSentAgainAfterRetentionHasNoSecondEffect(t *testing.T) {
	var now clock
	cfg := Config{Dir: t.TempDir(), Checkpoints: new(memory), Now: now.Now}
	l := open(t, cfg)
	for seq := uint64(1); seq <= 20; seq++ {
		appendOK(t, l, newPackage(1, seq, 300), Stored)
	}
	now.forward(DefaultMaxAge + time.Minute)
	appendOK(t, l, newPackage(2, 1, 300), Stored)
	upkeep(t, l)
	if n := packages(t, l); n != 1 {
		t.Fatalf("%d packages stored, want the young one only", n)
	}
	appendOK(t, l, newPackage(1, 20, 300), Duplicate)
	now.forward(DefaultMaxAge + time.Minute)
	upkeep(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = open(t, cfg)
	if s := l.State(); len(s.Warnings) > 0 || s.Messages != 0 {
		t.Fatalf("opened again: %+v", s)
	}
	appendOK(t, l, newPackage(1, 20, 300), Duplicate)
	appendOK(t, l, newPackage(1, 3, 300), Duplicate)
	other := newPackage(1, 20, 300)
	other.Events = content(9, 9, 300)
	if _, err := l.Append(t.Context(), other); !errors.Is(err, ErrConflict) {
		t.Fatalf("a clone after everything was removed: %v", err)
	}
	appendOK(t, l, newPackage(1, 21, 300), Stored)
}

// TestLongDowntimeForgetsNothing starts the log long after it was killed:
// what was stored after the last checkpoint is too old by then, and must be
// known all the same.
func TestLongDowntimeForgetsNothing(t *testing.T) {
	var now clock
	cfg := Config{Dir: t.TempDir(), Checkpoints: new(memory), Now: now.Now}
	l := open(t, cfg)
	appendOK(t, l, newPackage(1, 1, 300), Stored)
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	s.fail(errors.New("killed")) // Close saves no checkpoint then
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	now.forward(100 * DefaultMaxAge)
	l = open(t, cfg)
	upkeep(t, l)
	if n := packages(t, l); n != 0 {
		t.Fatalf("%d packages stored, want none", n)
	}
	appendOK(t, l, newPackage(1, 1, 300), Duplicate)
}

func TestNothingIsRemovedBeforeACheckpointCoversIt(t *testing.T) {
	var now clock
	cp := new(memory)
	l := open(t, Config{Dir: t.TempDir(), Checkpoints: cp, Now: now.Now})
	appendOK(t, l, newPackage(1, 1, 300), Stored)
	cp.fail(errors.New("disk of the state is full"))
	now.forward(2 * DefaultMaxAge)
	if err := l.checkpoint(t.Context()); err == nil {
		t.Fatal("checkpoint succeeded")
	}
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.retire(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if n := packages(t, l); n != 1 {
		t.Fatalf("%d packages stored, want 1", n)
	}
	if w := strings.Join(l.State().Warnings, "\n"); !strings.Contains(w, "disk of the state is full") {
		t.Errorf("warnings: %q", w)
	}
	cp.fail(nil)
	upkeep(t, l)
	if n := packages(t, l); n != 0 {
		t.Fatalf("%d packages stored, want none", n)
	}
	if s := l.State(); s.Degraded || len(s.Warnings) > 0 {
		t.Errorf("after the fault: %+v", s)
	}
}

// TestAppendStopsBeforeSizeCanOvertakeTheCheckpoint fills the store while queue
// states cannot be saved.
func TestAppendStopsBeforeSizeCanOvertakeTheCheckpoint(t *testing.T) {
	cp := new(memory)
	cfg := Config{Dir: t.TempDir(), Checkpoints: cp, MaxBytes: minMaxBytes}
	l := open(t, cfg)
	var refused error
	stored := uint64(0)
	for refused == nil && stored < 100 {
		_, refused = l.Append(t.Context(), newPackage(1, stored+1, 400_000))
		if refused == nil {
			stored++
		}
	}
	if !errors.Is(refused, ErrUnavailable) {
		t.Fatalf("after %d packages without a checkpoint: %v", stored, refused)
	}
	if s := l.State(); !s.Degraded || !strings.Contains(s.Reason, "queue states") {
		t.Errorf("state: %+v", s)
	}
	if n := packages(t, l); n != stored {
		t.Errorf("%d packages stored of %d", n, stored)
	}
	run(t, l) // it has been asked for a checkpoint
	within(t, 10*time.Second, "well again", func() bool { return !l.State().Degraded })
	appendOK(t, l, newPackage(1, stored+1, 400_000), Stored)
}

func TestSizeBoundsTheStore(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir(), MaxBytes: minMaxBytes})
	run(t, l)
	for seq := uint64(1); seq <= 100; {
		_, err := l.Append(t.Context(), newPackage(1, seq, 500_000))
		switch {
		case err == nil:
			seq++
		case !errors.Is(err, ErrUnavailable):
			t.Fatal(err)
		}
	}
	within(t, 10*time.Second, "within its size", func() bool {
		s := l.State()
		return s.Bytes > minMaxBytes/2 && s.Bytes <= minMaxBytes && !s.Oldest.IsZero()
	})
	appendOK(t, l, newPackage(1, 1, 500_000), Duplicate)
}

func TestStateSaysWhenAcknowledgedPackagesAreMissing(t *testing.T) {
	cp := new(memory)
	dir := t.TempDir()
	l := open(t, Config{Dir: dir, Checkpoints: cp})
	appendOK(t, l, newPackage(1, 1, 300), Stored)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cp.at.Seq += 5
	l = open(t, Config{Dir: dir, Checkpoints: cp})
	if w := strings.Join(l.State().Warnings, "\n"); !strings.Contains(w, "5 acknowledged packages are missing") {
		t.Errorf("warnings: %q", w)
	}
	appendOK(t, l, newPackage(1, 2, 300), Stored)
}

func TestTableDropsIdleQueuesThatACheckpointCovers(t *testing.T) {
	cp := new(memory)
	l := open(t, Config{Dir: t.TempDir(), Checkpoints: cp})
	l.table.limit = 16
	for n := range 2 * l.table.limit {
		appendOK(t, l, newPackage(n, 1, 100), Stored)
	}
	if _, err := l.Append(t.Context(), newPackage(99, 1, 100)); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errTableFull) {
		t.Fatalf("append to a full table: %v", err)
	}
	select {
	case <-l.pressed:
	default:
		t.Error("no checkpoint was asked for")
	}
	upkeep(t, l)
	appendOK(t, l, newPackage(99, 1, 100), Stored)
	l.table.mu.Lock()
	held := len(l.table.queues)
	l.table.mu.Unlock()
	if held > l.table.limit {
		t.Errorf("%d queues held, want at most %d", held, l.table.limit)
	}
	for n := range 2 * l.table.limit {
		appendOK(t, l, newPackage(n, 1, 100), Duplicate)
	}
}

func TestFailingCheckpointsKeepUnknownQueuesOut(t *testing.T) {
	cp := new(memory)
	l := open(t, Config{Dir: t.TempDir(), Checkpoints: cp})
	appendOK(t, l, newPackage(1, 1, 100), Stored)
	cp.fail(errors.New("state cannot be read"))
	if _, err := l.Append(t.Context(), newPackage(2, 1, 100)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("append of a queue whose state cannot be read: %v", err)
	}
	appendOK(t, l, newPackage(1, 2, 100), Stored)
	cp.fail(nil)
	appendOK(t, l, newPackage(2, 1, 100), Stored)
}

package queue

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	agentv1 "vedette/proto/agent/v1"
)

func quietStderr() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

func quiet(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func events(first, n int) []*agentv1.Event {
	list := make([]*agentv1.Event, n)
	for i := range list {
		list[i] = &agentv1.Event{
			Id: fmt.Sprintf("%032x", first+i),
			Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
				Pid: uint32(first + i), Executable: "/usr/bin/true", Args: []string{"true", fmt.Sprint(first + i)},
			}},
		}
	}
	return list
}

func mustOpen(t testing.TB, dir string, o Options) *Queue {
	t.Helper()
	o.Log = quiet(t)
	q, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func mustAppend(t testing.TB, q *Queue, list []*agentv1.Event) {
	t.Helper()
	if err := q.Append(list); err != nil {
		t.Fatal(err)
	}
}

func TestPackagesLeaveInOrderAndSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	for i := range 5 {
		mustAppend(t, q, events(i*10, 3))
	}
	id, queueID := q.AgentID(), q.QueueID()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = mustOpen(t, dir, Options{})
	if q.AgentID() != id || q.QueueID() != queueID {
		t.Fatal("identities changed over a restart")
	}
	for i := range 5 {
		p := q.Next()
		if p == nil || p.Request.Seq != uint64(i+1) || len(p.Request.Events) != 3 || p.Request.AgentId != id || p.Request.QueueId != queueID {
			t.Fatalf("package %d is %v", i, p)
		}
		if got := p.Request.Events[0].GetProcessStart().Pid; got != uint32(i*10) {
			t.Fatalf("package %d begins with pid %d", i, got)
		}
		if again := q.Next(); again.Number != p.Number {
			t.Fatal("a package that was not forgotten must come again")
		}
		q.Forget(p.Number)
	}
	if p := q.Next(); p != nil {
		t.Fatalf("unexpected package %v", p)
	}
	if s := q.Stats(); s.Packages != 0 || s.Bytes != 0 || len(s.Dropped) != 0 {
		t.Fatalf("stats %+v", s)
	}
	mustAppend(t, q, events(0, 1))
	if p := q.Next(); p.Request.Seq != 6 {
		t.Fatalf("seq %d after a clean restart, want 6", p.Request.Seq)
	}
}

func TestNumbersNeverGoBackWithoutACleanClose(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	mustAppend(t, q, events(0, 1))
	p := q.Next()
	q.Forget(p.Number)
	// No Close: everything was sent and nothing on disk tells the last number.
	again := mustOpen(t, dir, Options{})
	mustAppend(t, again, events(0, 1))
	if got := again.Next().Request.Seq; got <= p.Request.Seq || got > p.Request.Seq+2*reserveBlock {
		t.Fatalf("seq %d after %d", got, p.Request.Seq)
	}
}

func TestOldestPackageGoesWhenFull(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{MaxBytes: 4 * fileUnit})
	for i := range 4 {
		mustAppend(t, q, events(i, 1))
	}
	sending := q.Next()
	for i := range 3 {
		mustAppend(t, q, events(100+i, 1))
	}
	s := q.Stats()
	if s.Dropped[DroppedFull] != 3 || s.Packages != 4 || s.Bytes != 4*fileUnit {
		t.Fatalf("stats %+v", s)
	}
	var seqs []uint64
	for p := q.Next(); p != nil; p = q.Next() {
		seqs = append(seqs, p.Request.Seq)
		q.Forget(p.Number)
	}
	if want := []uint64{sending.Request.Seq, 5, 6, 7}; fmt.Sprint(seqs) != fmt.Sprint(want) {
		t.Fatalf("left %v, want %v: the one being sent stays, the oldest others go", seqs, want)
	}
}

func TestDamagedPackagesAreDroppedAndCounted(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut in the header": func(b []byte) []byte { return b[:headerSize-3] },
		"cut in the events": func(b []byte) []byte { return b[:len(b)-1] },
		"empty":             func([]byte) []byte { return nil },
		"zeroed":            func(b []byte) []byte { return make([]byte, len(b)) },
		"one bit in the header": func(b []byte) []byte {
			b[5] ^= 1
			return b
		},
		"one bit in the events": func(b []byte) []byte {
			b[len(b)-1] ^= 1
			return b
		},
		"claims a gigabyte": func(b []byte) []byte {
			copy(b[16:], []byte{0, 0, 0, 0x40})
			return b
		},
		"longer": func(b []byte) []byte { return append(b, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			q := mustOpen(t, dir, Options{})
			mustAppend(t, q, events(0, 7))
			mustAppend(t, q, events(7, 7))
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			path := folder(dir).path(1)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(bytes.Clone(data)), 0o600); err != nil {
				t.Fatal(err)
			}
			q = mustOpen(t, dir, Options{})
			p := q.Next()
			if p == nil || p.Number != 2 {
				t.Fatalf("next is %v, want package 2", p)
			}
			if s := q.Stats(); s.Dropped[DroppedDamaged] == 0 || s.Packages != 1 {
				t.Fatalf("stats %+v", s)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Fatal("the damaged file is still there")
			}
		})
	}
}

// failing is a disk that fails on demand.
type failing struct {
	disk
	err error
}

func (f *failing) write(n uint64, b []byte) error {
	if f.err != nil {
		return f.err
	}
	return f.disk.write(n, b)
}

func (f *failing) writeNamed(name string, b []byte) error {
	if f.err != nil {
		return f.err
	}
	return f.disk.writeNamed(name, b)
}

func TestFullDiskKeepsEventsInMemoryUntilThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	d := &failing{disk: folder(dir)}
	q, err := open(d, Options{Log: quiet(t), MaxMemory: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, q, events(0, 2))
	d.err = syscall.ENOSPC
	if err := q.Append(events(2, 2)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append on a full disk: %v", err)
	}
	if s := q.Stats(); s.Unsaved != 1 || s.Packages != 2 || s.Fault == nil {
		t.Fatalf("stats %+v", s)
	}
	// What waits in memory can be sent.
	q.Forget(q.Next().Number)
	if p := q.Next(); p.Request.Seq != 2 || len(p.Request.Events) != 2 {
		t.Fatalf("next is %v", p)
	}
	for i := range 2000 {
		_ = q.Append(events(i*100, 100)) // the error is the one above
	}
	s := q.Stats()
	if s.UnsavedSize > 64<<10 || s.Dropped[DroppedFull] == 0 {
		t.Fatalf("memory is not bounded: %+v", s)
	}
	d.err = nil
	q.Settle()
	if s = q.Stats(); s.Unsaved != 0 || s.Fault != nil || s.Packages == 0 {
		t.Fatalf("did not recover: %+v", s)
	}
	mustAppend(t, q, events(0, 1))
	var last uint64
	for p := q.Next(); p != nil; p = q.Next() {
		if p.Request.Seq <= last {
			t.Fatalf("seq %d after %d", p.Request.Seq, last)
		}
		last = p.Request.Seq
		q.Forget(p.Number)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestQueueOpensOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	mustAppend(t, q, events(0, 2))
	d := &failing{disk: folder(dir), err: syscall.ENOSPC}
	again, err := open(d, Options{Log: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	if p := again.Next(); p == nil || p.Request.Seq != 1 {
		t.Fatalf("next is %v", p)
	}
	if err := again.Append(events(2, 5)); err == nil || again.Stats().Dropped[DroppedFull] != 5 {
		t.Fatalf("numbers that are not reserved must not be used: %v, %+v", err, again.Stats())
	}
	d.err = nil
	again.Settle()
	mustAppend(t, again, events(2, 5))
}

func TestRenewNumbersFromOneUnderANewIdentity(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	for i := range 4 {
		mustAppend(t, q, events(i, 1))
	}
	q.Forget(q.Next().Number)
	old, agentID := q.QueueID(), q.AgentID()
	q.Renew()
	check := func(q *Queue) {
		t.Helper()
		p := q.Next()
		if p.Request.Seq != 1 || p.Request.QueueId == old || p.Request.AgentId != agentID || p.Request.Events[0].GetProcessStart().Pid != 1 {
			t.Fatalf("after renewal: %v", p)
		}
	}
	check(q)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	check(mustOpen(t, dir, Options{}))
}

func TestClonedDiskGetsNewIdentitiesAndForgetsForeignEvents(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{Machine: "one"})
	mustAppend(t, q, events(0, 9))
	agentID, queueID := q.AgentID(), q.QueueID()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = mustOpen(t, dir, Options{Machine: "two"})
	if q.AgentID() == agentID || q.QueueID() == queueID {
		t.Fatal("a clone kept the identities")
	}
	if s := q.Stats(); s.Packages != 0 || s.Dropped[DroppedCloned] != 9 {
		t.Fatalf("stats %+v", s)
	}
	mustAppend(t, q, events(0, 1))
	if got := q.Next().Request.Seq; got != 1 {
		t.Fatalf("a new queue begins with seq %d", got)
	}
	second := q.AgentID()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if q = mustOpen(t, dir, Options{Machine: "two"}); q.AgentID() != second {
		t.Fatal("the identity changed without reason")
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if q = mustOpen(t, dir, Options{}); q.AgentID() != second {
		t.Fatal("an unknown machine id must not change the identity")
	}
}

func TestDamagedIdentityIsSetAsideAndNewerOneRefused(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	for i := range 3 {
		mustAppend(t, q, events(i, 1))
	}
	q.Forget(q.Next().Number)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, identityName)
	if err := os.WriteFile(path, []byte(`{"version":1`), 0o600); err != nil {
		t.Fatal(err)
	}
	q = mustOpen(t, dir, Options{})
	if p := q.Next(); p == nil || p.Request.Seq != 1 {
		t.Fatalf("packages of a queue with a damaged identity: %v", p)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Log: quiet(t)}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("a newer identity: %v", err)
	}
}

func TestFilesAndFolderArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	q := mustOpen(t, dir, Options{})
	mustAppend(t, q, events(0, 1))
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, e := range list {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
}

func TestBatchSplitsByCountAndBySize(t *testing.T) {
	var b Batch
	var packages [][]*agentv1.Event
	for _, e := range events(0, 2*MaxEvents+1) {
		if full := b.Add(e); full != nil {
			packages = append(packages, full)
		}
	}
	if len(packages) != 2 || len(packages[0]) != MaxEvents || b.Len() != 1 {
		t.Fatalf("%d packages, %d left", len(packages), b.Len())
	}
	b.Take()
	big := strings.Repeat("a", 100<<10)
	for i := range 20 {
		e := events(i, 1)[0]
		e.GetProcessStart().Args = []string{big}
		if full := b.Add(e); len(full) > 9 {
			t.Fatalf("package of %d events of 100 KiB", len(full))
		}
	}
}

func BenchmarkAppendForget(b *testing.B) {
	for _, n := range []int{10, 200, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			q := mustOpen(b, b.TempDir(), Options{})
			list := events(0, n)
			for b.Loop() {
				mustAppend(b, q, list)
				q.Forget(q.Next().Number)
			}
		})
	}
}

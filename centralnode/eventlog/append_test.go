package eventlog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
)

// appendOK appends and fails the test unless the outcome is the expected one.
func appendOK(t testing.TB, l *Log, p Package, want Outcome) {
	t.Helper()
	r, err := l.Append(t.Context(), p)
	if err != nil || r.Outcome != want {
		t.Fatalf("append seq %d: %v, %v; want %v", p.Seq, r, err, want)
	}
}

// records finds everything that matches, the oldest first.
func records(t testing.TB, l *Log, f Filter) []Record {
	t.Helper()
	found, err := l.Search(t.Context(), Search{Filter: f, Limit: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if found.Older || found.Newer || !found.Stopped.IsZero() {
		t.Fatalf("a search for everything leaves something: %+v", found)
	}
	slices.Reverse(found.Records)
	return found.Records
}

func TestPackageComesBackAsItWasSent(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	l := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return now }})
	p := newPackage(1, 1, 1000)
	p.Way, p.Remote, p.PolicyRevision = "sensor-7", "[2001:db8::1%eth0]:443", 42
	p.Host = "evil\r\nVedette-Seq: 99\r\n\r\nhost%20 \x00 é"
	p.Leaf = pki.FingerprintOf([]byte("leaf"))
	appendOK(t, l, p, Stored)
	got := records(t, l, Filter{})
	if len(got) != len(p.Events) {
		t.Fatalf("%d records, want %d", len(got), len(p.Events))
	}
	for i, r := range got {
		if !proto.Equal(r.Event, p.Events[i]) {
			t.Errorf("event %d is %v, want %v", i, r.Event, p.Events[i])
		}
		r.Event = nil
		want := Record{
			Received: now, AgentID: p.AgentID, Store: got[0].Store, Place: 1, PackageSeq: 1, Index: i, Way: p.Way, Remote: p.Remote,
			Leaf: p.Leaf, Host: p.Host, PolicyRevision: 42,
		}
		if r != want {
			t.Errorf("record %d is %+v, want %+v", i, r, want)
		}
	}
}

func TestAppendHasOneEffect(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, newPackage(1, 1, 500), Stored)
	appendOK(t, l, newPackage(1, 1, 500), Duplicate)
	appendOK(t, l, newPackage(1, 3, 500), Stored)
	r, err := l.Append(t.Context(), newPackage(1, 1, 500))
	if err != nil || r.Outcome != Duplicate || r.DurableSeq != 3 {
		t.Fatalf("sent again: %v, %v", r, err)
	}
	appendOK(t, l, newPackage(2, 1, 500), Stored)
	st := packages(t, l)
	if st != 3 {
		t.Fatalf("%d packages stored, want 3", st)
	}
}

// packages counts the stored messages.
func packages(t testing.TB, l *Log) uint64 {
	t.Helper()
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Msgs
}

func TestAppendRefuses(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, newPackage(1, 1, 500), Stored)
	base := newPackage(1, 2, 500)
	tests := []struct {
		what   string
		want   error
		change func(*Package)
	}{
		{"seq 0", ErrSeqJump, func(p *Package) { p.Seq = 0 }},
		{"a jump", ErrSeqJump, func(p *Package) { p.Seq = 2 + MaxSeqJump }},
		{"other content under a known seq", ErrConflict, func(p *Package) { p.Seq = 1 }},
		{"a short agent id", ErrInvalid, func(p *Package) { p.AgentID = "abc" }},
		{"a wildcard as agent id", ErrInvalid, func(p *Package) { p.AgentID = strings.Repeat("*", 32) }},
		{"a dotted queue id", ErrInvalid, func(p *Package) { p.QueueID = "." + p.QueueID[1:] }},
		{"an upper-case queue id", ErrInvalid, func(p *Package) { p.QueueID = strings.Repeat("A", 32) }},
		{"too many events", ErrInvalid, func(p *Package) { p.Events = make([]*agentv1.Event, MaxEvents+1) }},
		{"a missing event", ErrInvalid, func(p *Package) { p.Events = []*agentv1.Event{nil} }},
		{"text that is not UTF-8", ErrInvalid, func(p *Package) { p.Events = []*agentv1.Event{{Id: "\xff"}} }},
		{"a long host name", ErrInvalid, func(p *Package) { p.Host = strings.Repeat("x", maxHost+1) }},
		{"a long way", ErrInvalid, func(p *Package) { p.Way = strings.Repeat("x", maxWay+1) }},
		{"too many bytes", ErrTooLarge, func(p *Package) { p.Events = []*agentv1.Event{{Id: strings.Repeat("x", MaxStored)}} }},
	}
	for _, tt := range tests {
		p := base
		tt.change(&p)
		if _, err := l.Append(t.Context(), p); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
	}
	if n := packages(t, l); n != 1 {
		t.Errorf("%d packages stored, want 1", n)
	}
	largest := base
	largest.Events = []*agentv1.Event{{Id: strings.Repeat("x", MaxStored-100)}}
	largest.Host = strings.Repeat("\n", maxHost)
	appendOK(t, l, largest, Stored)
	if s := l.State(); s.Degraded {
		t.Errorf("refusals left the log degraded: %s", s.Reason)
	}
}

func TestManyAppendersOfOneQueueStoreEachPackageOnce(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	const copies, last = 8, 40
	var mu sync.Mutex
	stored := make(map[uint64]int)
	var wg sync.WaitGroup
	for range copies {
		wg.Go(func() {
			for seq := uint64(1); seq <= last; seq++ {
				r, err := l.Append(t.Context(), newPackage(1, seq, 300))
				if err != nil {
					t.Error(err)
					return
				}
				if r.Outcome == Stored {
					mu.Lock()
					stored[seq]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for seq := uint64(1); seq <= last; seq++ {
		if stored[seq] != 1 {
			t.Errorf("seq %d stored %d times", seq, stored[seq])
		}
	}
	if n := packages(t, l); n != last {
		t.Errorf("%d packages stored, want %d", n, last)
	}
}

func TestCallerWhoLeavesWhileWaitingChangesNothing(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	p := newPackage(1, 1, 300)
	q, err := l.table.acquire(t.Context(), QueueKey{p.AgentID, p.QueueID})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := l.Append(ctx, p)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("append of a caller who left: %v", err)
	}
	l.table.release(q)
	appendOK(t, l, p, Stored)
}

// TestUnknownOutcomeIsReadBack loses the answer to a publish: the package is
// stored, and nobody was told.
func TestUnknownOutcomeIsReadBack(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		l := open(t, Config{Dir: t.TempDir()})
		appendOK(t, l, newPackage(1, 1, 300), Stored)
		p := newPackage(1, 2, 300)
		e, err := encode(p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.session()
		if err != nil {
			t.Fatal(err)
		}
		if arrived {
			if _, _, err := s.publish(e); err != nil {
				t.Fatal(err)
			}
		}
		q, err := l.table.acquire(t.Context(), e.key)
		if err != nil {
			t.Fatal(err)
		}
		q.doubt = &recent{e.seq, e.digest}
		l.table.release(q)
		s.fail(errors.New("answer lost"))
		if _, err := l.Append(t.Context(), p); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("append while the truth is not known: %v", err)
		}
		if st := l.State(); !st.Degraded {
			t.Fatal("not degraded after a fault")
		}
		run(t, l)
		within(t, 10*time.Second, "well again", func() bool { return !l.State().Degraded })
		want := Stored
		if arrived {
			want = Duplicate
		}
		appendOK(t, l, p, want)
		appendOK(t, l, newPackage(1, 3, 300), Stored)
		if n := packages(t, l); n != 3 {
			t.Fatalf("%d packages stored, want 3", n)
		}
	}
}

package eventlog

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

// mixed makes a package of one event of each kind.
func mixed(agent int, seq uint64, text string) Package {
	p := newPackage(agent, seq, 1)
	p.Events = []*agentv1.Event{
		{Id: id(1), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
			Executable: "/usr/bin/" + text, Args: []string{"--color", "Red"}, UserName: "alice",
		}}},
		{Id: id(2), Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Executable: "/bin/" + text}}},
		{Id: id(3), Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{Code: "throttled", Text: text}}},
		{Id: id(4)},
	}
	return p
}

func TestSearchFilters(t *testing.T) {
	var now clock
	l := open(t, Config{Dir: t.TempDir(), Now: now.Now})
	start := now.Now()
	for seq := uint64(1); seq <= 3; seq++ {
		for agent := 1; agent <= 2; agent++ {
			appendOK(t, l, mixed(agent, seq, fmt.Sprintf("Tool-%d", seq)), Stored)
		}
		now.forward(10 * time.Minute)
	}
	tests := []struct {
		what   string
		filter Filter
		want   int
	}{
		{"everything", Filter{}, 24},
		{"one host in another case", Filter{Host: "HOST-1"}, 12},
		{"one agent", Filter{AgentID: id(2)}, 12},
		{"an agent that is not there", Filter{AgentID: id(3)}, 0},
		{"one kind", Filter{Kind: KindProcessExit}, 6},
		{"a text in all kinds and another case", Filter{Text: "tool-2"}, 6},
		{"a text across arguments", Filter{Text: "--color red"}, 6},
		{"a user", Filter{Text: "ALICE", Host: "host-1"}, 3},
		{"since the second package", Filter{Since: start.Add(5 * time.Minute)}, 16},
		{"until the second package", Filter{Until: start.Add(5 * time.Minute)}, 8},
		{"only the second package", Filter{Since: start.Add(5 * time.Minute), Until: start.Add(15 * time.Minute)}, 8},
		{"after everything", Filter{Since: start.Add(time.Hour)}, 0},
	}
	for _, tt := range tests {
		got := records(t, l, tt.filter)
		if len(got) != tt.want {
			t.Errorf("%s: %d records, want %d", tt.what, len(got), tt.want)
		}
		for i := 1; i < len(got); i++ {
			if got[i].Received.Before(got[i-1].Received) {
				t.Errorf("%s: record %d is older than the one before it", tt.what, i)
			}
		}
	}
	if _, err := l.Search(t.Context(), Search{Filter: Filter{AgentID: "*"}, Limit: 1}); !errors.Is(err, ErrInvalid) {
		t.Errorf("search for a malformed agent id: %v", err)
	}
}

// watching starts a watch and returns what it yields.
func watching(t *testing.T, l *Log, f Filter, buffer int) <-chan Record {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	records := make(chan Record, buffer)
	done := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		done <- l.Watch(ctx, f, func(r Record) bool {
			select {
			case records <- r:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	<-started
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	return records
}

// next takes one record.
func next(t *testing.T, records <-chan Record) Record {
	t.Helper()
	select {
	case r := <-records:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no record came")
		panic("unreachable")
	}
}

// attach appends until the watch is seen to work and returns the next seq.
func attach(t *testing.T, l *Log, records <-chan Record) uint64 {
	t.Helper()
	for seq := uint64(1); ; seq++ {
		appendOK(t, l, newPackage(1, seq, 1), Stored)
		select {
		case r := <-records:
			for r.PackageSeq < seq {
				r = next(t, records)
			}
			return seq + 1
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestWatchYieldsWhatComesAndOutlivesAFault(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	run(t, l)
	appendOK(t, l, newPackage(9, 1, 1), Stored) // before the watch
	all := watching(t, l, Filter{}, 100)
	exits := watching(t, l, Filter{Kind: KindProcessExit}, 100)
	seq := attach(t, l, all)
	appendOK(t, l, mixed(2, 1, "x"), Stored)
	for i := range 4 {
		if r := next(t, all); r.AgentID != id(2) || r.Index != i || r.Skipped != 0 {
			t.Fatalf("record %d: %+v", i, r)
		}
	}
	if r := next(t, exits); r.AgentID != id(2) || r.Index != 1 {
		t.Fatalf("first exit: %+v", r)
	}
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	s.fail(errors.New("a fault"))
	within(t, 10*time.Second, "well again", func() bool { return !l.State().Degraded })
	appendOK(t, l, newPackage(1, seq, 1), Stored)
	if r := next(t, all); r.PackageSeq != seq || r.AgentID != id(1) {
		t.Fatalf("after the fault: %+v", r)
	}
}

func TestWatchBeginsInThePastAndGoesOn(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return now }})
	seq := uint64(0)
	for range 10 {
		seq++
		appendOK(t, l, newPackage(1, seq, 1), Stored)
	}
	now = now.Add(time.Minute)
	since := now
	// More than a slow watcher may be behind: the past is shown all the same.
	for range watchLag + 100 {
		seq++
		appendOK(t, l, newPackage(1, seq, 1), Stored)
	}
	if m := l.State().Messages; m != seq {
		t.Errorf("the state counts %d packages without another look, want %d", m, seq)
	}
	w := watching(t, l, Filter{Since: since}, 0)
	for want := uint64(11); want <= seq; want++ {
		if r := next(t, w); r.PackageSeq != want || r.Skipped != 0 {
			t.Fatalf("package %d, %d skipped; want %d", r.PackageSeq, r.Skipped, want)
		}
	}
	appendOK(t, l, newPackage(1, seq+1, 1), Stored)
	if r := next(t, w); r.PackageSeq != seq+1 {
		t.Fatalf("then package %d, want %d", r.PackageSeq, seq+1)
	}
}

func TestSlowWatcherIsBroughtToTheNewestAndTold(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	slow := watching(t, l, Filter{}, 0)
	seq := attach(t, l, slow)
	const more = 2 * watchLag
	for range more {
		appendOK(t, l, newPackage(1, seq, 1), Stored) // nobody reads, nobody waits
		seq++
	}
	seen, skipped := uint64(0), uint64(0)
	for seen+skipped < more {
		var r Record
		select {
		case r = <-slow:
		case <-time.After(200 * time.Millisecond):
			appendOK(t, l, newPackage(1, seq, 1), Stored) // brings the count along
			seq++
			continue
		}
		seen++
		skipped += r.Skipped
	}
	if skipped == 0 || seen > more/2 {
		t.Errorf("%d records seen, %d skipped", seen, skipped)
	}
}

func TestReadersSayWhenTheStoreIsAway(t *testing.T) {
	l := open(t, Config{NATSURL: "nats://127.0.0.1:1"})
	if _, err := l.Search(t.Context(), Search{Limit: 1}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("search: %v", err)
	}
	if _, _, err := l.Record(t.Context(), Cursor{Store: "x", Place: 1}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one record: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Watch(ctx, Filter{}, func(Record) bool { return true }); err != nil {
		t.Errorf("watch: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Watch(t.Context(), Filter{}, func(Record) bool { return true }); !errors.Is(err, ErrClosed) {
		t.Errorf("watch of a closed log: %v", err)
	}
}

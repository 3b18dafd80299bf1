package eventlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// follower reads with a cursor and checks that every event of one agent's
// packages comes once and in order.
type follower struct {
	at      Cursor
	oldest  time.Time
	seq     uint64 // of the last record
	index   int
	skipped uint64
}

// read takes at most limit records and returns how many came.
func (f *follower) read(t testing.TB, l *Log, limit int) int {
	t.Helper()
	n := 0
	next, err := l.Read(t.Context(), f.at, f.oldest, func(r Record) bool {
		n++
		f.skipped += r.Skipped
		// A package that was begun counts as skipped when its rest is.
		goesOn := r.PackageSeq == f.seq && r.Index == f.index+1
		next := r.Index == 0 && (r.PackageSeq == f.seq+1+r.Skipped || r.Skipped > 0 && r.PackageSeq == f.seq+r.Skipped)
		if !goesOn && !next {
			t.Fatalf("after event %d of package %d came event %d of package %d, %d skipped", f.index, f.seq, r.Index, r.PackageSeq, r.Skipped)
		}
		f.seq, f.index = r.PackageSeq, r.Index
		return n < limit
	})
	if err != nil {
		t.Fatal(err)
	}
	f.at = next
	return n
}

func start(t testing.TB, l *Log, since time.Time) Cursor {
	t.Helper()
	c, err := l.Start(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// numbered makes a package of so many small events.
func numbered(seq uint64, events int) Package {
	p := newPackage(1, seq, 1)
	p.Events = makeEvents(1, seq, events, 10)
	return p
}

func TestReaderGoesOnAfterEveryEventAcrossRestarts(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Checkpoints: new(memory)}
	rng := rand.New(rand.NewPCG(1, 2))
	seq, events, read := uint64(0), 0, 0
	var f follower
	for range 4 {
		l := open(t, cfg)
		if f.at.Store == "" {
			f.at = start(t, l, time.Time{})
		}
		for range 60 {
			for range rng.IntN(4) {
				seq++
				n := 1 + rng.IntN(9)
				appendOK(t, l, numbered(seq, n), Stored)
				events += n
			}
			read += f.read(t, l, 1+rng.IntN(12))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, cfg)
	for n := -1; n != 0; read += n {
		n = f.read(t, l, 1+rng.IntN(50))
	}
	if read != events || f.skipped != 0 {
		t.Errorf("%d events read, %d skipped packages; %d were stored", read, f.skipped, events)
	}
	if end := (Cursor{Store: f.at.Store, Place: seq + 1}); f.at != end {
		t.Errorf("in the end at %+v, want %+v", f.at, end)
	}
}

func TestReaderIsToldWhatIsTooOldOrNotKeptAnyMore(t *testing.T) {
	for _, tt := range []struct {
		what  string
		purge bool
	}{{"too old", false}, {"removed", true}} {
		t.Run(tt.what, func(t *testing.T) {
			var now clock
			l := open(t, Config{Dir: t.TempDir(), MaxAge: time.Hour, Now: now.Now})
			for seq := uint64(1); seq <= 200; seq++ {
				appendOK(t, l, numbered(seq, 3), Stored)
			}
			f := follower{at: start(t, l, time.Time{})}
			if n := f.read(t, l, 5); n != 5 || f.at.Place != 2 || f.at.Index != 2 {
				t.Fatalf("%d events, at %+v", n, f.at)
			}
			now.forward(2 * time.Hour)
			f.oldest = now.Now().Add(-time.Hour)
			if tt.purge {
				upkeep(t, l)
			}
			if n := f.read(t, l, 100); n != 0 || f.at.Place != 201 || f.at.Skipped != 199 {
				t.Fatalf("%d events, at %+v; want none, and 199 packages skipped", n, f.at)
			}
			appendOK(t, l, numbered(201, 2), Stored)
			if n := f.read(t, l, 100); n != 2 || f.skipped != 199 || f.at != (Cursor{Store: f.at.Store, Place: 202}) {
				t.Errorf("%d events, told %d skipped packages, at %+v", n, f.skipped, f.at)
			}
		})
	}
}

func TestStartGoesBackAsFarAsAsked(t *testing.T) {
	var now clock
	l := open(t, Config{Dir: t.TempDir(), Now: now.Now})
	if c := start(t, l, time.Time{}); c.Place != 1 {
		t.Errorf("start of an empty log is at %+v", c)
	}
	for seq := uint64(1); seq <= 30; seq++ {
		appendOK(t, l, numbered(seq, 1), Stored)
		now.forward(time.Minute)
	}
	since := now.Now().Add(-10*time.Minute - time.Second)
	first := uint64(0)
	if _, err := l.Read(t.Context(), start(t, l, since), since, func(r Record) bool { first = r.PackageSeq; return false }); err != nil || first != 21 {
		t.Errorf("the first is package %d, %v; want 21", first, err)
	}
	now.forward(time.Hour)
	if c := start(t, l, now.Now()); c.Place != 31 {
		t.Errorf("start behind everything is at %+v", c)
	}
}

func TestCursorOfAnotherStoreIsRefused(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, numbered(1, 1), Stored)
	here := start(t, l, time.Time{})
	for _, c := range []Cursor{
		{},
		{Store: start(t, open(t, Config{Dir: t.TempDir()}), time.Time{}).Store, Place: 1},
		{Store: here.Store},
		{Store: here.Store, Place: 3},
		{Store: here.Store, Place: 1, Index: -1},
	} {
		if _, err := l.Read(t.Context(), c, time.Time{}, func(Record) bool { return true }); !errors.Is(err, ErrCursor) {
			t.Errorf("read at %+v: %v", c, err)
		}
	}
	// More events than the package has: nothing is left of it.
	if next, err := l.Read(t.Context(), Cursor{Store: here.Store, Place: 1, Index: 9}, time.Time{}, func(Record) bool { return true }); err != nil || next.Place != 2 {
		t.Errorf("behind the end of a package: %+v, %v", next, err)
	}
}

func TestReaderPassesOverWhatIsNoPackage(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	f := follower{at: start(t, l, time.Time{})}
	if _, err := s.js.Publish(t.Context(), "events.some.body", nil); err != nil {
		t.Fatal(err)
	}
	appendOK(t, l, numbered(1, 2), Stored)
	seen := 0
	c, err := l.Read(t.Context(), f.at, time.Time{}, func(r Record) bool { seen++; return true })
	if err != nil || seen != 2 {
		t.Fatalf("%d events, %v", seen, err)
	}
	// At the end nothing comes after it that would show it.
	if _, err := s.js.Publish(t.Context(), "events.some.body", nil); err != nil {
		t.Fatal(err)
	}
	if at, err := l.Read(t.Context(), c, time.Time{}, func(Record) bool { return true }); err != nil || at != c {
		t.Errorf("read on to what is not acknowledged: %+v, %v", at, err)
	}
	l.count(s, 3, 0)
	if c, err = l.Read(t.Context(), c, time.Time{}, func(Record) bool { return true }); err != nil || c.Place != 4 {
		t.Errorf("at the end: %+v, %v", c, err)
	}
}

func TestReadyTellsOfWhatComesAndOutlivesAFault(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	run(t, l)
	appendOK(t, l, numbered(1, 1), Stored)
	c := start(t, l, time.Time{})
	ready := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(10 * time.Second):
			t.Fatal("not ready: " + what)
		}
	}
	ready("something is there", l.Ready(c))
	ready("another store", l.Ready(Cursor{Store: "x", Place: 1}))
	c.Place++
	more := l.Ready(c)
	select {
	case <-more:
		t.Fatal("ready without anything to read")
	default:
	}
	appendOK(t, l, numbered(2, 1), Stored)
	select {
	case <-more: // closed before Append was answered
	default:
		t.Fatal("not ready although a package is durable")
	}
	c.Place++
	more = l.Ready(c)
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	s.fail(fmt.Errorf("a fault"))
	ready("opened again", more)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ready("closed", l.Ready(c))
}

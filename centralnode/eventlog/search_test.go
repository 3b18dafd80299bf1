package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	agentv1 "vedette/proto/agent/v1"
)

// found searches and fails the test when that does not work.
func found(t testing.TB, l *Log, q Search) Found {
	t.Helper()
	f, err := l.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// key names a record.
func key(r Record) string { return fmt.Sprintf("%08d.%04d", r.Place, r.Index) }

func TestSearchGoesOnWhereItStoppedAtItsBound(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	for seq := uint64(1); seq <= 40; seq++ {
		appendOK(t, l, newPackage(1, seq, 30_000), Stored)
	}
	for _, newer := range []bool{false, true} {
		seen, stops := make(map[string]bool), 0
		q := Search{Newer: newer, MaxBytes: 100_000}
		if newer {
			q.From = start(t, l, time.Time{})
		}
		for {
			f := found(t, l, q)
			for _, r := range f.Records {
				if seen[key(r)] {
					t.Fatalf("record %s came twice", key(r))
				}
				seen[key(r)] = true
			}
			if f.Stopped.IsZero() {
				break
			}
			if stops++; f.Packages > 12 || stops > 40 {
				t.Fatalf("%d packages read, %d stops", f.Packages, stops)
			}
			if q.From = f.Oldest; newer {
				q.From = f.Newest
			}
		}
		if len(seen) != 40*16 || stops < 5 {
			t.Errorf("newer %v: %d records after %d stops, want %d", newer, len(seen), stops, 40*16)
		}
	}
}

func TestSearchTakesAChunkInPartsWhenItIsLarge(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	const last = 30
	for seq := uint64(1); seq <= last; seq++ {
		p := newPackage(1, seq, 1)
		p.Events = makeEvents(1, seq, 2, 400_000)
		appendOK(t, l, p, Stored)
	}
	want := uint64(last)
	for _, r := range found(t, l, Search{}).Records {
		if r.PackageSeq != want {
			t.Fatalf("package %d, want %d", r.PackageSeq, want)
		}
		if r.Index == 0 {
			want--
		}
	}
	if want != 0 {
		t.Errorf("%d packages did not come", want)
	}
}

func TestOneRecordIsFoundByItsPlace(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, numbered(1, 3), Stored)
	want := found(t, l, Search{Limit: 1}).Records[0]
	got, ok, err := l.Record(t.Context(), want.Cursor())
	if err != nil || !ok || got.Event.GetId() != want.Event.GetId() || got.Cursor() != want.Cursor() {
		t.Fatalf("%+v, %v, %v", got, ok, err)
	}
	for _, at := range []Cursor{want.Behind(), {Store: want.Store, Place: 2}, {Store: want.Store, Place: 99}, {Store: "other", Place: 1}, {}} {
		if _, ok, err := l.Record(t.Context(), at); ok || err != nil {
			t.Errorf("at %+v: %v, %v", at, ok, err)
		}
	}
}

func TestSearchFromAnotherStoreOrBehindTheEndIsRefused(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, numbered(1, 3), Stored)
	store := found(t, l, Search{Limit: 1}).Newest.Store
	for _, at := range []Cursor{{Store: "other", Place: 1}, {Store: store, Place: 3}, {Store: store}, {Store: store, Place: 1, Index: -1}} {
		if _, err := l.Search(t.Context(), Search{Filter: Filter{From: at}}); !errors.Is(err, ErrCursor) {
			t.Errorf("from %+v: %v", at, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Search(ctx, Search{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its caller left: %v", err)
	}
}

func TestCursorsAreWrittenAndRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Cursor{
			Store: rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`).Draw(t, "store"), Place: rapid.Uint64().Draw(t, "place"), Index: rapid.IntRange(0, 1<<31-1).Draw(t, "index"),
		}
		if back, err := ParseCursor(c.String()); err != nil || back != c {
			t.Fatalf("%s: %+v, %v", c, back, err)
		}
	})
	for _, s := range []string{"", "a", "a.1", "a.1.", ".1.1", "a.01.1", "a.1.-1", "a.+1.1", "a.1.1.1", "a.1.2147483648", "a.99999999999999999999.1"} {
		if c, err := ParseCursor(s); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %+v, %v", s, c, err)
		}
	}
}

func TestWatchGoesOnBehindAPlace(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	for seq := uint64(1); seq <= 5; seq++ {
		appendOK(t, l, numbered(seq, 4), Stored)
	}
	all := found(t, l, Search{}).Records
	slices.Reverse(all)
	for _, after := range []int{0, 1, 3, 10, 18} {
		w := watching(t, l, Filter{From: all[after].Behind()}, 0)
		for _, want := range all[after+1:] {
			if got := next(t, w); key(got) != key(want) {
				t.Fatalf("behind %s came %s, want %s", key(all[after]), key(got), key(want))
			}
		}
	}
	end := found(t, l, Search{Limit: 1}).Newest
	w := watching(t, l, Filter{From: end}, 0)
	appendOK(t, l, numbered(6, 1), Stored)
	if r := next(t, w); r.PackageSeq != 6 {
		t.Errorf("at the end came package %d", r.PackageSeq)
	}
}

// TestPagesLoseAndRepeatNothing turns over pages of any size, with any filter,
// in both directions, while packages are added and old ones retire.
func TestPagesLoseAndRepeatNothing(t *testing.T) {
	var now clock
	l := open(t, Config{Dir: t.TempDir(), MaxAge: time.Hour, Now: now.Now})
	seq := uint64(0)
	rapid.Check(t, func(rt *rapid.T) {
		upkeep(t, l) // what the checks before it left is old by and by
		add := func() {
			seq++
			p := newPackage(1+int(seq%3), seq, 1)
			n := rapid.IntRange(0, 7).Draw(rt, "events")
			p.Events = makeEvents(1, seq, n, 10)
			if n > 0 && seq%2 == 0 {
				p.Events[n-1] = &agentv1.Event{Id: id(3), Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{Text: "a notice"}}}
			}
			appendOK(t, l, p, Stored)
		}
		for range rapid.IntRange(1, 20).Draw(rt, "packages") {
			add()
			now.forward(time.Minute)
		}
		filter := rapid.SampledFrom([]Filter{{}, {Kind: KindCollectorNotice}, {AgentID: id(2)}, {Host: "HOST-3"}, {Text: "notice"}}).Draw(rt, "filter")
		if rapid.Bool().Draw(rt, "bounded") {
			filter.Since, filter.Until = now.Now().Add(-20*time.Minute), now.Now().Add(-3*time.Minute)
		}
		everything := found(t, l, Search{Filter: filter}).Records
		retired := uint64(0) // places that may be gone
		var got []Record
		q := Search{Filter: filter}
		for turn := 0; ; turn++ {
			q.Limit = rapid.IntRange(1, 9).Draw(rt, "limit")
			if q.MaxBytes = 0; rapid.Bool().Draw(rt, "little") {
				q.MaxBytes = 500
			}
			f := found(t, l, q)
			if len(f.Records) > q.Limit || turn > 500 {
				rt.Fatalf("%d records of %d, turn %d", len(f.Records), q.Limit, turn)
			}
			got = append(got, f.Records...)
			if !f.Older {
				break
			}
			q.From = f.Oldest
			switch rapid.IntRange(0, 9).Draw(rt, "meanwhile") {
			case 0:
				add()
			case 1:
				now.forward(50 * time.Minute)
				upkeep(t, l)
				s, err := l.session()
				if err != nil {
					t.Fatal(err)
				}
				st, err := s.info(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				retired = max(retired, st.FirstSeq)
			}
		}
		compare(rt, got, everything, retired)

		// Back to the newest, with what was added meanwhile.
		latest := found(t, l, Search{Filter: filter}).Records
		slices.Reverse(latest)
		q = Search{Filter: filter, Newer: true}
		if q.From = start(t, l, time.Time{}); len(got) > 0 && rapid.Bool().Draw(rt, "from a record") {
			q.From = got[len(got)-1].Behind()
			latest = slices.DeleteFunc(latest, func(r Record) bool { return key(r) <= key(got[len(got)-1]) })
		}
		got = nil
		for turn := 0; ; turn++ {
			q.Limit = rapid.IntRange(1, 9).Draw(rt, "limit")
			f := found(t, l, q)
			if len(f.Records) > q.Limit || turn > 500 {
				rt.Fatalf("%d records of %d, turn %d", len(f.Records), q.Limit, turn)
			}
			slices.Reverse(f.Records)
			got = append(got, f.Records...)
			if !f.Newer {
				break
			}
			q.From = f.Newest
		}
		compare(rt, got, latest, 0)
	})
}

// compare checks that what came is what there is, in its order; places before
// retired may be missing.
func compare(t *rapid.T, got, want []Record, retired uint64) {
	t.Helper()
	at := 0
	for _, w := range want {
		switch {
		case at < len(got) && key(got[at]) == key(w):
			at++
		case w.Place < retired:
		default:
			t.Fatalf("record %d is not %s", at, key(w))
		}
	}
	if at != len(got) {
		t.Fatalf("%d records came, %d of them expected", len(got), at)
	}
}

func TestManySearchWhilePackagesCome(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, numbered(1, 5), Stored)
	var readers sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		readers.Go(func() {
			newest := ""
			for ctx.Err() == nil {
				f, err := l.Search(t.Context(), Search{Limit: 7})
				if err != nil || len(f.Records) == 0 {
					t.Errorf("%d records, %v", len(f.Records), err)
					return
				}
				if k := key(f.Records[0]); k < newest {
					t.Errorf("%s came after %s", k, newest)
				} else {
					newest = k
				}
			}
		})
	}
	for seq := uint64(2); seq <= 60; seq++ {
		appendOK(t, l, numbered(seq, 5), Stored)
	}
	cancel()
	readers.Wait()
}

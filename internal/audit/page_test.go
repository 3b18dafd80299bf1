package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/internal/kv"
)

// filled is a trail with n records, made in few commits.
func filled(t testing.TB, n int, record func(i int) Record) *Trail {
	t.Helper()
	store, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	prev := genesis(store)
	for first := 0; first < n; first += 8000 {
		var ops []kv.Op
		last := min(first+8000, n)
		for i := first; i < last; i++ {
			r := record(i)
			r.Seq, r.Prev, r.Result = uint64(i+1), prev, Done
			value, err := seal(&r)
			if err != nil {
				t.Fatal(err)
			}
			prev = r.Hash
			ops = append(ops, kv.Op{Key: recordKey(r.Seq), Value: value})
		}
		head := fmt.Sprintf(`{"v":1,"seq":%d,"hash":%q}`, last, prev)
		if _, err := store.Apply(ctx, append(ops, kv.Op{Key: headKey, Value: []byte(head)}), nil); err != nil {
			t.Fatal(err)
		}
	}
	return New(store, time.Now)
}

func TestPagesByNumberMissAndRepeatNothing(t *testing.T) {
	const n = 3*pageSize/2 + 7
	trail := filled(t, n, func(i int) Record {
		r := act(fmt.Sprintf("act.%d", i%3))
		r.Time = at(0)
		return r
	})
	for _, f := range []Filter{{}, {Act: "act.1"}, {Account: "nobody"}, {Text: "ACT.2"}} {
		whole, err := trail.List(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		var paged []Record
		for f.Limit = 37; ; {
			part, err := trail.List(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			paged = append(paged, part...)
			if len(part) < f.Limit {
				break
			}
			f.Before = part[len(part)-1].Seq
		}
		if !reflect.DeepEqual(paged, whole) {
			t.Errorf("%+v: %d records by page, %d at once", f, len(paged), len(whole))
		}
	}
	if got, err := trail.List(ctx, Filter{Before: 1}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := trail.List(ctx, Filter{Before: n + 100, Limit: 1}); err != nil || len(got) != 1 || got[0].Seq != n {
		t.Error(got, err)
	}
}

// A page that may not read everything ends early, and whoever goes on from there
// misses and repeats nothing.
func TestBoundedPagesLeadThroughAllRecords(t *testing.T) {
	const n = 5*pageSize + 7
	trail := filled(t, n, func(i int) Record {
		r := act("a")
		if i%700 == 0 {
			r.Account = "rare"
		}
		r.Time = at(0).Add(time.Duration(i) * time.Second)
		return r
	})
	for _, f := range []Filter{{}, {Account: "rare"}, {Account: "nobody"}, {Account: "rare", Until: at(30)}} {
		whole, err := trail.List(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		var paged []Record
		looks, bounded := 0, 0
		for f.Limit = 100; looks < 100; {
			looks++
			p, err := trail.Page(ctx, f, 1)
			if err != nil {
				t.Fatal(err)
			}
			paged = append(paged, p.Records...)
			if p.Looked > 0 {
				bounded++
				if p.Looked > pageSize || p.Reached != at(0).Add(time.Duration(p.Before-1)*time.Second) {
					t.Errorf("%+v: %d records were looked at, to %d at %s", f, p.Looked, p.Before, p.Reached)
				}
			}
			if p.Before == 0 {
				break
			}
			f.Before = p.Before
		}
		if !reflect.DeepEqual(paged, whole) || bounded == 0 && f.Account != "" {
			t.Errorf("%+v: %d records in %d looks, %d of them bounded; %d at once", f, len(paged), looks, bounded, len(whole))
		}
		f.Before, f.Limit = 0, 0
		if p, err := trail.Page(ctx, f, 0); err != nil || len(p.Records) != len(whole) || p.Before != 0 || p.Looked != 0 {
			t.Errorf("%+v without a bound: %d records, then %d, %d, %v", f, len(p.Records), p.Before, p.Looked, err)
		}
	}
	if r, found, err := trail.Record(ctx, 701); err != nil || !found || r.Account != "rare" || r.Seq != 701 {
		t.Error(r, found, err)
	}
	for _, seq := range []uint64{0, n + 1, 1 << 63} {
		if _, found, err := trail.Record(ctx, seq); err != nil || found {
			t.Error(seq, found, err)
		}
	}
}

func TestTimesAreFoundWhereTheClockWasSetBack(t *testing.T) {
	now := at(0)
	trail := filled(t, 4*pageSize, func(i int) Record {
		if i == 3*pageSize/2 {
			now = at(0) // the clock is set back, and goes over the same time again
		}
		now = now.Add(time.Second)
		r := act("a")
		r.Time = now
		return r
	})
	all, err := trail.List(ctx, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // without and with what is remembered
		for since := 0; since < 40; since += 3 {
			f := Filter{Since: at(since), Until: at(since + 5)}
			var want []Record
			for _, r := range all {
				if f.matches(r) {
					want = append(want, r)
				}
			}
			if got, err := trail.List(ctx, f); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("since minute %d: %d records, want %d, %v", since, len(got), len(want), err)
			}
		}
	}
	if n := len(trail.spans.of); n != 3 { // the newest page is read in two parts
		t.Errorf("%d pages are remembered", n)
	}
}

// Records are passed over as they lie in the store; that must miss nothing.
func TestSieveKeepsWhateverTheFilterChooses(t *testing.T) {
	texts := rapid.OneOf(rapid.StringN(0, 5, 30), rapid.StringOfN(rapid.RuneFrom([]rune("aAbB<>&\"\\/\u0131\u212a\u0130\u00df\u2028\u0007\u00e9\u03a3")), 0, 4, 20), rapid.SampledFrom([]string{"admin", "done", "act", "subject"}))
	rapid.Check(t, func(t *rapid.T) {
		r := bounded(Record{
			Seq: 7, Time: at(rapid.IntRange(0, 50).Draw(t, "minute")), Account: texts.Draw(t, "account"), Role: "role", Act: texts.Draw(t, "act"),
			Subject: []string{texts.Draw(t, "subject")}, Result: rapid.SampledFrom([]string{Done, Refused, Failed}).Draw(t, "result"), Detail: texts.Draw(t, "detail"),
		})
		value, err := seal(&r)
		if err != nil {
			t.Fatal(err)
		}
		maybe := func(s string) string {
			if rapid.Bool().Draw(t, "asked") {
				return s
			}
			return ""
		}
		f := Filter{
			Account: maybe(r.Account), Act: maybe(texts.Draw(t, "asked act")), Result: maybe(r.Result), Text: maybe(texts.Draw(t, "text")),
			Since: at(rapid.IntRange(0, 50).Draw(t, "since")), Until: at(rapid.IntRange(0, 50).Draw(t, "until")),
		}
		if rapid.Bool().Draw(t, "part") && r.Detail != "" {
			f.Text = strings.ToUpper(r.Detail)
		}
		if f.matches(r) && !newSieve(f).passes(value) {
			t.Fatalf("%+v is not found by %+v", r, f)
		}
		if newSieve(f).passes(value) && (f.Act != "" && f.Act != r.Act || r.Time.Before(f.Since)) {
			t.Fatalf("%+v passes for %+v", r, f)
		}
	})
}

func TestFiltersFindByResultAndByAnyText(t *testing.T) {
	trail, _ := newTrail(t)
	for _, r := range []Record{
		{Account: "alice", Role: "administrator", Face: "menu", From: "192.0.2.7", Act: "thing make", Subject: []string{"AA:BB", "Müller"}},
		{Account: "eve", Act: "thing make", Result: Refused, Detail: "the role may not"},
		{Account: "bob", Act: "thing change", Result: Failed, Detail: "<disk>"},
	} {
		if err := trail.Note(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{Result: Refused}, "eve"}, {Filter{Result: Failed}, "bob"}, {Filter{Text: "MÜLLER"}, "alice"}, {Filter{Text: "aa:bb"}, "alice"},
		{Filter{Text: "192.0.2"}, "alice"}, {Filter{Text: "MENU"}, "alice"}, {Filter{Text: "<DISK>"}, "bob"}, {Filter{Text: "role may"}, "eve"},
		{Filter{Text: "thing make"}, "eve alice"}, {Filter{Text: "administrator", Result: Refused}, ""}, {Filter{Text: "prev"}, ""}, {Filter{Text: "u003c"}, ""},
	} {
		got, err := trail.List(ctx, c.f)
		var names []string
		for _, r := range got {
			names = append(names, r.Account)
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("%+v: %v, %v", c.f, names, err)
		}
	}
}

func TestAChangedRecordThatIsChosenIsNamed(t *testing.T) {
	trail, store := newTrail(t)
	for _, name := range []string{"alice", "bob"} {
		if err := trail.Note(ctx, Record{Account: name, Act: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	e, err := store.Get(ctx, recordKey(1))
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(e.Value), `"act":"a"`, `"act":"b"`, 1)
	if _, err := store.Apply(ctx, []kv.Op{{Key: recordKey(1), Value: []byte(forged)}}, nil); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	for _, f := range []Filter{{}, {Account: "alice"}, {Act: "b"}} {
		if _, err := trail.List(ctx, f); !errors.As(err, &broken) || broken.Seq != 1 {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if got, err := trail.List(ctx, Filter{Account: "bob"}); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
}

// A page of 100 of 200,000 records.
func BenchmarkList(b *testing.B) {
	const n = 200_000
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	trail := filled(b, n, func(i int) Record {
		r := act("certificate delete")
		r.Time, r.Detail = begin.Add(time.Duration(i)*time.Minute), "before: something that is as long as such details are"
		if i%4999 == 0 {
			r.Account = "rare"
		}
		return r
	})
	for name, f := range map[string]Filter{
		"newest": {}, "oldest": {Before: 101}, "middle": {Before: n / 2}, "rare account": {Account: "rare"}, "frequent text": {Text: "details"},
		"no text": {Text: "nowhere"}, "old time": {Until: begin.Add(200 * time.Minute)}, "since": {Since: begin.Add((n - 50) * time.Minute)},
	} {
		f.Limit = 100
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				if _, err := trail.Page(ctx, f, 8<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if got, err := trail.Verify(ctx); err != nil || got != n {
				b.Fatal(got, err)
			}
		}
	})
}

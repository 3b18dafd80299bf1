package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/kv"
)

var ctx = context.Background()

func at(minute int) time.Time { return time.Date(2030, 1, 2, 3, minute, 0, 7000, time.UTC) }

// newTrail returns a trail whose clock advances a minute with each record.
func newTrail(t testing.TB) (*Trail, *kv.Store) {
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
	minute := -1
	return New(store, func() time.Time { minute++; return at(minute) }), store
}

func act(name string) Record {
	return Record{Account: "admin", Role: "administrator", Face: "menu", From: "192.0.2.7", Act: name, Subject: []string{"AA:BB"}}
}

func TestAnActAndItsRecordAreOneTransaction(t *testing.T) {
	trail, store := newTrail(t)
	revision, err := trail.Commit(ctx, act("certificate.delete"), []kv.Op{{Key: "x", Value: []byte("1")}}, []kv.Expect{{Key: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = trail.Commit(ctx, act("certificate.delete"), []kv.Op{{Key: "x", Value: []byte("2")}}, []kv.Expect{{Key: "x"}})
	var conflict *kv.ConflictError
	if !errors.As(err, &conflict) || conflict.Key != "x" {
		t.Errorf("a stale act: %v", err)
	}
	if err := trail.Note(ctx, Record{Account: "eve", Act: "certificate.delete", Result: Refused, Detail: "role"}); err != nil {
		t.Fatal(err)
	}
	got, err := trail.List(ctx, Filter{})
	if err != nil || len(got) != 2 {
		t.Fatalf("List = %v, %v", got, err)
	}
	if e, _ := store.Get(ctx, "x"); e.Revision != revision || got[1].Revision != revision {
		t.Errorf("act at revision %d, its record at %d, Commit said %d", e.Revision, got[1].Revision, revision)
	}
	want := act("certificate.delete")
	want.Seq, want.Time, want.Result, want.Revision = 1, at(0), Done, revision
	want.Prev, want.Hash = genesis(store), got[1].Hash
	if !reflect.DeepEqual(got[1], want) {
		t.Errorf("got  %+v\nwant %+v", got[1], want)
	}
	head, err := trail.Head(ctx)
	if err != nil || head != (Head{Seq: 2, Hash: got[0].Hash}) || got[0].Prev != got[1].Hash {
		t.Errorf("head %+v, %v", head, err)
	}
}

func TestRecordsOfConcurrentActsFormOneChain(t *testing.T) {
	_, store := newTrail(t)
	var wg sync.WaitGroup
	for i := range 8 {
		trail := New(store, time.Now) // as if in several processes: no common turn
		wg.Go(func() {
			for j := range 5 {
				op := kv.Op{Key: fmt.Sprintf("k/%d/%d", i, j)}
				if _, err := trail.Commit(ctx, act("a"), []kv.Op{op}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := New(store, time.Now).Verify(ctx); n != 40 || err != nil {
		t.Errorf("Verify = %d, %v", n, err)
	}
}

func TestListFiltersAndGivesTheNewestFirst(t *testing.T) {
	trail, _ := newTrail(t)
	for i := range pageSize + 10 {
		r := act(fmt.Sprintf("act.%d", i%2))
		if i%3 == 0 {
			r.Account = "other"
		}
		if err := trail.Note(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	all, err := trail.List(ctx, Filter{})
	if err != nil || len(all) != pageSize+10 || all[0].Seq != pageSize+10 || all[len(all)-1].Seq != 1 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	for _, tt := range []struct {
		f     Filter
		count int
		first uint64
	}{
		{Filter{Limit: 3}, 3, pageSize + 10},
		{Filter{Account: "other"}, 174, 520},
		{Filter{Account: "other", Act: "act.0", Limit: 2}, 2, 517},
		{Filter{Since: at(5), Until: at(7)}, 2, 7},
		{Filter{Act: "nothing"}, 0, 0},
	} {
		got, err := trail.List(ctx, tt.f)
		if err != nil || len(got) != tt.count || len(got) > 0 && got[0].Seq != tt.first {
			t.Errorf("%+v: %d records, %v; first %+v", tt.f, len(got), err, append(got, Record{})[0])
		}
	}
	if n, err := trail.Verify(ctx); n != pageSize+10 || err != nil {
		t.Errorf("Verify = %d, %v", n, err)
	}
}

func TestTheNewestRecordAfterARevisionIsFound(t *testing.T) {
	trail, store := newTrail(t)
	for i := range pageSize + 10 {
		if err := trail.Note(ctx, act(fmt.Sprintf("act.%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	find := func(after kv.Revision, name string) (uint64, bool) {
		t.Helper()
		r, found, err := trail.Newest(ctx, after, func(r Record) bool { return r.Act == name || name == "" })
		if err != nil {
			t.Fatal(err)
		}
		return r.Seq, found
	}
	end := store.Revision()
	for _, tt := range []struct {
		after kv.Revision
		act   string
		seq   uint64
	}{{0, "", pageSize + 10}, {0, "act.0", 1}, {end - 1, "", pageSize + 10}, {end - 3, "act.519", pageSize + 8}, {end - 3, "act.518", 0}, {0, "nothing", 0}, {end, "", 0}, {end - 3, "act.5", 0}} {
		if seq, found := find(tt.after, tt.act); found != (tt.seq != 0) || seq != tt.seq {
			t.Errorf("%q after %d: record %d, %v; want %d", tt.act, tt.after, seq, found, tt.seq)
		}
	}
	tamper(t, store, kv.Op{Key: recordKey(4), Delete: true}, kv.Op{Key: recordKey(3), Value: []byte("{}")})
	var broken *BrokenError
	if _, _, err := trail.Newest(ctx, 0, func(Record) bool { return false }); !errors.As(err, &broken) || broken.Seq != 3 {
		t.Errorf("a record that was tampered with: %v", err)
	}
}

func TestTextsAreBoundedAndNeverRefused(t *testing.T) {
	trail, _ := newTrail(t)
	r := act("a")
	r.Account = strings.Repeat("é", 1000)
	r.Detail = "line\x1b[31m\xff" + strings.Repeat("x", 1<<20)
	for i := range 20_000 {
		r.Subject = append(r.Subject, fmt.Sprintf("%d%s", i, strings.Repeat("y", 1000)))
	}
	if err := trail.Note(ctx, r); err != nil {
		t.Fatal(err)
	}
	got, err := trail.List(ctx, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	last := got[0].Subject[len(got[0].Subject)-1]
	if len(got[0].Account) > maxWord || len(got[0].Detail) > maxDetail || !strings.HasPrefix(last, "… and ") {
		t.Errorf("account %d, detail %d bytes, last subject %q", len(got[0].Account), len(got[0].Detail), last)
	}
	if !strings.HasPrefix(got[0].Detail, "line\x1b[31m") {
		t.Errorf("the text was altered: %q", got[0].Detail[:20])
	}
	if n, err := trail.Verify(ctx); n != 1 || err != nil {
		t.Errorf("Verify = %d, %v", n, err)
	}
}

func TestMistakesOfTheCallerAreRefused(t *testing.T) {
	trail, _ := newTrail(t)
	for _, r := range []Record{{}, {Act: "a", Result: "fine"}} {
		if err := trail.Note(ctx, r); err == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
	if _, err := trail.Commit(ctx, act("a"), []kv.Op{{Key: recordKey(1)}}, nil); err == nil {
		t.Error("an act on the trail itself was accepted")
	}
}

// tamper changes a key of the store behind the trail's back.
func tamper(t *testing.T, store *kv.Store, ops ...kv.Op) {
	t.Helper()
	if _, err := store.Apply(ctx, ops, nil); err != nil {
		t.Fatal(err)
	}
}

func wantBroken(t *testing.T, trail *Trail, seq uint64, about string) {
	t.Helper()
	count, err := trail.Verify(ctx)
	var broken *BrokenError
	if !errors.As(err, &broken) || broken.Seq != seq || count != int(seq)-1 {
		t.Errorf("%s: Verify = %d, %v; want record %d named", about, count, err, seq)
	}
}

func TestAnyFlippedBitOfAnyRecordIsNamed(t *testing.T) {
	trail, store := newTrail(t)
	for i := range 3 {
		r := act(fmt.Sprintf("act.%d", i))
		r.Detail = "<ünusual> \x1b \u2028"
		if err := trail.Note(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for seq := uint64(1); seq <= 3; seq++ {
		e, err := store.Get(ctx, recordKey(seq))
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.Value {
			// One bit per byte keeps the test short; 0x20 is the one that
			// changes only the case of letters.
			for _, bit := range []byte{0x20, 1 << (i % 8)} {
				bad := append([]byte(nil), e.Value...)
				bad[i] ^= bit
				if _, err := open(bad); err == nil {
					t.Fatalf("record %d, byte %d, bit %#x: not noticed", seq, i, bit)
				}
			}
		}
		bad := append([]byte(nil), e.Value...)
		bad[len(bad)/2] ^= 1
		tamper(t, store, kv.Op{Key: e.Key, Value: bad})
		wantBroken(t, trail, seq, "flipped")
		if _, err := trail.List(ctx, Filter{}); err == nil {
			t.Error("List showed a changed record")
		}
		tamper(t, store, kv.Op{Key: e.Key, Value: e.Value})
	}
}

func TestRemovedMovedAndForgedRecordsAreNamed(t *testing.T) {
	trail, store := newTrail(t)
	var values [][]byte
	for i := range 5 {
		if err := trail.Note(ctx, act(fmt.Sprintf("act.%d", i))); err != nil {
			t.Fatal(err)
		}
		e, err := store.Get(ctx, recordKey(uint64(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, e.Value)
	}
	restore := func() {
		for i, v := range values {
			tamper(t, store, kv.Op{Key: recordKey(uint64(i + 1)), Value: v})
		}
	}
	tamper(t, store, kv.Op{Key: recordKey(3), Delete: true})
	wantBroken(t, trail, 3, "middle removed")
	restore()
	tamper(t, store, kv.Op{Key: recordKey(5), Delete: true})
	wantBroken(t, trail, 5, "last removed")
	restore()
	tamper(t, store, kv.Op{Key: recordKey(2), Value: values[2]}, kv.Op{Key: recordKey(3), Value: values[1]})
	wantBroken(t, trail, 2, "two exchanged")
	restore()

	// A record with a right hash of its own, as a careful forger would write.
	forged, err := open(values[3])
	if err != nil {
		t.Fatal(err)
	}
	forged.Account = "somebody else"
	value, err := seal(&forged)
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, store, kv.Op{Key: recordKey(4), Value: value})
	wantBroken(t, trail, 5, "rewritten with a fitting hash") // the next one does not follow it
	restore()
	forged, err = open(values[4])
	if err != nil {
		t.Fatal(err)
	}
	forged.Result = Refused
	if value, err = seal(&forged); err != nil {
		t.Fatal(err)
	}
	tamper(t, store, kv.Op{Key: recordKey(5), Value: value})
	if _, err := trail.Verify(ctx); err == nil || !strings.HasPrefix(err.Error(), "audit record 5:") {
		t.Errorf("last rewritten: %v", err)
	}
	restore()
	extra, err := open(values[4])
	if err != nil {
		t.Fatal(err)
	}
	extra.Seq, extra.Prev = 6, extra.Hash
	if value, err = seal(&extra); err != nil {
		t.Fatal(err)
	}
	tamper(t, store, kv.Op{Key: recordKey(6), Value: value})
	if _, err := trail.Verify(ctx); err == nil || !strings.HasPrefix(err.Error(), "audit record 6:") {
		t.Errorf("one appended without the head: %v", err)
	}
	tamper(t, store, kv.Op{Key: recordKey(6), Delete: true})
	if n, err := trail.Verify(ctx); n != 5 || err != nil {
		t.Errorf("after all was restored: %d, %v", n, err)
	}
}

func TestAChainFromAnotherStoreIsNotAccepted(t *testing.T) {
	trail, store := newTrail(t)
	if err := trail.Note(ctx, act("a")); err != nil {
		t.Fatal(err)
	}
	other, otherStore := newTrail(t)
	for _, key := range []string{recordKey(1), headKey} {
		e, err := store.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		tamper(t, otherStore, kv.Op{Key: key, Value: e.Value})
	}
	wantBroken(t, other, 1, "copied from another store")
}

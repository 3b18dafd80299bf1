package kv

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// modelEntry is what the model knows of a key.
type modelEntry struct {
	value    string
	revision Revision
}

// TestTheStoreBehavesLikeAMap runs random changes against a store and a map,
// with expectations that hold and that do not, and restarts in between.
func TestTheStoreBehavesLikeAMap(t *testing.T) {
	base := memoryDir(t)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		path := filepath.Join(base, fmt.Sprint(runs), "state.db")
		s, err := Open(path, Options{Program: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := errors.Join(s.Check(), s.Close(), os.RemoveAll(filepath.Dir(path))); err != nil {
				t.Fatal(err)
			}
		}()
		m := &machine{s: s, path: path, model: map[string]modelEntry{}, w: s.Watch(0)}
		t.Repeat(map[string]func(*rapid.T){
			"apply":   m.apply,
			"range":   m.rangeOf,
			"restart": m.restart,
			"":        m.same,
		})
		s = m.s
	})
}

type machine struct {
	s       *Store
	path    string
	model   map[string]modelEntry
	at      Revision
	w       *Watch
	pending []Change // made and not yet seen by the watcher
}

func key() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "a/", "a/b", "a/c", "a0", "b", "ü", "ü/x", "z"})
}

func (m *machine) apply(t *rapid.T) {
	keys := rapid.SliceOfNDistinct(key(), 0, 4, rapid.ID).Draw(t, "keys")
	var ops []Op
	for _, k := range keys {
		op := Op{Key: k, Value: []byte(rapid.StringN(0, 300, 9000).Draw(t, "value")), Quiet: rapid.Bool().Draw(t, "quiet")}
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			op.Delete, op.Value = true, nil
		}
		ops = append(ops, op)
	}
	var expect []Expect
	var conflict *ConflictError
	for _, k := range rapid.SliceOfN(key(), 0, 3).Draw(t, "expected") {
		want := m.model[k].revision
		if rapid.IntRange(0, 5).Draw(t, "stale") == 0 {
			want = Revision(rapid.Uint64Range(0, uint64(m.at)+1).Draw(t, "revision"))
		}
		expect = append(expect, Expect{k, want})
		if have := m.model[k].revision; have != want && conflict == nil {
			conflict = &ConflictError{Key: k, Want: want, Have: have}
		}
	}
	r, err := m.s.Apply(t.Context(), ops, expect)
	if conflict != nil {
		var got *ConflictError
		if !errors.As(err, &got) || *got != *conflict {
			t.Fatalf("Apply: %v, want %v", err, conflict)
		}
		return
	}
	if len(ops) > 0 {
		m.at++
	}
	if err != nil || r != m.at {
		t.Fatalf("Apply = %d, %v; want %d", r, err, m.at)
	}
	for _, op := range ops {
		if op.Delete {
			delete(m.model, op.Key)
		} else {
			m.model[op.Key] = modelEntry{string(op.Value), m.at}
		}
		if !op.Quiet {
			m.pending = append(m.pending, Change{Key: op.Key, Value: op.Value, Deleted: op.Delete, Revision: m.at})
		}
	}
}

func (m *machine) rangeOf(t *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "a", "a/", "ü", "q"}).Draw(t, "prefix")
	limit := rapid.IntRange(0, 3).Draw(t, "limit")
	var want []string
	for _, k := range slices.Sorted(maps.Keys(m.model)) {
		if strings.HasPrefix(k, prefix) && (limit == 0 || len(want) < limit) {
			want = append(want, k)
		}
	}
	entries, at, err := m.s.Range(t.Context(), prefix, after(prefix), limit)
	if err != nil || at != m.at {
		t.Fatalf("Range: at %d, %v; want %d", at, err, m.at)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Key)
	}
	if !slices.Equal(have, want) {
		t.Fatalf("Range(%q, limit %d) = %v, want %v", prefix, limit, have, want)
	}
}

func (m *machine) restart(t *rapid.T) {
	m.seen(t)
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(m.path, Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	m.s, m.w = s, s.Watch(m.at)
}

// seen compares what the watcher sees with what was made.
func (m *machine) seen(t *rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	got, _, err := m.w.Next(t.Context())
	if err != nil || !slices.EqualFunc(got, m.pending, func(a, b Change) bool {
		return a.Key == b.Key && string(a.Value) == string(b.Value) && a.Deleted == b.Deleted && a.Revision == b.Revision
	}) {
		t.Fatalf("watcher saw %v, %v; want %v", got, err, m.pending)
	}
	m.pending = nil
}

// same compares everything.
func (m *machine) same(t *rapid.T) {
	lists, at, err := m.s.View(t.Context(), "a/", "", "none")
	if err != nil || at != m.at || len(lists) != 3 || len(lists["none"]) != 0 || m.s.Revision() != m.at {
		t.Fatalf("View: %v at %d, %v; want %d", lists, at, err, m.at)
	}
	have := map[string]modelEntry{}
	for _, e := range lists[""] {
		have[e.Key] = modelEntry{string(e.Value), e.Revision}
		if got, err := m.s.Get(t.Context(), e.Key); err != nil || got.Revision != e.Revision || string(got.Value) != string(e.Value) {
			t.Fatalf("Get(%q) = %+v, %v", e.Key, got, err)
		}
	}
	if !maps.Equal(have, m.model) {
		t.Fatalf("store %v, model %v", have, m.model)
	}
}

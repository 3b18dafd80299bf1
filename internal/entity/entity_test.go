package entity_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/entity"
	"vedette/internal/kv"
)

type thing struct {
	V    int    `json:"v"`
	Name string `json:"name"`
}

func open(t *testing.T) *kv.Store {
	t.Helper()
	s, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestValueComesBackWithItsRevisionAndConflictsAreSeen(t *testing.T) {
	s := open(t)
	var got thing
	if _, found, err := entity.Get(t.Context(), s, "thing", 1, &got); found || err != nil {
		t.Fatal(found, err)
	}
	write := func(name string, seen kv.Revision) error {
		var c entity.Change
		c.Put("thing", thing{V: 1, Name: name})
		c.Seen("thing", seen)
		_, err := s.Apply(t.Context(), c.Ops, c.Expect)
		return err
	}
	if err := write("one", 0); err != nil {
		t.Fatal(err)
	}
	rev, found, err := entity.Get(t.Context(), s, "thing", 1, &got)
	if err != nil || !found || got.Name != "one" || rev == 0 {
		t.Fatal(rev, found, got, err)
	}
	var conflict *kv.ConflictError
	if err := write("two", 0); !errors.As(err, &conflict) {
		t.Fatalf("written over a value that was not seen: %v", err)
	}
	if err := write("two", rev); err != nil {
		t.Fatal(err)
	}
	var gone entity.Change
	gone.Delete("thing")
	if err := gone.ApplyQuietly(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, found, err := entity.Get(t.Context(), s, "thing", 1, &got); found || err != nil {
		t.Fatal(found, err)
	}
}

func TestLaterVersionAndRubbishAreRefused(t *testing.T) {
	for value, says := range map[string]string{`{"v":2}`: "version 2", `{`: "thing", `{"v":1,"name":3}`: "thing"} {
		var got thing
		if err := entity.Decode(kv.Entry{Key: "thing", Value: []byte(value)}, 1, &got); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

package kv

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func open(t testing.TB, path string, migrations ...Migration) *Store {
	t.Helper()
	s, err := Open(path, Options{Program: "test", Migrations: migrations, LockTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := s.Check()
		if err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("store is not consistent at the end: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func temporary(t testing.TB) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "state", "state.db"))
}

func put(key, value string) Op { return Op{Key: key, Value: []byte(value)} }

func TestWhatWasAppliedIsReadBack(t *testing.T) {
	s := temporary(t)
	ctx := context.Background()
	r, err := s.Apply(ctx, []Op{put("a/1", "x"), put("a/2", "y"), put("b", "z")}, nil)
	if err != nil || r != 1 {
		t.Fatalf("Apply = %d, %v", r, err)
	}
	r, err = s.Apply(ctx, []Op{{Key: "a/1", Delete: true}, put("a/2", "yy")}, []Expect{{"a/2", 1}, {"c", 0}})
	if err != nil || r != 2 {
		t.Fatalf("Apply = %d, %v", r, err)
	}
	if _, err := s.Get(ctx, "a/1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of a deleted key: %v", err)
	}
	list, at, err := s.List(ctx, "a/")
	if err != nil || at != 2 || len(list) != 1 || string(list[0].Value) != "yy" || list[0].Revision != 2 {
		t.Errorf("List = %v at %d, %v", list, at, err)
	}
	_, err = s.Apply(ctx, []Op{put("b", "no")}, []Expect{{"b", 7}})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || *conflict != (ConflictError{Key: "b", Want: 7, Have: 1}) {
		t.Errorf("conflict: %v", err)
	}
	if s.Revision() != 2 {
		t.Errorf("a refused change made revision %d", s.Revision())
	}
}

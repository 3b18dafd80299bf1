package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func open(t testing.TB, path string, migrations ...Migration) *Store {
	t.Helper()
	s, err := Open(path, Options{Program: "test", Migrations: migrations, LockTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the folder is removed
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
	return open(t, filepath.Join(memoryDir(t), "state", "state.db"))
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

func TestConcurrentChangesLoseNoUpdate(t *testing.T) {
	s := temporary(t)
	const workers, rounds = 6, 20
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for done := 0; done < rounds; {
				e, err := s.Get(t.Context(), "counter")
				if err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(e.Value)) // empty at first
				_, err = s.Apply(t.Context(), []Op{put("counter", strconv.Itoa(n+1))}, []Expect{{"counter", e.Revision}})
				var conflict *ConflictError
				switch {
				case err == nil:
					done++
				case !errors.As(err, &conflict):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if e, err := s.Get(t.Context(), "counter"); err != nil || string(e.Value) != "120" || e.Revision != workers*rounds {
		t.Errorf("counter %q at revision %d, %v", e.Value, e.Revision, err)
	}
}

func TestASnapshotIsConsistentWhileChangesGoOn(t *testing.T) {
	s := temporary(t)
	// The first change stands before anybody looks, so that every look and every backup has both keys.
	if _, err := s.Apply(t.Context(), []Op{put("a/x", "0"), put("b/x", "0")}, nil); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			v := strconv.Itoa(n)
			if _, err := s.Apply(t.Context(), []Op{put("a/x", v), put("b/x", v)}, nil); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 200 {
		lists, at, err := s.View(t.Context(), "a/", "b/")
		if err != nil {
			t.Fatal(err)
		}
		if string(lists["a/"][0].Value) != string(lists["b/"][0].Value) || lists["a/"][0].Revision != at {
			t.Fatalf("at %d: %+v", at, lists)
		}
	}
	for n := range 5 {
		path := filepath.Join(t.TempDir(), "backup.db")
		var copied bytes.Buffer
		if err := s.Backup(&copied); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, path) // checked at the end of the test
		x, err := b.Get(t.Context(), "a/x")
		y, err2 := b.Get(t.Context(), "b/x")
		if err != nil || err2 != nil || string(x.Value) != string(y.Value) || b.ID() != s.ID() {
			t.Errorf("backup %d: %v %v, %v %v", n, x, y, err, err2)
		}
	}
	close(stop)
	all.Wait()
}

func TestABackupThatCannotBeWrittenIsAnError(t *testing.T) {
	s := temporary(t)
	if err := s.Backup(brokenWriter{}); err == nil || !strings.Contains(err.Error(), os.ErrClosed.Error()) {
		t.Errorf("Backup: %v", err)
	}
	if _, err := s.Apply(t.Context(), []Op{put("a", "b")}, nil); err != nil {
		t.Errorf("a change after it: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestChangesAreBounded(t *testing.T) {
	s := temporary(t)
	large := make([]byte, MaxValue)
	var many, heavy []Op
	for n := range MaxOps + 1 {
		many = append(many, put(fmt.Sprint(n), ""))
	}
	for n := range MaxChange / MaxValue {
		heavy = append(heavy, Op{Key: fmt.Sprint(n), Value: large})
	}
	for name, ops := range map[string][]Op{
		"an empty key":          {put("", "x")},
		"a long key":            {put(strings.Repeat("k", MaxKey+1), "x")},
		"a key with NUL":        {put("a\x00", "x")},
		"a key that is no text": {put("a\xff", "x")},
		"a key twice":           {put("a", "x"), {Key: "a", Delete: true}},
		"a large value":         {{Key: "a", Value: make([]byte, MaxValue+1)}},
		"too many operations":   many,
		"too much":              heavy,
	} {
		if _, err := s.Apply(t.Context(), ops, nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := s.Apply(t.Context(), []Op{{Key: strings.Repeat("k", MaxKey), Value: large}}, nil); err != nil {
		t.Errorf("exactly at the bounds: %v", err)
	}
	if s.Revision() != 1 {
		t.Errorf("revision %d", s.Revision())
	}
}

func TestTheContextEndsTheWaitNotTheChange(t *testing.T) {
	s := temporary(t)
	ended, cancel := context.WithCancel(t.Context())
	s.writing <- struct{}{} // as if a change were under way
	waiting := make(chan error)
	go func() { waiting <- second(s.Apply(ended, []Op{put("a", "b")}, nil)) }()
	cancel()
	if err := receive(t, waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: %v", err)
	}
	<-s.writing
	if err := second(s.Get(ended, "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
}

func TestBytesBelongToWhoeverGotThem(t *testing.T) {
	s := temporary(t)
	w := s.Watch(0)
	defer w.Close()
	value := []byte("value")
	if _, err := s.Apply(t.Context(), []Op{{Key: "a", Value: value}}, nil); err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	for range 2 {
		e, err := s.Get(t.Context(), "a")
		if err != nil || string(e.Value) != "value" {
			t.Fatalf("Get = %q, %v", e.Value, err)
		}
		e.Value[0] = 'Y'
		_ = append(e.Value, "more"...)
	}
	other := s.Watch(0)
	defer other.Close()
	for _, w := range []*Watch{w, other} {
		changes, _, err := w.Next(t.Context())
		if err != nil || string(changes[0].Value) != "value" {
			t.Fatalf("Next = %v, %v", changes, err)
		}
		changes[0].Value[0] = 'Z'
	}
}

// TestAFileThatShrinksUnderTheStoreDoesNotEndTheProcess takes the pages away
// that the engine has mapped, as a failing disk may.
func TestAFileThatShrinksUnderTheStoreDoesNotEndTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path, Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		if _, err := s.Apply(t.Context(), []Op{put(fmt.Sprint("key", n), strings.Repeat("v", 5000))}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Get":   second(s.Get(t.Context(), "key7")),
		"Check": s.Check(),
		"Apply": second(s.Apply(t.Context(), []Op{put("a", "b")}, nil)),
	} {
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrStorage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !s.State().Degraded {
		t.Errorf("state %+v", s.State())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	for name, spoil := range map[string]func(*bbolt.Tx) error{
		"a value without its revision": func(tx *bbolt.Tx) error { return tx.Bucket(dataBucket).Put([]byte("a"), []byte("x")) },
		"a revision from the future":   func(tx *bbolt.Tx) error { return tx.Bucket(dataBucket).Put([]byte("a"), encode(99, nil)) },
		"a key that is no text":        func(tx *bbolt.Tx) error { return tx.Bucket(dataBucket).Put([]byte{0xff}, encode(0, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(filepath.Join(t.TempDir(), "state.db"), Options{Program: "test"})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.Check(), s.db.Update(spoil)); err != nil {
				t.Fatal(err)
			}
			if err := s.Check(); !errors.Is(err, ErrDamaged) {
				t.Errorf("Check: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

package kv

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAWatcherSeesEveryChangeInOrderExactlyOnce(t *testing.T) {
	s := temporary(t)
	const writers, changes, watchers = 4, 60, 3
	if _, err := s.Apply(t.Context(), []Op{put("before", "x")}, nil); err != nil {
		t.Fatal(err)
	}
	_, from, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range watchers {
		w := s.Watch(from)
		all.Go(func() {
			defer w.Close()
			next := from
			for next < from+writers*changes {
				got, upTo, err := w.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for i, c := range got {
					// Each change sets a pair of keys.
					if i%2 == 0 {
						next++
					}
					if c.Revision != next || c.Deleted || string(c.Value) != c.Key {
						t.Errorf("got %+v, want revision %d", c, next)
						return
					}
				}
				if upTo != next {
					t.Errorf("up to %d after change %d", upTo, next)
				}
			}
		})
	}
	for g := range writers {
		all.Go(func() {
			for n := range changes {
				a, b := fmt.Sprintf("a/%d/%d", g, n), fmt.Sprintf("b/%d/%d", g, n)
				if _, err := s.Apply(t.Context(), []Op{put(a, a), put(b, b)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestASlowWatcherIsToldToListAgainAndDelaysNobody(t *testing.T) {
	s := temporary(t)
	slow := s.Watch(0)
	defer slow.Close()
	value := strings.Repeat("v", MaxValue-100)
	for n := range historyBytes/MaxValue + 3 {
		if _, err := s.Apply(t.Context(), []Op{put(fmt.Sprint("k", n%2), value)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if s.history.bytes > historyBytes {
		t.Errorf("history of %d bytes", s.history.bytes)
	}
	for range 2 {
		if _, _, err := slow.Next(t.Context()); !errors.Is(err, ErrListAgain) {
			t.Errorf("the slow watcher: %v", err)
		}
	}
	_, at, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	fresh := s.Watch(at)
	defer fresh.Close()
	if _, err := s.Apply(t.Context(), []Op{put("x", "y")}, nil); err != nil {
		t.Fatal(err)
	}
	if got, upTo, err := fresh.Next(t.Context()); err != nil || len(got) != 1 || upTo != at+1 {
		t.Errorf("after listing again: %v, %d, %v", got, upTo, err)
	}
}

func TestHistoryIsBoundedInNumberToo(t *testing.T) {
	s := temporary(t)
	ops := make([]Op, MaxOps)
	for i := range ops {
		ops[i] = put(fmt.Sprint("k", i), "")
	}
	w := s.Watch(0)
	defer w.Close()
	for range 2 {
		if _, err := s.Apply(t.Context(), ops, nil); err != nil {
			t.Fatal(err)
		}
	}
	if s.history.changes > historyChanges {
		t.Errorf("history of %d changes", s.history.changes)
	}
	if _, _, err := w.Next(t.Context()); !errors.Is(err, ErrListAgain) {
		t.Errorf("a watcher from before: %v", err)
	}
	if got, _, err := s.Watch(1).Next(t.Context()); err != nil || len(got) != MaxOps {
		t.Errorf("the latest change: %d operations, %v", len(got), err)
	}
}

func TestQuietOperationsAreKeptFromWatchers(t *testing.T) {
	s := temporary(t)
	w := s.Watch(0)
	defer w.Close()
	quiet := put("contact/1", "now")
	quiet.Quiet = true
	for _, ops := range [][]Op{{quiet}, {put("a", "1"), quiet}, {quiet}} {
		if _, err := s.Apply(t.Context(), ops, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, upTo, err := w.Next(t.Context())
	if err != nil || len(got) != 1 || got[0].Key != "a" || got[0].Revision != 2 || upTo != 3 {
		t.Errorf("Next = %v, %d, %v", got, upTo, err)
	}
	if e, err := s.Get(t.Context(), "contact/1"); err != nil || e.Revision != 3 {
		t.Errorf("the quiet key: %+v, %v", e, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _, err := w.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, %v", got, err)
	}
}

func TestWatchFromOtherTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	for range 3 {
		if _, err := s.Apply(t.Context(), []Op{put("a", "1")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	for from, want := range map[Revision]error{2: ErrListAgain, 4: ErrListAgain} {
		if _, _, err := s.Watch(from).Next(t.Context()); !errors.Is(err, want) {
			t.Errorf("from %d: %v", from, err)
		}
	}
	w := s.Watch(3)
	if _, err := s.Apply(t.Context(), []Op{{Key: "a", Delete: true}}, nil); err != nil {
		t.Fatal(err)
	}
	if got, _, err := w.Next(t.Context()); err != nil || len(got) != 1 || !got[0].Deleted || got[0].Value != nil {
		t.Errorf("from the revision of the start: %v, %v", got, err)
	}
}

func TestClosingWakesWhoWaits(t *testing.T) {
	s := temporary(t)
	one, two := s.Watch(0), s.Watch(0)
	woken := make(chan error)
	wait := func(w *Watch) {
		_, _, err := w.Next(context.Background())
		woken <- err
	}
	go wait(one)
	one.Close()
	one.Close()
	if err := receive(t, woken); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed watch: %v", err)
	}
	go wait(two)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, woken); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	for name, err := range map[string]error{
		"Get":    second(s.Get(t.Context(), "a")),
		"Apply":  second(s.Apply(t.Context(), []Op{put("a", "")}, nil)),
		"Backup": s.Backup(new(strings.Builder)),
		"Check":  s.Check(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s on a closed store: %v", name, err)
		}
	}
	if s.Revision() != 0 || s.State().Degraded {
		t.Error("a closed store forgot what it was")
	}
}

func second[T any](_ T, err error) error { return err }

func receive(t *testing.T, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("nobody woke up")
		return nil
	}
}

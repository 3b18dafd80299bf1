package websession_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/web/websession"
	"vedette/internal/sessions"
)

func newTable() *sessions.Table { return sessions.NewTable() }

func TestOutcomesAreReadAgainUntilNewerOnesCome(t *testing.T) {
	st, _ := store(t)
	s, _ := st.Begin(actor("anna"), websession.SignedIn)
	other, _ := st.Begin(actor("anna"), websession.SignedIn)
	first := s.Keep("first")
	for range 2 {
		if kept, ok := s.Kept(first); !ok || kept != "first" {
			t.Fatalf("%v, %v", kept, ok)
		}
	}
	if _, ok := other.Kept(first); ok {
		t.Error("another session reads it")
	}
	for n := range 32 {
		s.Keep(n)
	}
	if _, ok := s.Kept(first); ok {
		t.Error("outcomes are kept without bound")
	}
	if _, ok := s.Kept(""); ok {
		t.Error("no name has an outcome")
	}
}

func TestWhatIsHeldIsTakenOnce(t *testing.T) {
	st, _ := store(t)
	s, _ := st.Begin(actor("anna"), websession.SignedIn)
	other, _ := st.Begin(actor("anna"), websession.SignedIn)
	name := s.Hold("a key", time.Minute)
	if _, ok := other.Take(name); ok {
		t.Error("another session takes it")
	}
	if thing, ok := s.Look(name); !ok || thing != "a key" {
		t.Errorf("looking at it: %v, %v", thing, ok)
	}
	var taken atomic.Int32
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, ok := s.Take(name); ok {
				taken.Add(1)
			}
		})
	}
	wait.Wait()
	if taken.Load() != 1 {
		t.Errorf("taken %d times", taken.Load())
	}
	first := s.Hold("first", time.Minute)
	for n := range 16 {
		s.Hold(fmt.Sprint(n), time.Minute)
	}
	if _, ok := s.Look(first); ok {
		t.Error("things are held without bound")
	}
}

// TestWhatIsHeldIsLetGo in time, and with the session.
func TestWhatIsHeldIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, _ := store(t)
		s, _ := st.Begin(actor("anna"), websession.SignedIn)
		late := s.Hold("late", time.Minute)
		early := s.Hold("early", time.Second)
		wait(2 * time.Second)
		if _, ok := s.Take(early); ok {
			t.Error("it is held too long")
		}
		if _, ok := s.Look(late); !ok {
			t.Error("it is not held long enough")
		}
		st.End(s)
		if _, ok := s.Look(late); ok {
			t.Error("it outlives its session")
		}
		after := s.Hold("after", time.Minute)
		if _, ok := s.Take(after); ok {
			t.Error("a session that has ended holds something")
		}
		if _, ok := s.Kept(s.Keep("after")); ok {
			t.Error("a session that has ended keeps something")
		}
	})
}

// secret says whether it was wiped.
type secret struct{ wiped bool }

func (s *secret) Wipe() { s.wiped = true }

func TestWhatIsDroppedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, _ := store(t)
		s, _ := st.Begin(actor("anna"), websession.SignedIn)
		var all []*secret
		hold := func(lifetime time.Duration) (*secret, string) {
			one := &secret{}
			all = append(all, one)
			return one, s.Hold(one, lifetime)
		}
		taken, name := hold(time.Minute)
		if _, ok := s.Take(name); !ok || taken.wiped {
			t.Error("whoever takes it gets it whole")
		}
		expired, _ := hold(time.Second)
		wait(2 * time.Second)
		if st.Sweep(); !expired.wiped {
			t.Error("nobody came in time")
		}
		pushed, _ := hold(time.Minute)
		for range 16 {
			hold(time.Minute)
		}
		if !pushed.wiped || all[len(all)-1].wiped {
			t.Error("newer ones take its place")
		}
		st.End(s)
		late, _ := hold(time.Minute)
		for i, one := range all {
			if one.wiped == (one == taken) {
				t.Errorf("thing %d: wiped %v", i, one.wiped)
			}
		}
		if !late.wiped {
			t.Error("it came after the end")
		}
	})
}

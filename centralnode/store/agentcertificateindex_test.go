package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
)

func agentList(t *testing.T, s *store.Store) store.AgentList {
	t.Helper()
	list, err := s.AgentList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func listed(l store.AgentList) []pki.Fingerprint {
	var all []pki.Fingerprint
	for _, row := range l.Rows {
		all = append(all, row.Fingerprint)
	}
	return all
}

// TestListInMemoryIsTheOneInTheStateFile changes the list in every way, and
// compares what a reader who followed sees with what a new reader lists.
func TestListInMemoryIsTheOneInTheStateFile(t *testing.T) {
	state, followed := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Now()
	var on []store.AgentCertificate
	var switched kv.Revision
	validation := false
	for i := range 200 {
		var c store.Change
		switch n := random.IntN(10); {
		case n < 5 || len(on) == 0:
			pair := pkitest.Agent(t, "a")
			c.AddAgentCertificate(pair.Leaf(), "generated", began.Add(-time.Duration(random.IntN(5))*time.Second))
			rev, err := apply(t, state, c)
			if err != nil {
				t.Fatal(err)
			}
			on = append(on, store.AgentCertificate{DER: pair.Leaf().Raw, Version: rev})
			c = store.Change{}
		case n < 8:
			gone := random.IntN(len(on))
			c.WithdrawAgentCertificate(on[gone], time.Now())
			on = slices.Delete(on, gone, gone+1)
		case n < 9:
			validation = !validation
			c.SetValidation(validation, switched)
		default:
			c.Put("unrelated", struct {
				V int `json:"v"`
			}{1})
		}
		if len(c.Ops) > 0 {
			rev, err := apply(t, state, c)
			if err != nil {
				t.Fatal(err)
			}
			if c.Ops[0].Key == "validation" {
				switched = rev
			}
		}
		if random.IntN(3) > 0 {
			continue // several changes between two looks
		}
		got, fresh := agentList(t, followed), agentList(t, store.New(state))
		if !slices.Equal(got.Rows, fresh.Rows) || got.Revision != fresh.Revision || got.Validation != validation || got.ValidationVersion != fresh.ValidationVersion {
			t.Fatalf("after %d changes: followed %d rows at %d (%v, %d), listed %d at %d (%v, %d)", i, len(got.Rows), got.Revision,
				got.Validation, got.ValidationVersion, len(fresh.Rows), fresh.Revision, fresh.Validation, fresh.ValidationVersion)
		}
		if len(got.Rows) != len(on) || !slices.IsSortedFunc(got.Rows, func(a, b store.AgentRow) int { return a.Added.Compare(b.Added) }) {
			t.Fatalf("%d rows of %d, or not the oldest first", len(got.Rows), len(on))
		}
	}
}

// TestListIsReadAnewAfterMoreChangesThanAreRemembered, without losing any.
func TestListIsReadAnewAfterMoreChangesThanAreRemembered(t *testing.T) {
	state, s := open(t)
	add := func() pki.Fingerprint {
		t.Helper()
		pair := pkitest.Agent(t, "a")
		var c store.Change
		c.AddAgentCertificate(pair.Leaf(), "uploaded", time.Now())
		if _, err := apply(t, state, c); err != nil {
			t.Fatal(err)
		}
		return pair.Fingerprint()
	}
	first := add()
	if got := listed(agentList(t, s)); !slices.Equal(got, []pki.Fingerprint{first}) {
		t.Fatalf("listed %v", got)
	}
	second := add()
	noise := store.Change{}
	for i := range kv.MaxOps {
		noise.Ops = append(noise.Ops, kv.Op{Key: fmt.Sprint("noise/", i), Value: []byte("{}")})
	}
	if _, err := apply(t, state, noise); err != nil {
		t.Fatal(err)
	}
	if got := listed(agentList(t, s)); !slices.Equal(got, []pki.Fingerprint{first, second}) {
		t.Errorf("listed %v, want %v", got, []pki.Fingerprint{first, second})
	}
	third := add()
	if got := listed(agentList(t, s)); !slices.Equal(got, []pki.Fingerprint{first, second, third}) {
		t.Errorf("and followed from there: %v", got)
	}
}

// TestReadersSeeWhatWasCommittedBeforeThem, however many there are, and nobody's
// list changes under him.
func TestReadersSeeWhatWasCommittedBeforeThem(t *testing.T) {
	state, s := open(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				pair := pkitest.Agent(t, "a")
				var c store.Change
				c.AddAgentCertificate(pair.Leaf(), "uploaded", time.Now())
				rev, err := state.Apply(t.Context(), c.Ops, c.Expect)
				if err != nil {
					t.Error(err)
					return
				}
				list, err := s.AgentList(t.Context())
				if err != nil || list.Revision < rev || !slices.Contains(listed(list), pair.Fingerprint()) {
					t.Errorf("committed at %d, listed at %d: %v", rev, list.Revision, err)
				}
				if before := listed(list); !slices.Equal(before, listed(list)) {
					t.Error("the list changed under its reader")
				}
			}
		})
	}
	all.Wait()
	if n := len(agentList(t, s).Rows); n != 100 {
		t.Errorf("%d rows", n)
	}
}

func TestListThatCannotBeReadIsNoEmptyList(t *testing.T) {
	state, s := open(t)
	agentList(t, s)
	var c store.Change
	c.Put("agent-certificate/aa", struct {
		V   int    `json:"v"`
		DER []byte `json:"der"`
	}{1, []byte("rubbish")})
	if _, err := apply(t, state, c); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if list, err := s.AgentList(t.Context()); err == nil {
			t.Fatalf("a damaged entry gives %d rows", len(list.Rows))
		}
	}
	var mend store.Change
	mend.Delete("agent-certificate/aa")
	if _, err := apply(t, state, mend); err != nil {
		t.Fatal(err)
	}
	if list := agentList(t, s); len(list.Rows) != 0 {
		t.Errorf("mended: %d rows", len(list.Rows))
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AgentList(over); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever is gone gets %v", err)
	}
}

func TestListAfterTheStateFileWasClosedIsAnError(t *testing.T) {
	state, err := kv.Open(filepath.Join(t.TempDir(), "state.db"), kv.Options{Program: store.Program})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(state)
	agentList(t, s)
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AgentList(t.Context()); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

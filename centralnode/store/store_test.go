package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
)

func open(t *testing.T) (*kv.Store, *store.Store) {
	t.Helper()
	state, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(state.Check(), state.Close()); err != nil {
			t.Error(err)
		}
	})
	return state, store.New(state)
}

func apply(t *testing.T, state *kv.Store, c store.Change) (kv.Revision, error) {
	t.Helper()
	return state.Apply(t.Context(), c.Ops, c.Expect)
}

func TestWithdrawnLeafIsRememberedAndMayBeListedAgain(t *testing.T) {
	state, s := open(t)
	pair := pkitest.Agent(t, "a")
	f := pair.Fingerprint()
	var add store.Change
	add.AddAgentCertificate(pair.Leaf(), "generated", time.Now())
	if _, err := apply(t, state, add); err != nil {
		t.Fatal(err)
	}
	var conflict *kv.ConflictError
	if _, err := apply(t, state, add); !errors.As(err, &conflict) {
		t.Fatalf("added twice: %v", err)
	}
	a, found, err := s.AgentCertificate(t.Context(), f)
	if err != nil || !found || a.Fingerprint() != f || a.Version == 0 {
		t.Fatalf("read %+v, %v, %v", a, found, err)
	}
	var withdraw store.Change
	withdraw.WithdrawAgentCertificate(a, time.Now())
	rev, err := apply(t, state, withdraw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, state, withdraw); !errors.As(err, &conflict) {
		t.Fatalf("withdrawn twice: %v", err)
	}
	trust, err := s.Trust(t.Context())
	if err != nil || trust.Listed(f) || !trust.Withdrawn(f) || trust.Revision != uint64(rev) {
		t.Fatalf("after the withdrawal: listed %v, withdrawn %v, revision %d of %d, %v", trust.Listed(f), trust.Withdrawn(f), trust.Revision, rev, err)
	}
	if _, err := apply(t, state, add); err != nil {
		t.Fatalf("listed again: %v", err)
	}
	if trust, err = s.Trust(t.Context()); err != nil || !trust.Listed(f) {
		t.Fatalf("listed again: %v", err)
	}
}

func TestSwitchIsOffUntilSetAndKnowsWhenItWas(t *testing.T) {
	state, s := open(t)
	list, err := s.AgentList(t.Context())
	if err != nil || list.Validation || list.ValidationVersion != 0 {
		t.Fatalf("at first %+v, %v", list, err)
	}
	var on store.Change
	on.SetValidation(true, 0)
	rev, err := apply(t, state, on)
	if err != nil {
		t.Fatal(err)
	}
	if list, err = s.AgentList(t.Context()); err != nil || !list.Validation || list.ValidationVersion != rev {
		t.Fatalf("then %+v, %v", list, err)
	}
	var conflict *kv.ConflictError
	if _, err := apply(t, state, on); !errors.As(err, &conflict) {
		t.Fatalf("set by somebody who saw an older state: %v", err)
	}
}

func TestHostsAndCheckpointsComeBackAndStayOffTheWatch(t *testing.T) {
	state, s := open(t)
	watch := state.Watch(state.Revision())
	defer watch.Close()
	hosts := make([]store.Host, 3)
	for i := range hosts {
		hosts[i] = store.Host{AgentID: strings.Repeat(string(rune('a'+i)), 32), Name: "h", Leaf: pki.Fingerprint{byte(i)}, Last: time.Unix(int64(i), 0).UTC()}
	}
	if err := s.SaveHosts(t.Context(), hosts); err != nil {
		t.Fatal(err)
	}
	back, err := s.Hosts(t.Context())
	if err != nil || len(back) != 3 || back[2].Leaf != hosts[2].Leaf || !back[2].Last.Equal(hosts[2].Last) {
		t.Fatalf("hosts %+v, %v", back, err)
	}
	// More queues than one transaction takes.
	queues := make([]store.EventQueue, 2500)
	for i := range queues {
		queues[i] = store.EventQueue{AgentID: "a", QueueID: string(rune('A' + i)), Highest: uint64(i)}
	}
	if err := s.SaveEventCheckpoint(t.Context(), queues, store.EventPosition{Store: "s", Seq: 9}); err != nil {
		t.Fatal(err)
	}
	at, err := s.EventPosition(t.Context())
	if err != nil || at.Seq != 9 || at.Store != "s" {
		t.Fatal(at, err)
	}
	for _, i := range []int{0, 999, 1000, 2499} {
		q, found, err := s.EventQueue(t.Context(), "a", queues[i].QueueID)
		if err != nil || !found || q.Highest != uint64(i) {
			t.Fatalf("queue %d: %+v, %v, %v", i, q, found, err)
		}
	}
	if _, found, err := s.EventQueue(t.Context(), "a", "none"); found || err != nil {
		t.Fatal(found, err)
	}
	// The first thing that the watch shows is the act after all that.
	var act store.Change
	act.SetValidation(true, 0)
	if _, err := apply(t, state, act); err != nil {
		t.Fatal(err)
	}
	changes, _, err := watch.Next(t.Context())
	if err != nil || len(changes) != 1 || changes[0].Key != "validation" {
		t.Fatalf("the watch shows %+v, %v", changes, err)
	}
}

func TestValueOfALaterVersionIsRefused(t *testing.T) {
	state, s := open(t)
	if _, err := state.Apply(t.Context(), []kv.Op{{Key: "validation", Value: []byte(`{"v":2,"on":true}`)}, {Key: "host/x", Value: []byte("{")}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Trust(t.Context()); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("a value of version 2: %v", err)
	}
	if _, err := s.Hosts(t.Context()); err == nil || !strings.Contains(err.Error(), "host/x") {
		t.Fatalf("half a value: %v", err)
	}
}

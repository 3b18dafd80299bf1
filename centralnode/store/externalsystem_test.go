package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/pki"
)

func TestExternalSystemsAreKnownByIDAndCertificate(t *testing.T) {
	state, s := open(t)
	one, two := store.ExternalSystem{ID: "gw", Fingerprint: pki.Fingerprint{1}, State: store.Accepted, Type: acts.MailSensor, Confirmed: true, Name: "\x1b[1m", NotAfter: time.Unix(5, 0).UTC()},
		store.ExternalSystem{ID: "gw", Fingerprint: pki.Fingerprint{2}, State: store.Pending, Changed: true}
	var ask store.Change
	ask.PutExternalSystem(one)
	ask.PutExternalSystem(two)
	rev, err := apply(t, state, ask)
	if err != nil {
		t.Fatal(err)
	}
	var conflict *kv.ConflictError
	if _, err := apply(t, state, ask); !errors.As(err, &conflict) {
		t.Fatalf("asked twice: %v", err)
	}
	kept, found, err := s.ExternalSystem(t.Context(), one.System())
	one.V, one.Version = 1, rev
	if err != nil || !found || kept != one {
		t.Fatalf("%+v, %v, %v; want %+v", kept, found, err, one)
	}
	if _, found, err := s.ExternalSystem(t.Context(), trust.System{ID: "GW", Leaf: one.Fingerprint}); found || err != nil {
		t.Fatal(found, err)
	}
	snapshot, err := s.Trust(t.Context())
	if err != nil || snapshot.System(one.System()) != trust.Accepted || snapshot.System(two.System()) != trust.Pending ||
		snapshot.ChangedSystem(one.System()) || !snapshot.ChangedSystem(two.System()) || snapshot.Policy != 0 || snapshot.Revision != uint64(rev) {
		t.Fatalf("snapshot %+v, %v", snapshot, err)
	}
	var forget store.Change
	forget.DeleteExternalSystem(kept)
	if _, err := apply(t, state, forget); err != nil {
		t.Fatal(err)
	}
	all, _, err := s.ExternalSystems(t.Context())
	if err != nil || len(all) != 1 || all[0].System() != two.System() {
		t.Fatalf("%+v, %v", all, err)
	}
	if snapshot, err = s.Trust(t.Context()); err != nil || snapshot.System(one.System()) != trust.Unknown {
		t.Fatalf("a deleted one is %v, %v", snapshot.System(one.System()), err)
	}
}

func TestUnknownStateOfAnExternalSystemIsRefused(t *testing.T) {
	state, s := open(t)
	var change store.Change
	change.PutExternalSystem(store.ExternalSystem{ID: "x", State: "perhaps"})
	if _, err := apply(t, state, change); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Trust(t.Context()); err == nil {
		t.Fatal("nobody knows what perhaps means")
	}
}

func TestContactsOfSystemsAreWrittenOffTheWatchAndOnlyOfThoseWhoAreThere(t *testing.T) {
	state, s := open(t)
	const there = 1200 // more than one transaction takes
	contacts := make([]store.SystemContact, there+1)
	var ask store.Change
	for i := range contacts {
		contacts[i] = store.SystemContact{ID: fmt.Sprint(i), Fingerprint: pki.Fingerprint{3}, Calls: uint64(i), Addresses: []string{"192.0.2.1"}, Last: time.Unix(9, 0).UTC()}
		if i < there {
			ask.PutExternalSystem(store.ExternalSystem{ID: contacts[i].ID, Fingerprint: contacts[i].Fingerprint, State: store.Pending})
		}
	}
	rev, err := apply(t, state, ask)
	if err != nil {
		t.Fatal(err)
	}
	watch := state.Watch(rev)
	defer watch.Close()
	if err := s.SaveSystemContacts(t.Context(), contacts); err != nil {
		t.Fatal(err)
	}
	back, err := s.SystemContacts(t.Context())
	if err != nil || len(back) != there {
		t.Fatalf("%d contacts, %v; want %d", len(back), err, there)
	}
	// The request was not touched: who saw it may decide about it. The contact goes
	// with it.
	kept, _, err := s.ExternalSystem(t.Context(), contacts[7].System())
	if err != nil || kept.Version != rev {
		t.Fatalf("%+v, %v", kept, err)
	}
	var forget store.Change
	forget.DeleteExternalSystem(kept)
	if _, err := apply(t, state, forget); err != nil {
		t.Fatal(err)
	}
	if back, err = s.SystemContacts(t.Context()); err != nil || len(back) != there-1 {
		t.Fatalf("%d contacts, %v", len(back), err)
	}
	changes, _, err := watch.Next(t.Context())
	if err != nil || len(changes) != 2 {
		t.Fatalf("the watch shows %+v, %v; want the deletion alone", changes, err)
	}
}

func TestScanPriorityIsOffUntilSetAndKnowsWhenItWas(t *testing.T) {
	state, s := open(t)
	if on, version, err := s.ScanPriority(t.Context()); on || version != 0 || err != nil {
		t.Fatal(on, version, err)
	}
	var set store.Change
	set.SetScanPriority(true, 0)
	rev, err := apply(t, state, set)
	if err != nil {
		t.Fatal(err)
	}
	if on, version, err := s.ScanPriority(t.Context()); !on || version != rev || err != nil {
		t.Fatal(on, version, err)
	}
	var conflict *kv.ConflictError
	if _, err := apply(t, state, set); !errors.As(err, &conflict) {
		t.Fatalf("set by somebody who saw an older state: %v", err)
	}
}

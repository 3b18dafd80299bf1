package store_test

import (
	"testing"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/pki"
)

func TestContactsAreWrittenOffTheWatchAndOnlyOfThoseWhoAreThere(t *testing.T) {
	state, s := open(t)
	here, gone := pki.Fingerprint{1}, pki.Fingerprint{2}
	var ask store.Change
	for _, f := range []pki.Fingerprint{here, gone} {
		ask.PutSensorServer(store.SensorServer{Fingerprint: f, State: store.Pending})
		ask.PutSensorContact(store.SensorContact{Fingerprint: f, Name: "first"})
	}
	rev, err := apply(t, state, ask)
	if err != nil {
		t.Fatal(err)
	}
	kept, found, err := s.SensorServer(t.Context(), gone)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	var forget store.Change
	forget.DeleteSensorServer(kept)
	after, err := apply(t, state, forget)
	if err != nil {
		t.Fatal(err)
	}
	watch := state.Watch(after)
	defer watch.Close()
	if err := s.SaveSensorContacts(t.Context(), []store.SensorContact{{Fingerprint: here, Name: "second"}, {Fingerprint: gone, Name: "second"}}); err != nil {
		t.Fatal(err)
	}
	contacts, err := s.SensorContacts(t.Context())
	if err != nil || len(contacts) != 1 || contacts[0].Name != "second" || contacts[0].Fingerprint != here {
		t.Fatalf("contacts %+v, %v", contacts, err)
	}
	// The request was not touched: who saw it may decide about it.
	kept, _, err = s.SensorServer(t.Context(), here)
	if err != nil || kept.Version != rev {
		t.Fatalf("%+v, %v; it was written at %d", kept, err, rev)
	}
	kept.State = store.Accepted
	var accept store.Change
	accept.PutSensorServer(kept)
	if _, err := apply(t, state, accept); err != nil {
		t.Fatal(err)
	}
	changes, _, err := watch.Next(t.Context())
	if err != nil || len(changes) != 1 {
		t.Fatalf("the watch shows %+v, %v; want the decision alone", changes, err)
	}
	snapshot, err := s.Trust(t.Context())
	if err != nil || snapshot.Sensor(here) != trust.Accepted || snapshot.Sensor(gone) != trust.Unknown || snapshot.Policy != 0 {
		t.Fatalf("snapshot %+v, %v", snapshot, err)
	}
}

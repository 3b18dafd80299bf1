package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/kv"
	"vedette/pki"
	"vedette/sensor/store"
)

func options() kv.Options {
	return kv.Options{Program: store.Program, Migrations: store.Migrations()}
}

func open(t *testing.T, path string) *kv.Store {
	t.Helper()
	state, err := kv.Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func closing(t *testing.T, state *kv.Store) {
	t.Helper()
	if err := errors.Join(state.Check(), state.Close()); err != nil {
		t.Error(err)
	}
}

func fresh(t *testing.T) (*kv.Store, *store.Store) {
	t.Helper()
	state := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	t.Cleanup(func() { closing(t, state) })
	return state, store.New(state)
}

func apply(t *testing.T, state *kv.Store, c store.Change) error {
	t.Helper()
	_, err := state.Apply(t.Context(), c.Ops, c.Expect)
	return err
}

func TestLinkIdentityIsMadeOnceAndKeptWithItsKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	state := open(t, path)
	if _, found, err := store.New(state).LinkIdentity(t.Context()); found || err != nil {
		t.Fatalf("found %v before any was made, %v", found, err)
	}
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	pair, err := store.MakeLinkIdentity(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	leaf := pair.Leaf()
	if _, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || leaf.Subject.CommonName != "Vedette Sensor" ||
		!slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || !leaf.NotAfter.After(now.AddDate(1, 0, 0)) {
		t.Errorf("made %v with %T for %v until %v", leaf.Subject, leaf.PublicKey, leaf.ExtKeyUsage, leaf.NotAfter)
	}
	var first store.Change
	first.SetLinkIdentity(pair, 0)
	if err := apply(t, state, first); err != nil {
		t.Fatal(err)
	}
	var conflict *kv.ConflictError
	if err := apply(t, state, first); !errors.As(err, &conflict) {
		t.Errorf("made twice: %v", err)
	}
	closing(t, state)

	state = open(t, path)
	defer closing(t, state)
	again, found, err := store.New(state).LinkIdentity(t.Context())
	if err != nil || !found || again.Fingerprint() != pair.Fingerprint() || string(again.EncodePEM()) != string(pair.EncodePEM()) {
		t.Errorf("read %v, %v, %v", again, found, err)
	}
}

func TestBrokenLinkIdentityIsNamedAndNotShown(t *testing.T) {
	state, s := fresh(t)
	if _, err := state.Apply(t.Context(), []kv.Op{{Key: "link-identity", Value: []byte(`{"v":1,"pem":"c2VjcmV0"}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	_, found, err := s.LinkIdentity(t.Context())
	if err == nil || found || !strings.Contains(err.Error(), "link identity") || strings.Contains(err.Error(), "secret") {
		t.Errorf("found %v, %v", found, err)
	}
}

func node() store.CentralNode {
	return store.CentralNode{Address: "kata.example.com:443", Pin: pki.Fingerprint{1}, Request: store.NewRequest()}
}

func configure(t *testing.T, state *kv.Store, n store.CentralNode, seen kv.Revision) {
	t.Helper()
	var c store.Change
	c.SetCentralNode(n, seen)
	if err := apply(t, state, c); err != nil {
		t.Fatal(err)
	}
}

func TestCentralNodeIsReadAsItWasConfigured(t *testing.T) {
	state, s := fresh(t)
	if n, found, err := s.CentralNode(t.Context()); found || err != nil || n != (store.CentralNode{}) {
		t.Fatalf("read %+v, %v, %v before any was configured", n, found, err)
	}
	want := node()
	configure(t, state, want, 0)
	got, found, err := s.CentralNode(t.Context())
	want.V, want.Version = 1, s.Revision()
	if err != nil || !found || got != want {
		t.Fatalf("read %+v, %v, %v, want %+v", got, found, err, want)
	}
	var stale store.Change
	stale.SetCentralNode(node(), 0)
	var conflict *kv.ConflictError
	if err := apply(t, state, stale); !errors.As(err, &conflict) {
		t.Errorf("configured over one that was not seen: %v", err)
	}
	other := node()
	configure(t, state, other, got.Version)
	if got, _, err = s.CentralNode(t.Context()); err != nil || got.Request != other.Request || got.Request == want.Request {
		t.Errorf("read request %v of %v, %v", got.Request, other.Request, err)
	}
}

func TestUnreadableCentralNodeIsAnError(t *testing.T) {
	for name, value := range map[string]string{
		"later version":  `{"v":2,"address":"a:1"}`,
		"short request":  `{"v":1,"address":"a:1","request":"00"}`,
		"odd request":    `{"v":1,"address":"a:1","request":"zz000000000000000000000000000000"}`,
		"broken pin":     `{"v":1,"address":"a:1","pin":"AA"}`,
		"broken at all":  `{`,
		"no JSON object": `7`,
	} {
		t.Run(name, func(t *testing.T) {
			state, s := fresh(t)
			if _, err := state.Apply(t.Context(), []kv.Op{{Key: "central-node", Value: []byte(value)}}, nil); err != nil {
				t.Fatal(err)
			}
			if n, found, err := s.CentralNode(t.Context()); err == nil || found || n != (store.CentralNode{}) {
				t.Errorf("read %+v, %v, %v", n, found, err)
			}
		})
	}
}

func TestAnnouncedPinIsKeptBesideThePinInUse(t *testing.T) {
	a, b, c := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}
	for _, step := range []struct {
		name               string
		pin, next          pki.Fingerprint // configured
		shown, announced   pki.Fingerprint
		wantPin, wantNext  pki.Fingerprint
		writesNothingAtAll bool
	}{
		{name: "announced", pin: a, shown: a, announced: b, wantPin: a, wantNext: b},
		{name: "announced again", pin: a, next: b, shown: a, announced: b, wantPin: a, wantNext: b, writesNothingAtAll: true},
		{name: "another announced", pin: a, next: b, shown: a, announced: c, wantPin: a, wantNext: c},
		{name: "taken back", pin: a, next: b, shown: a, wantPin: a},
		{name: "further one over the announced", pin: a, next: b, shown: b, announced: c, wantPin: b, wantNext: c},
		{name: "over a foreign one", pin: a, next: b, shown: c, announced: c, wantPin: a, wantNext: b, writesNothingAtAll: true},
		{name: "over none", pin: a, announced: c, wantPin: a, writesNothingAtAll: true},
	} {
		t.Run(step.name, func(t *testing.T) {
			state, s := fresh(t)
			n := node()
			n.Pin, n.Next = step.pin, step.next
			configure(t, state, n, 0)
			before := s.Revision()
			watch := state.Watch(before)
			defer watch.Close()
			if err := s.SaveAnnounced(t.Context(), step.shown, step.announced); err != nil {
				t.Fatal(err)
			}
			got, found, err := s.CentralNode(t.Context())
			if err != nil || !found || got.Pin != step.wantPin || got.Next != step.wantNext || got.Address != n.Address || got.Request != n.Request {
				t.Errorf("keeps %+v, %v, %v", got, found, err)
			}
			if wrote := s.Revision() != before; wrote == step.writesNothingAtAll {
				t.Errorf("wrote: %v", wrote)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if changes, _, err := watch.Next(ended); len(changes) > 0 {
				t.Errorf("watchers see %v, %v", changes, err)
			}
		})
	}
}

func TestAnnouncementWithoutCentralNodeKeepsNothing(t *testing.T) {
	_, s := fresh(t)
	if err := s.SaveAnnounced(t.Context(), pki.Fingerprint{1}, pki.Fingerprint{2}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.CentralNode(t.Context()); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
}

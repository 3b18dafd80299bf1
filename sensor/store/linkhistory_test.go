package store_test

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/sensor/store"
)

func minuteAt(at int64) acts.QualityMinute {
	return acts.QualityMinute{Start: time.Unix(at, 0).UTC(), Verdict: acts.VerdictWarning, Figures: acts.Figures{
		Sent: 1200, LostTo: 3, LostFrom: 4, Lost: 8, RoundTripP50: 1, RoundTripP95: 2, RoundTripP99: 3, Jitter: 4,
		Segments: 5, Retransmitted: 6, DeliveryRate: 7, IngressRate: 8, Held: 9, SpanRate: 10,
	}}
}

func TestLinkHistoryIsReadAsItWasKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	state := open(t, path)
	s := store.New(state)
	if minutes, err := s.LinkHistory(t.Context()); err != nil || len(minutes) > 0 {
		t.Fatalf("%v, %v before any was kept", minutes, err)
	}
	if c, err := s.LinkCapacity(t.Context()); c != (acts.Capacity{}) || err != nil {
		t.Fatalf("capacity %+v, %v before any was kept", c, err)
	}
	watch := state.Watch(s.Revision())
	save := func(hours map[int64][]acts.QualityMinute) {
		t.Helper()
		if err := s.SaveLinkHistory(t.Context(), hours); err != nil {
			t.Fatal(err)
		}
	}
	tested := time.Unix(1_800_000_000, 0).UTC()
	save(map[int64][]acts.QualityMinute{1_799_996_400: {minuteAt(1_799_999_940)}, 1_800_000_000: {minuteAt(1_800_000_000)}, 3600: {minuteAt(3660)}})
	save(map[int64][]acts.QualityMinute{1_800_000_000: {minuteAt(1_800_000_000), minuteAt(1_800_000_060)}, 3600: nil, 7200: nil})
	if err := s.SaveLinkCapacity(t.Context(), acts.Capacity{Bits: 5e6, AtLeast: true, Time: tested}); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if changes, _, err := watch.Next(ended); len(changes) > 0 {
		t.Errorf("watchers see %v, %v", changes, err)
	}
	watch.Close()
	closing(t, state)

	state = open(t, path)
	defer closing(t, state)
	s = store.New(state)
	want := []acts.QualityMinute{minuteAt(1_799_999_940), minuteAt(1_800_000_000), minuteAt(1_800_000_060)}
	if got, err := s.LinkHistory(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, %v, want %v", got, err, want)
	}
	if c, err := s.LinkCapacity(t.Context()); c.Bits != 5e6 || !c.AtLeast || !c.Time.Equal(tested) || err != nil {
		t.Errorf("capacity %+v, %v", c, err)
	}
}

func TestUnreadableHourLeavesTheOthers(t *testing.T) {
	state, s := fresh(t)
	if err := s.SaveLinkHistory(t.Context(), map[int64][]acts.QualityMinute{3600: {minuteAt(3660)}, 10800: {minuteAt(10800)}}); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{`{`, `{"v":2,"minutes":[]}`, `{"v":1,"minutes":7}`} {
		if _, err := state.Apply(t.Context(), []kv.Op{{Key: "link-history/7200", Value: []byte(value)}}, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := s.LinkHistory(t.Context()); err == nil || len(got) != 2 {
			t.Errorf("%s: read %v, %v", value, got, err)
		}
	}
	if _, err := state.Apply(t.Context(), []kv.Op{{Key: "link-capacity", Value: []byte(`{"v":2}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	if c, err := s.LinkCapacity(t.Context()); c.Bits != 0 || err == nil {
		t.Errorf("capacity %+v, %v", c, err)
	}
}

func TestCapacityOfVersionsBeforeIsReadAndForgotten(t *testing.T) {
	state, s := fresh(t)
	old := []byte(`{"v":1,"bits_per_second":5000000,"time":"2026-11-22T10:00:00Z"}`)
	if _, err := state.Apply(t.Context(), []kv.Op{{Key: "link-capacity", Value: old}}, nil); err != nil {
		t.Fatal(err)
	}
	want := acts.Capacity{Bits: 5e6, Time: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	if c, err := s.LinkCapacity(t.Context()); c != want || err != nil {
		t.Errorf("read %+v, %v", c, err)
	}
	if err := s.SaveLinkCapacity(t.Context(), acts.Capacity{}); err != nil {
		t.Fatal(err)
	}
	if c, err := s.LinkCapacity(t.Context()); c.Bits != 0 || err != nil {
		t.Errorf("after forgetting %+v, %v", c, err)
	}
}

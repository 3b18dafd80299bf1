package scan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/scan/engine"
)

// submitTo sends one object of an instance.
func submitTo(t testing.TB, r *Room, instance, id string, content []byte) {
	t.Helper()
	u, err := r.Begin("gate")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(t.Context(), Submission{Key: Key{System: "gate", Instance: instance, ScanID: id}}); err != nil {
		t.Fatal(err)
	}
}

func ids(scans []Scan) []string {
	var all []string
	for _, s := range scans {
		all = append(all, s.Key.Instance+"/"+s.Key.ScanID)
	}
	return all
}

func TestInstancesAreKeptApart(t *testing.T) {
	r := open(t, Config{})
	for _, id := range []string{"3", "1", "2"} {
		for _, instance := range []string{"", "i1", "i2"} {
			submitTo(t, r, instance, id, []byte(instance+id))
		}
	}
	if got, want := ids(r.States("gate", "i1", false, nil)), []string{"i1/3", "i1/1", "i1/2"}; !slices.Equal(got, want) {
		t.Errorf("of one instance: %v", got)
	}
	if got, want := ids(r.States("gate", "", false, []State{Processing})), []string{"/3", "/1", "/2"}; !slices.Equal(got, want) {
		t.Errorf("of the nameless instance: %v", got)
	}
	if got := ids(r.States("gate", "x", true, nil)); len(got) != 9 || got[0] != "/3" || got[8] != "i2/2" {
		t.Errorf("of all: %v", got)
	}
	if got := r.States("gate", "", true, []State{Detect, Timeout}); got != nil {
		t.Errorf("in other states: %v", got)
	}
	if got, want := r.Instances("gate", "1"), []string{"", "i1", "i2"}; !slices.Equal(got, want) {
		t.Errorf("instances with that ID: %v", got)
	}
	if err := r.Delete(t.Context(), Key{System: "gate", Instance: "i1", ScanID: "1"}); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Instances("gate", "1"), []string{"", "i2"}; !slices.Equal(got, want) {
		t.Errorf("instances with that ID after a deletion: %v", got)
	}
	if n, err := r.DeleteAll(t.Context(), "gate", "", false); n != 3 || err != nil {
		t.Errorf("deleted %d of the nameless instance, %v", n, err)
	}
	if got, want := ids(r.States("gate", "", true, nil)), []string{"i1/3", "i2/3", "i2/1", "i1/2", "i2/2"}; !slices.Equal(got, want) {
		t.Errorf("left: %v", got)
	}
	for _, k := range []Key{{System: "gate", Instance: "i1", ScanID: "1"}, {System: "gate"}, {System: "nobody", ScanID: "1"}} {
		if err := r.Delete(t.Context(), k); !errors.Is(err, ErrNotFound) {
			t.Errorf("delete %+v: %v", k, err)
		}
	}
	if n, err := r.DeleteAll(t.Context(), "gate", "i9", false); n != 0 || !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted %d of an unknown instance, %v", n, err)
	}
	if n, err := r.DeleteAll(t.Context(), "gate", "", true); n != 5 || err != nil {
		t.Errorf("deleted %d of all, %v", n, err)
	}
	if got := r.Instances("gate", "1"); got != nil || r.Instances("nobody", "1") != nil {
		t.Errorf("instances with that ID after all: %v", got)
	}
}

func TestDeletionInPartsLeavesWhatComesMeanwhile(t *testing.T) {
	r := open(t, Config{Limits: Limits{InFlight: 1 << 20, InFlightPerSystem: 1 << 20}})
	// As many as three parts, without a write for each.
	s := r.system("gate")
	for i := range 2*deleteAtOnce + 10 {
		it := &item{number: r.number, system: s, key: local{id: fmt.Sprint(i)}, state: NotDetected, durable: true}
		r.number++
		s.add(it)
		r.addResult(it)
	}
	d, err := r.Deletion("gate", "", true)
	if err != nil {
		t.Fatal(err)
	}
	var parts []int
	for {
		n, err := d.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		parts = append(parts, n)
		submitOK(t, r, "gate", fmt.Sprint("new", len(parts)), []byte("x"))
	}
	if !slices.Equal(parts, []int{deleteAtOnce, deleteAtOnce, 10}) {
		t.Errorf("parts of %v", parts)
	}
	if got := ids(r.States("gate", "", true, nil)); !slices.Equal(got, []string{"/new1", "/new2", "/new3"}) {
		t.Errorf("left: %v", got)
	}
	if n := r.Status(t.Context()).Kept; n != 0 {
		t.Errorf("%d verdicts are kept", n)
	}
}

func TestDeletionEndsWhatIsQueuedAndWhatRuns(t *testing.T) {
	g := newTurnstile()
	alerts := new(alarms)
	r := open(t, Config{Engines: []engine.Engine{g}, Alerts: alerts, Limits: Limits{Workers: 1}})
	run(t, r)
	submitOK(t, r, "gate", "runs", make([]byte, 100_000))
	submitOK(t, r, "gate", "queued", make([]byte, 200_000))
	within(t, 10*time.Second, "a scan", func() bool { return len(g.order()) == 1 })
	for _, id := range []string{"queued", "runs"} {
		if err := r.Delete(t.Context(), Key{System: "gate", ScanID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.Status(t.Context()); s.Waiting != 0 || s.Running != 0 || s.SpoolBytes != 0 || len(files(t, r)) != 0 {
		t.Errorf("status %+v, files %v", s, files(t, r))
	}
	// The worker is free: nobody lets the deleted object's scan end.
	submitOK(t, r, "gate", "next", []byte("x"))
	within(t, 10*time.Second, "the next scan", func() bool { return slices.Equal(g.order(), []string{"runs", "next"}) })
	close(g.let)
	within(t, 10*time.Second, "its verdict", func() bool { return stateOf(r, "gate", "next") == NotDetected })
}

func TestVerdictsAreKeptForATimeAndTheOldestGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Config{Limits: Limits{MaxResults: 100, KeepResults: time.Hour}})
		stop := run(t, r)
		for i := range 120 {
			submitOK(t, r, "gate", fmt.Sprint(i), bytes.Repeat([]byte{'x'}, i))
			awaitVerdict(r, "gate", fmt.Sprint(i)) // a second each
		}
		within(t, time.Second, "no more than the limit", func() bool { return r.Status(t.Context()).Kept <= 100 })
		got := r.States("gate", "", true, nil)
		if len(got) < 98 || got[len(got)-1].Key.ScanID != "119" || got[0].Key.ScanID != fmt.Sprint(120-len(got)) {
			t.Errorf("kept %d, from %s to %s", len(got), got[0].Key.ScanID, got[len(got)-1].Key.ScanID)
		}
		<-time.After(time.Hour - 30*time.Second)
		within(t, 2*time.Minute, "the older ones gone", func() bool { return r.Status(t.Context()).Kept < 70 })
		if r.Status(t.Context()).Kept == 0 {
			t.Error("nothing is kept")
		}
		<-time.After(3 * time.Minute)
		if n := r.Status(t.Context()).Kept; n != 0 || r.States("gate", "", true, nil) != nil || len(r.systems) != 0 {
			t.Errorf("after their time: %d kept, %d systems", n, len(r.systems))
		}
		stop()
	})
}

package admin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/internal/acts"
)

// eventually waits until something holds that a Sensor said.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(what, ": not in time")
		}
	}
}

func TestWhatASensorFindsOfItsLinkIsSeenByThoseWhoSeeSensors(t *testing.T) {
	w := admintest.Start(t)
	s := w.AcceptedSensor("branch")
	which := s.Identity.Fingerprint().String()
	row := func() acts.SensorServer {
		t.Helper()
		found, err := w.SensorServer(t.Context(), local, "branch")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if q := row().Quality; q != nil {
		t.Errorf("before it said anything: %+v", q)
	}
	now := time.Now().UTC().Truncate(time.Minute)
	day := admintest.Measured(now)
	day = day[len(day)-60:] // what is at the edge of a day may be forgotten meanwhile
	worst := admintest.Worst(now)
	told := slices.Delete(slices.Clone(day), 30, 32)
	w.Finds(s, worst, told) // and of two minutes it knows nothing
	day[30], day[31] = acts.QualityMinute{Start: day[30].Start, Verdict: acts.VerdictUnknown}, acts.QualityMinute{Start: day[31].Start, Verdict: acts.VerdictUnknown}
	history := func(v acts.ViewHistory) []acts.QualityMinute {
		t.Helper()
		found, err := w.SensorHistory(t.Context(), local, which, v)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	eventually(t, "the history", func() bool { return len(history(acts.ViewHistory{})) == len(day) })
	for i, m := range history(acts.ViewHistory{}) {
		if want := day[i]; !m.Start.Equal(want.Start) || m.Verdict != want.Verdict || m.Lost != want.Lost || m.IngressRate != want.IngressRate {
			t.Fatalf("minute %d: %+v, want %+v", i, m, want)
		}
	}
	if part := history(acts.ViewHistory{From: day[10].Start, To: day[20].Start}); len(part) != 10 || !part[0].Start.Equal(day[10].Start) {
		t.Errorf("a part has %d minutes", len(part))
	}
	found := row()
	if found.Quality == nil || found.Quality.Verdict != acts.VerdictExceeded || len(found.Quality.Windows) != 3 || !found.Quality.Copying {
		t.Fatalf("%+v", found.Quality)
	}
	if !strings.HasPrefix(found.NextStep, "The link is up, and beyond a documented limit. Ask for the line") {
		t.Errorf("next step %q", found.NextStep)
	}
	for _, role := range acts.Roles() {
		sees := role != acts.SecurityOfficer && role != acts.SeniorSecurityOfficer
		got := needed(t, w, role, acts.AboutSensors)
		for _, want := range []string{
			"problem: Sensor server branch (" + found.ID + "): Packet loss: Exceeded, 15.9 % of 10.0 %.", "note: Sensor server branch (" + found.ID + "): Packet delay: Warning, 97.3 ms of 100.0 ms.",
		} {
			if slices.Contains(got, want) != sees {
				t.Errorf("%s: %q in %q", role, want, got)
			}
		}
	}
	// What was measured is seen when the link is down, what is measured is not.
	s.Close()
	eventually(t, "the end of the link", func() bool { return !row().Connected })
	if row().Quality != nil || len(history(acts.ViewHistory{})) != len(day) {
		t.Errorf("down: %+v, %d minutes", row().Quality, len(history(acts.ViewHistory{})))
	}
	_, err := w.SensorHistory(t.Context(), local, "nobody", acts.ViewHistory{})
	refusedAs(t, err, acts.NotFound)
	_, err = w.SensorHistory(t.Context(), local, which, acts.ViewHistory{From: now, To: now.Add(-time.Hour)})
	refusedAs(t, err, acts.Invalid)
}

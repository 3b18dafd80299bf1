package quality

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/sensor/store"
)

// starts are when minutes begin, each as what the clock then showed.
func starts(minutes []acts.QualityMinute) (all []string) {
	for _, m := range minutes {
		all = append(all, m.Start.UTC().Format("02 15:04"))
	}
	return all
}

func inOrder(t *testing.T, minutes []acts.QualityMinute) {
	t.Helper()
	for i, m := range minutes {
		if !m.Start.Equal(m.Start.Truncate(time.Minute)) || i > 0 && !m.Start.After(minutes[i-1].Start) {
			t.Fatalf("minute %d begins at %v, after %v", i, m.Start, minutes[max(i-1, 0)].Start)
		}
	}
}

func openState(t *testing.T, path string) *kv.Store {
	t.Helper()
	state, err := kv.Open(path, kv.Options{Program: store.Program, Migrations: store.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// dayBefore makes up the minutes of a day.
func dayBefore(now time.Time) (hours map[int64][]acts.QualityMinute) {
	hours = make(map[int64][]acts.QualityMinute)
	for at := now.Add(-24 * time.Hour).Truncate(time.Minute).Add(time.Minute); at.Before(now); at = at.Add(time.Minute) {
		hour := at.Truncate(time.Hour).Unix()
		hours[hour] = append(hours[hour], acts.QualityMinute{Start: at.UTC(), Verdict: acts.VerdictOK, Figures: acts.Figures{Sent: 1200, Lost: 60}})
	}
	return hours
}

// TestADayOfMinutesSurvivesARestart has the state file of a Sensor that has run
// for a day, and stops it by death: what is in the file is all there is.
func TestADayOfMinutesSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	n := newNetwork(1)
	n.set(0.05, 0, 30*time.Millisecond)
	state := openState(t, path)
	if err := store.New(state).SaveLinkHistory(t.Context(), dayBefore(n.now)); err != nil {
		t.Fatal(err)
	}
	w := start(t, n, func(c *Config) { c.Store = store.New(state) })
	w.pass(5*time.Minute + 30*time.Second)
	whole := w.History(time.Time{}, time.Time{})
	inOrder(t, whole)
	if n := len(whole); n != 1440 {
		t.Errorf("%d minutes of a day", n)
	}
	for _, m := range whole[1436:] {
		if m.Sent < 1150 || m.Sent > 1250 || m.Loss() > 0.09 || !near(m.RoundTripP50, 30*time.Millisecond) || m.Verdict != acts.VerdictOK {
			t.Errorf("minute %+v", m)
		}
	}
	kept, err := store.New(state).LinkHistory(t.Context())
	if err != nil || !slices.Equal(starts(kept), starts(whole)) {
		t.Errorf("%d of %d minutes are in the state file, %v", len(kept), len(whole), err)
	}
	w.stop()
	if err := errors.Join(state.Check(), state.Close()); err != nil {
		t.Fatal(err)
	}

	n.now = n.now.Add(2 * time.Hour) // off
	state = openState(t, path)
	defer state.Close()
	w = start(t, n, func(c *Config) { c.Store = store.New(state) })
	after := w.History(time.Time{}, time.Time{})
	inOrder(t, after)
	if len(after) < 1318 || len(after) > 1322 || after[len(after)-2].Start != whole[1439].Start {
		t.Errorf("%d minutes are not older than a day after a restart", len(after))
	}
	w.pass(2 * time.Minute)
	if more := w.History(time.Time{}, time.Time{}); !more[len(more)-1].Start.After(after[len(after)-1].Start) {
		t.Error("nothing was added")
	}
}

func TestHistoryIsAskedByTime(t *testing.T) {
	w := start(t, newNetwork(1), nil)
	begin := w.now().Truncate(time.Minute)
	w.pass(10*time.Minute + 5*time.Second)
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }
	for _, one := range []struct {
		from, to time.Time
		want     int
	}{
		{time.Time{}, time.Time{}, 10}, {at(3), time.Time{}, 7}, {time.Time{}, at(3), 4}, {at(3), at(5), 3},
		{at(3).Add(time.Second), at(5).Add(-time.Second), 1}, {at(5), at(3), 0}, {at(20), time.Time{}, 0},
	} {
		if got := w.History(one.from, one.to); len(got) != one.want {
			t.Errorf("from %v to %v: %v", one.from, one.to, starts(got))
		}
	}
}

// TestAClockThatJumpsSpoilsNothing sets the wall clock back and forth; the
// figures go on, minutes stay in order, and the day before is still there.
func TestAClockThatJumpsSpoilsNothing(t *testing.T) {
	n := newNetwork(1)
	kept := &memory{hours: dayBefore(n.now)}
	w := start(t, n, func(c *Config) { c.Store = kept })
	jump := func(to time.Duration) {
		w.jump = to
	}
	w.pass(time.Minute)
	before := w.History(time.Time{}, time.Time{})
	if len(before) < 1439 {
		t.Fatalf("%d minutes to begin with", len(before))
	}
	for _, to := range []time.Duration{365 * 24 * time.Hour, 0, -time.Hour, 0, -20 * 365 * 24 * time.Hour, 0, 90 * time.Second, 0} {
		jump(to)
		w.pass(70 * time.Second)
		all := w.History(time.Time{}, time.Time{})
		inOrder(t, all)
		if f := w.Look().Windows[1]; f.Sent < 1190 || f.Sent > 1210 || f.Lost != 0 {
			t.Errorf("off by %v: %+v", to, f.Figures)
		}
		now := w.now()
		for _, m := range all {
			if m.Start.After(now) || m.Start.Before(now.Add(-24*time.Hour-time.Minute)) {
				t.Errorf("off by %v: shows a minute of %v", to, m.Start)
			}
		}
		if to == 0 && len(all) < len(before)-10 { // while it was off, minutes had other names
			t.Errorf("back in time: %d minutes, %d before", len(all), len(before))
		}
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if len(kept.hours) > 28 {
		t.Errorf("%d hours are kept", len(kept.hours))
	}
}

func TestAFullDiskIsSaidOnceAndNothingIsLost(t *testing.T) {
	kept := &memory{}
	w := start(t, newNetwork(1), func(c *Config) { c.Store = kept })
	w.pass(5 * time.Minute)
	kept.breaks(errors.New("the disk is full"))
	w.Tested(acts.LinkTest{Capacity: 5e6, Time: w.now()})
	w.pass(70 * time.Minute)
	if n := strings.Count(w.log.String(), "the disk is full"); n != 1 || strings.Count(w.log.String(), "level=ERROR") != 1 {
		t.Errorf("said %d times:\n%s", n, w.log)
	}
	if n := len(w.History(time.Time{}, time.Time{})); n < 74 {
		t.Errorf("%d minutes in memory", n)
	}
	kept.breaks(nil)
	w.pass(2 * time.Minute)
	all, _ := kept.LinkHistory(t.Context())
	if n := len(w.History(time.Time{}, time.Time{})); len(all) != n || kept.capacity.Bits != 5e6 {
		t.Errorf("%d of %d minutes are kept, capacity %d", len(all), n, kept.capacity.Bits)
	}
}

func TestStopKeepsTheMinuteUnderWay(t *testing.T) {
	kept := &memory{}
	w := start(t, newNetwork(1), func(c *Config) { c.Store = kept })
	w.pass(90 * time.Second)
	w.stop()
	all, _ := kept.LinkHistory(t.Context())
	if len(all) < 2 || all[len(all)-1].Sent < 200 {
		t.Errorf("kept %+v", all)
	}
}

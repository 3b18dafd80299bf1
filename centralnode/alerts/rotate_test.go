package alerts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
)

func TestRotationKeepsTheNewestOfEachTechnology(t *testing.T) {
	w := newWorld(t, map[engine.Technology]int{engine.AntiMalware: 4, engine.YARA: 3}, nil)
	w.fill(engine.AntiMalware, 1, 6)
	w.fill(engine.YARA, 1, 2)
	w.fill(engine.AntiMalware, 10, 1)
	a, _, err := w.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	a.State = acts.AlertInProcess
	ops, expect := w.Change(a)
	if _, err := w.store.Apply(t.Context(), ops, expect); err != nil {
		t.Fatal(err)
	}
	w.Changed(t.Context(), 1)

	if err := w.rotate(t.Context(), w.now()); err != nil {
		t.Fatal(err)
	}
	if list, err := w.List(t.Context(), acts.AlertFilter{}); err != nil || ids(list.Alerts) != "[9 8 7 6 5 4]" {
		t.Error(ids(list.Alerts), err)
	}
	if c := w.Counts(); c != (acts.AlertCounts{New: 6}) {
		t.Errorf("%+v", c)
	}
	log := w.log.String()
	for _, part := range []string{"level=WARN", "technology=am", "removed=3", "new=2", "in_process=1", "closed=0", "kept=4"} {
		if !strings.Contains(log, part) {
			t.Errorf("the log does not say %s: %s", part, log)
		}
	}
	if strings.Contains(log, "yara") {
		t.Errorf("nothing was removed of yara: %s", log)
	}
	// What was removed is not known any more: reported again, it is new.
	w.add(alert("1", engine.AntiMalware))
	if list, err := w.List(t.Context(), acts.AlertFilter{Limit: 1}); err != nil || ids(list.Alerts) != "[10]" {
		t.Error(ids(list.Alerts), err)
	}
}

func TestDocumentedLimitHoldsWhereNoneIsGiven(t *testing.T) {
	w := newWorld(t, map[engine.Technology]int{engine.YARA: 3}, nil)
	if am, yara := w.limit("am"), w.limit("yara"); am != 20000 || yara != 3 {
		t.Error(am, yara)
	}
}

func TestFloodBetweenNightsIsBounded(t *testing.T) {
	w := newWorld(t, map[engine.Technology]int{engine.AntiMalware: 4, engine.YARA: 4}, nil)
	w.fill(engine.YARA, 1, 2)
	w.fill(engine.AntiMalware, 1, 20)
	if list, err := w.List(t.Context(), acts.AlertFilter{}); err != nil || ids(list.Alerts) != "[22 21 20 19 18 17 16 15 2 1]" {
		t.Error(ids(list.Alerts), err)
	}
	w.tell()
	if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "removed=12") || !strings.Contains(log, "new=12") {
		t.Errorf("the log: %s", log)
	}
	w.tell() // nothing more
	if log := w.log.String(); strings.Count(log, "\n") != 1 {
		t.Errorf("the log: %s", log)
	}
}

// A flood of one technology does not push out the others by its bytes either.
func TestFloodIsBoundedInBytes(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.fill(engine.YARA, 1, 3)
	few := w.index.bytes
	w.maxBytes = 10 * few
	big := alert("", engine.AntiMalware)
	for i := range 40 {
		big.Origin, big.ObjectName = fmt.Sprint(i), strings.Repeat("<", 200+10*i)
		w.add(big)
		if w.index.bytes > w.maxBytes {
			t.Fatalf("%d bytes, at most %d", w.index.bytes, w.maxBytes)
		}
	}
	if n := w.count("yara"); n != 3 {
		t.Errorf("%d of yara are left", n)
	}
	if n := w.count("am"); n < 3 || n > 20 {
		t.Errorf("%d of am are left", n)
	}
	w.maxBytes = 1 // and when nothing fits, the newest is kept
	big.Origin = "last"
	w.add(big)
	if n := w.count("am") + w.count("yara"); n != 1 {
		t.Errorf("%d are left", n)
	}
}

// atNight runs a world in a bubble of time, in a zone of its own; the clock of
// a bubble begins at midnight UTC.
func atNight(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		zone := time.FixedZone("here", 2*3600)
		test(t, newWorld(t, map[engine.Technology]int{engine.AntiMalware: 2}, func() time.Time { return time.Now().In(zone) }))
	})
}

// during runs the room for a while.
func (w *world) during(t *testing.T, span time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestAlertsAreRotatedAtNight(t *testing.T) {
	atNight(t, func(t *testing.T, w *world) {
		w.fill(engine.AntiMalware, 1, 4)
		w.during(t, 119*time.Minute) // until 3:59
		if n := w.count("am"); n != 4 {
			t.Errorf("%d are left before the night", n)
		}
		w.during(t, 3*time.Minute)
		if n := w.count("am"); n != 2 {
			t.Errorf("%d are left after 4:00", n)
		}
		w.fill(engine.AntiMalware, 5, 2)
		w.during(t, 23*time.Hour)
		if n := w.count("am"); n != 4 {
			t.Errorf("%d are left during the day", n)
		}
		w.during(t, time.Hour)
		if n := w.count("am"); n != 2 {
			t.Errorf("%d are left after the second night", n)
		}
	})
}

func TestNightThatWasMissedIsMadeUpForOnce(t *testing.T) {
	atNight(t, func(t *testing.T, w *world) {
		w.fill(engine.AntiMalware, 1, 4)
		w.close()
		<-time.After(5 * time.Hour) // the daemon is down at 4:00
		w.open()
		w.during(t, time.Minute)
		if n := w.count("am"); n != 2 {
			t.Errorf("%d are left", n)
		}
		w.reopen()
		w.fill(engine.AntiMalware, 5, 2)
		w.reopen()
		w.during(t, time.Minute)
		if n := w.count("am"); n != 4 {
			t.Errorf("%d are left after another start on the same day", n)
		}
	})
}

func TestClockThatWentWrongDoesNotEndRotation(t *testing.T) {
	atNight(t, func(t *testing.T, w *world) {
		w.fill(engine.AntiMalware, 1, 4)
		if err := w.rotate(t.Context(), w.now().AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		w.fill(engine.AntiMalware, 5, 2)
		w.during(t, time.Minute)
		if n := w.count("am"); n != 2 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestRotationThatFailedIsTriedAgain(t *testing.T) {
	atNight(t, func(t *testing.T, w *world) {
		w.fill(engine.AntiMalware, 1, 4)
		w.close() // now nothing can be written
		w.during(t, 2*time.Hour+25*time.Minute)
		if n := strings.Count(w.log.String(), "alerts were not rotated"); n != 3 {
			t.Errorf("it was tried %d times in 25 minutes", n)
		}
		w.open()
		w.during(t, time.Minute)
		if n := w.count("am"); n != 2 {
			t.Errorf("%d are left", n)
		}
	})
}

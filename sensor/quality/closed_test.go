package quality

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// TestAWayThatWasClosedLeavesNoLossBehind has UDP blocked on a clean line for 90
// seconds, as by a firewall.
func TestAWayThatWasClosedLeavesNoLossBehind(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, clean)
	w := start(t, n, nil)
	w.pass(5*time.Minute + 20*time.Second)
	n.set(1, 0, clean)
	w.pass(55 * time.Second)
	if m, _ := w.Wire(time.Time{}); m.Minutes[len(m.Minutes)-1].Figures.Lost > 0 {
		t.Error("the Central Node is told of losses of which it is not known whether they are any")
	}
	w.pass(35 * time.Second)
	if f := w.Look().Windows; f[1].Lost > 0 || f[2].Lost > 0 {
		t.Errorf("closed: lost %d in 1 min, %d in 15 min", f[1].Lost, f[2].Lost)
	}
	n.set(0, 0, clean)
	changes := len(w.changes)
	w.pass(5 * time.Minute)
	if got := w.changes[changes:]; len(got) > 0 {
		t.Errorf("after opening: %v", got)
	}
	if f := w.Look().Windows[2]; f.Lost > 0 || w.verdicts()[acts.LimitLoss] != acts.VerdictOK {
		t.Errorf("open: lost %d in 15 min, %v", f.Lost, w.verdicts())
	}
	for _, m := range w.History(time.Time{}, time.Time{}) {
		if m.Lost > 0 {
			t.Errorf("minute %s has %d of %d lost", m.Start.Format("15:04"), m.Lost, m.Sent)
		}
	}
	told, _ := w.Wire(time.Time{})
	if len(told.Minutes) != len(w.History(time.Time{}, time.Time{})) {
		t.Errorf("told %d minutes", len(told.Minutes))
	}
}

func TestAMinuteWithoutALinkIsNotMeasured(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, clean)
	w := start(t, n, nil)
	w.pass(3 * time.Minute)
	n.path.Reflector = ""
	w.pass(3 * time.Minute)
	n.handOut(8)
	n.fates = n.fates[:0]
	w.pass(3 * time.Minute)
	count := make(map[acts.Verdict]int)
	for _, m := range w.History(time.Time{}, time.Time{}) {
		if (m.Verdict == acts.VerdictUnknown) != (m.Sent < leastPackets) {
			t.Errorf("minute %s: %s with %d packets", m.Start.Format("15:04"), m.Verdict, m.Sent)
		}
		count[m.Verdict]++
	}
	if count[acts.VerdictUnknown] < 2 || count[acts.VerdictOK] < 5 {
		t.Errorf("minutes: %v", count)
	}
}

func TestAWayThatClosesIsNoAlarmAboutTheLine(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, clean)
	w := start(t, n, nil)
	w.pass(3 * time.Minute)
	n.set(1, 0, clean)
	w.pass(9 * time.Second)
	if q := w.Look(); q.Unmeasured != "" {
		t.Errorf("too early to say %q", q.Unmeasured)
	}
	for range 48 {
		w.pass(time.Second)
		if v := w.verdicts()[acts.LimitLoss]; v != acts.VerdictOK {
			t.Fatalf("before anybody knows, loss is %s", v)
		}
	}
	if q := w.Look(); !strings.HasPrefix(q.Unmeasured, "No answer comes by UDP") {
		t.Errorf("beside the verdict stands %q", q.Unmeasured)
	}
	w.pass(10 * time.Second)
	if v := w.verdicts()[acts.LimitLoss]; v != acts.VerdictUnknown || len(w.changes) > 0 {
		t.Errorf("closed: %s, told %v", v, w.changes)
	}
}

func TestALinkThatIsLostIsNotMeasuredAtOnce(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, clean)
	w := start(t, n, nil)
	w.pass(3 * time.Minute)
	n.path.Reflector = ""
	w.pass(2 * time.Second)
	for _, limit := range []acts.LimitName{acts.LimitLoss, acts.LimitDelay, acts.LimitJoint} {
		if v := w.verdicts()[limit]; v != acts.VerdictUnknown {
			t.Errorf("%s is %s", limit, v)
		}
	}
	if q := w.Look(); q.Verdict != acts.VerdictUnknown || q.Unmeasured != "there is no way" {
		t.Errorf("in all %s, %q", q.Verdict, q.Unmeasured)
	}
}

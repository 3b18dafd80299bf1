package quality

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

var errFamily = errors.New("address family not supported")

// near reports whether a round trip is what the network makes of it, within the
// classes that are counted.
func near(got, want time.Duration) bool { return (got - want).Abs() <= want/500 }

// TestLossAndDelayAreMeasuredAsTheyAre compares the figures of each window with
// what the network did with the very packets of that window: exactly; and with
// what it was told to do: within 1 point and 5 ms.
func TestLossAndDelayAreMeasuredAsTheyAre(t *testing.T) {
	for _, percent := range []int{0, 1, 5, 10, 15} {
		for _, delay := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
			t.Run(fmt.Sprintf("%d%% %v", percent, delay), func(t *testing.T) {
				// Two thirds of it are lost on the way there.
				loss := float64(percent) / 100
				to := loss * 2 / 3
				n := newNetwork(uint64(percent) + 1)
				n.set(to, (loss-to)/(1-to), delay)
				w := start(t, n, nil)
				for i := 1; i <= 10; i++ {
					w.pass(20 * time.Second)
					w.agrees(n, delay)
				}
				if delay != 100*time.Millisecond {
					return
				}
				w.pass(13 * time.Minute)
				w.agrees(n, delay)
				whole := w.Look().Windows[2]
				if got := whole.Loss(); got < loss-0.01 || got > loss+0.01 || whole.Sent < 17_900 {
					t.Errorf("15 min: loss %.4f of %d packets, the network loses %.2f", got, whole.Sent, loss)
				}
			})
		}
	}
}

// agrees compares windows with what the network did.
func (w *world) agrees(n *network, delay time.Duration) {
	w.t.Helper()
	settled := w.PacketTotals().Sent
	for _, f := range w.Look().Windows {
		all, there, back := n.lost(settled-f.Sent, settled)
		if f.Lost != all || f.LostTo != there || f.LostFrom != back {
			w.t.Errorf("%v: lost %d, %d there, %d back; the network lost %d, %d, %d", f.Window, f.Lost, f.LostTo, f.LostFrom, all, there, back)
		}
		if !near(f.RoundTripP50, delay) || !near(f.RoundTripP95, delay) || !near(f.RoundTripP99, delay) || f.Jitter > delay/500 {
			w.t.Errorf("%v: round trips %v, %v, %v, jitter %v; they take %v", f.Window, f.RoundTripP50, f.RoundTripP95, f.RoundTripP99, f.Jitter, delay)
		}
	}
}

func TestReorderedPacketsAreNotLost(t *testing.T) {
	n := newNetwork(3)
	n.set(0.02, 0.04, 20*time.Millisecond)
	n.jitter = 200 * time.Millisecond
	w := start(t, n, nil)
	w.pass(10 * time.Minute)
	got, settled := w.PacketTotals(), w.PacketTotals().Sent
	all, there, back := n.lost(0, settled)
	near := func(a, b uint64) bool { return a <= b+10 && b <= a+10 }
	if got.Lost != all || !near(got.LostTo, there) || !near(got.LostFrom, back) {
		t.Errorf("measured %+v; the network lost %d, %d there, %d back", got, all, there, back)
	}
	f := w.Look().Windows[1]
	if f.Jitter < 50*time.Millisecond || f.Jitter > 110*time.Millisecond || f.RoundTripP99 < 350*time.Millisecond || f.RoundTripP50 > 230*time.Millisecond {
		t.Errorf("figures %+v", f.Figures)
	}
}

// TestLongWayIsNoLoss has answers that take longer than packets are usually
// waited for.
func TestLongWayIsNoLoss(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, 3*time.Second)
	w := start(t, n, nil)
	w.pass(2 * time.Minute)
	if f := w.Look().Windows[1]; f.Lost != 0 || !near(f.RoundTripP50, 3*time.Second) {
		t.Errorf("after two minutes: %+v", f.Figures)
	}
}

func TestDirectionOfAnOutageIsToldWhenItCanBe(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, 20*time.Millisecond)
	w := start(t, n, nil)
	w.pass(time.Minute)
	n.set(0, 1, 20*time.Millisecond)
	w.pass(500 * time.Millisecond)
	n.set(0, 0, 20*time.Millisecond)
	w.pass(10 * time.Second)
	if got := w.PacketTotals(); got.Lost != 10 || got.LostFrom != 10 {
		t.Errorf("half a second of answers lost: %+v", got)
	}
	before := w.PacketTotals().Lost
	n.set(1, 0, 20*time.Millisecond)
	w.pass(30 * time.Second)
	f := w.Look().Windows[0]
	if f.Loss() < 0.99 || f.LostTo != 0 || f.LostFrom != 0 {
		t.Errorf("in a total outage: %+v", f.Figures)
	}
	n.set(0, 0, 20*time.Millisecond)
	w.pass(time.Minute)
	got := w.PacketTotals()
	if all, _, _ := n.lost(0, got.Sent); got.Lost != all || got.LostFrom != 10 || got.LostTo > 80 || got.Lost-before < 590 {
		t.Errorf("after it: %+v, of %d", got, all)
	}
}

func TestWhyNothingIsMeasuredIsASentence(t *testing.T) {
	n := newNetwork(1)
	way := n.path
	n.path.Reflector = ""
	w := start(t, n, nil)
	says := func(want string) {
		t.Helper()
		q := w.Look()
		if q.Unmeasured != want || w.verdicts()[acts.LimitLoss] != acts.VerdictUnknown || w.verdicts()[acts.LimitDelay] != acts.VerdictUnknown || q.Verdict != acts.VerdictUnknown {
			t.Errorf("says %q, want %q; verdicts %v, in all %s", q.Unmeasured, want, w.verdicts(), q.Verdict)
		}
	}
	w.pass(time.Minute)
	says("there is no way")

	n.path, n.refuses = way, errFamily
	w.pass(10 * time.Second)
	says("No packet can be sent by UDP to 192.0.2.2:443: address family not supported.")

	n.refuses, n.to = nil, 1 // a firewall drops all
	w.pass(2 * time.Minute)
	says("No answer comes by UDP from 192.0.2.2:443. Let UDP through to it, and its answers back, in every firewall between the two servers.")

	n.set(0, 0, 20*time.Millisecond)
	w.pass(2 * time.Minute)
	if q := w.Look(); q.Unmeasured != "" || w.verdicts()[acts.LimitLoss] != acts.VerdictOK || q.Verdict != acts.VerdictOK {
		t.Errorf("when all is well: %q, %v", q.Unmeasured, w.verdicts())
	}
	if got := w.changes; len(got) > 0 {
		t.Errorf("a way that was closed made verdicts: %v", got)
	}

	n.path.Reflector = ""
	w.pass(70 * time.Second)
	says("there is no way")
}

// TestClosedWayIsNoLoss has UDP blocked on a link that goes on.
func TestClosedWayIsNoLoss(t *testing.T) {
	n := newNetwork(1)
	w := start(t, n, nil)
	w.pass(5 * time.Minute)
	n.set(1, 0, 0)
	w.pass(90 * time.Second)
	if v := w.verdicts()[acts.LimitLoss]; v != acts.VerdictUnknown || !strings.Contains(w.Look().Unmeasured, "No answer comes") {
		t.Errorf("blocked: %v, %q", v, w.Look().Unmeasured)
	}
	lost := w.PacketTotals().Lost
	w.pass(time.Hour)
	n.set(0, 0, 0)
	changes := len(w.changes)
	w.pass(5 * time.Minute)
	if got := w.changes[changes:]; len(got) > 0 || w.verdicts()[acts.LimitLoss] != acts.VerdictOK {
		t.Errorf("open again: %v, %v", got, w.verdicts())
	}
	if more := w.PacketTotals().Lost - lost; more > 100 {
		t.Errorf("%d packets counted as lost while the way was closed", more)
	}
}

// TestAnotherSessionGoesOnWithTheSameWindows changes what is handed out, as
// after a new link.
func TestAnotherSessionGoesOnWithTheSameWindows(t *testing.T) {
	n := newNetwork(1)
	n.set(0, 0, 100*time.Millisecond)
	w := start(t, n, nil)
	for session := range uint16(5) {
		n.handOut(session + 100)
		n.fates = n.fates[:0]
		w.pass(20 * time.Second)
	}
	f := w.Look().Windows[1]
	if f.Lost != 0 || f.Sent < 1150 || n.dials != 5 && n.dials != 6 {
		t.Errorf("figures %+v, %d sockets", f.Figures, n.dials)
	}
	// A lane with another local address: the session stays, the socket does not.
	n.path.Local = n.path.Local.Next()
	w.pass(20 * time.Second)
	if f := w.Look().Windows[0]; f.Lost != 0 || f.Sent < 195 {
		t.Errorf("after another local address: %+v", f.Figures)
	}
}

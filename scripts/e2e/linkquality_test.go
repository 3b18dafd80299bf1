package e2e

import (
	"context"
	"fmt"
	"math"
	"net"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/internal/acts"
	"vedette/scripts/emulink"
	"vedette/scripts/emulink/emulinktest"
)

// wanLink makes an emulated link that ends with the test.
func wanLink(t testing.TB, o emulink.Options) *emulink.Link {
	t.Helper()
	return emulinktest.New(t, emulink.New, o)
}

// validated holds a link against what it was set to. What a busy machine does to
// packets is another thing each time, so some tries count.
func validated(ctx context.Context, l *emulink.Link) (err error) {
	for range 4 {
		if err = l.Validate(ctx, emulink.Tolerance{Delay: 3 * time.Millisecond}); err == nil {
			return nil
		}
	}
	return err
}

// across starts a Central Node at the one end of a link and a Sensor at the
// other, which are different servers as far as they can tell, and joins them.
func across(t testing.TB, l *emulink.Link) (*node, *sensor) {
	t.Helper()
	port := func() string {
		_, port, err := net.SplitHostPort(freePort(t))
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	n := &node{prepare(t, "centralnode", net.JoinHostPort(l.B.Address.String(), port()), "")}
	n.inside = ahead(l.B)
	n.start()
	s := &sensor{prepare(t, "sensor", net.JoinHostPort("127.0.0.1", port()), "")}
	s.inside = ahead(l.A)
	s.start()
	s.join(n)
	return n, s
}

// ahead has a daemon run in a namespace before what else the machine does: a
// delay that comes of waiting for a processor is not the link's.
func ahead(n *emulink.Namespace) []string { return append(n.Prefix(), "nice", "-n", "-20") }

// wan is a link whose quality is measured, and what it should be found to be.
type wan struct {
	loss    float64 // of packets that are answered: there or back
	trip    time.Duration
	verdict map[acts.LimitName]acts.Verdict // of those that are sure

	link *emulink.Link
	s    *sensor
	seen []moment
	last map[acts.LimitName]acts.Verdict
}

// moment is what the link itself had counted.
type moment struct {
	at          time.Time
	forth, back emulink.Count
}

func (w *wan) String() string { return fmt.Sprintf("%.0f %%, %v", 100*w.loss, w.trip) }

// options are the same both ways, and lose the share of round trips together.
func (w *wan) options() emulink.Options {
	d := emulink.Direction{Delay: w.trip / 2, Loss: 1 - math.Sqrt(1-w.loss)}
	o := emulink.Options{Forth: d, Back: d}
	o.Forth.Seed, o.Back.Seed = 1, 2
	return o
}

// look notes the truth, and that no verdict gets better while nothing does.
func (w *wan) look(t *testing.T) acts.Link {
	t.Helper()
	forth, back, err := w.link.Counts()
	if err != nil {
		t.Fatal(err)
	}
	w.seen = append(w.seen, moment{time.Now(), forth[emulink.UDP], back[emulink.UDP]})
	status := read[acts.Link](w.s, "link", "status")
	for _, j := range status.Quality.Limits {
		if before := w.last[j.Limit]; before.Worse(j.Verdict) {
			t.Errorf("%v: %s went from %s to %s on a link that stays as it is", w, j.Limit, before, j.Verdict)
		}
		w.last[j.Limit] = j.Verdict
	}
	return status
}

// truth is what the link counted in the time of a window that ended at a moment.
// What is lost is known to be lost a little later.
func (w *wan) truth(end time.Time, window time.Duration) (to, from float64) {
	at := func(when time.Time) (best moment) {
		for _, m := range w.seen {
			if best.at.IsZero() || m.at.Sub(when).Abs() < best.at.Sub(when).Abs() {
				best = m
			}
		}
		return best
	}
	end = end.Add(-time.Second)
	a, b := at(end.Add(-window)), at(end)
	forth, back := b.forth.Minus(a.forth), b.back.Minus(a.back)
	return float64(forth.Lost) / float64(forth.Taken), float64(back.Lost) / float64(back.Taken)
}

// TestTheLinksQualityIsMeasuredAsItIs has real daemons measure emulated links,
// all at once, and compares with what these lost themselves. All of the grid is
// measured in sensor/quality.
func TestTheLinksQualityIsMeasuredAsItIs(t *testing.T) {
	all := func(v acts.Verdict) map[acts.LimitName]acts.Verdict {
		return map[acts.LimitName]acts.Verdict{acts.LimitLoss: v, acts.LimitDelay: v, acts.LimitJoint: v}
	}
	wans := []*wan{
		{loss: 0, trip: 20 * time.Millisecond, verdict: all(acts.VerdictOK)},
		{loss: 0.10, trip: 100 * time.Millisecond}, // the limit itself: no verdict is sure, but it stays
		{loss: 0.15, trip: 200 * time.Millisecond, verdict: all(acts.VerdictExceeded)},
	}
	var validating errgroup.Group
	for _, w := range wans {
		w.link, w.last = wanLink(t, w.options()), make(map[acts.LimitName]acts.Verdict)
		validating.Go(func() error { return validated(t.Context(), w.link) })
	}
	if err := validating.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, w := range wans {
		_, w.s = across(t, w.link)
	}
	// From here on each link stays as it is, for longer than the window that is
	// judged, and the time in which a verdict becomes worse.
	const window, more = time.Minute, 15 * time.Second
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(window + more); time.Now().Before(end); <-tick.C {
		for _, w := range wans {
			w.look(t)
		}
	}
	// The truth was noted once a second: at each edge of the window 20 packets may be
	// in one count and not in the other. And the link itself holds packets up where it
	// has to wait for a processor. Both are another thing a little later.
	for _, w := range wans {
		wrong := w.compare(t, window)
		for end := time.Now().Add(window); len(wrong) > 0 && time.Now().Before(end); wrong = w.compare(t, window) {
			<-tick.C
		}
		for _, err := range wrong {
			t.Errorf("%v: %v", w, err)
		}
	}
}

// compare holds what the Sensor says against the truth, and returns what is wrong.
func (w *wan) compare(t *testing.T, window time.Duration) (wrong []error) {
	t.Helper()
	status := w.look(t)
	for _, q := range status.Quality.Windows {
		if q.Window != window {
			continue
		}
		to, from := w.truth(status.Time, window)
		t.Logf("%v: %d packets; lost %.2f %% (truth %.2f %%) there, %.2f %% (%.2f %%) back; p50 %v, p95 %v; %v",
			w, q.Sent, 100*q.LossTo(), 100*to, 100*q.LossFrom(), 100*from, q.RoundTripP50, q.RoundTripP95, w.last)
		if q.Sent < 1000 || q.Sent > 1300 {
			wrong = append(wrong, fmt.Errorf("%d packets in a minute", q.Sent))
		}
		for _, c := range []struct {
			what     string
			is, true float64
		}{{"there", q.LossTo(), to}, {"back", q.LossFrom(), from}, {"in all", q.Loss(), to + from - to*from}} {
			if math.Abs(c.is-c.true) > 0.01 {
				wrong = append(wrong, fmt.Errorf("a loss of %.2f %% was measured %s, the link lost %.2f %%", 100*c.is, c.what, 100*c.true))
			}
		}
		if off := q.RoundTripP50 - w.trip; off.Abs() > 5*time.Millisecond {
			wrong = append(wrong, fmt.Errorf("a round trip of %v was measured", q.RoundTripP50))
		}
		for limit, verdict := range w.verdict {
			if w.last[limit] != verdict {
				wrong = append(wrong, fmt.Errorf("%s is %s, not %s", limit, w.last[limit], verdict))
			}
		}
		return wrong
	}
	return []error{fmt.Errorf("no window of %v: %s", window, status.Quality.Unmeasured)}
}

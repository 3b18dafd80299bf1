package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// measured is a Sensor that says what it finds of its link, as a test wants it.
type measured struct {
	*sensortest.Sensor
	t    testing.TB
	path string // of its page

	mu  sync.Mutex // guards what follows
	now acts.LinkQuality
}

// newMeasured lets a Sensor in that has measured for a day, and says every other
// second that its line is as bad as at the worst time of it.
func (w *web) newMeasured(t testing.TB, name string) *measured {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Minute)
	s := &measured{Sensor: sensortest.New(t, w.address, pki.FingerprintOf(servedLeaf(t, w.address).Raw), name), t: t, now: admintest.Worst(now)}
	id := s.Identity.Fingerprint().String()
	s.path = "/sensor-servers/" + strings.ToLower(strings.ReplaceAll(id, ":", ""))
	if err := s.Connect(); err != nil {
		t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_PENDING)
	w.must("sensor", "accept", id, "--yes")
	s.AwaitState(controlv1.Authorisation_STATE_ACCEPTED)
	s.says(admintest.Measured(now))
	ctx, cancel := context.WithCancel(context.Background())
	var saying sync.WaitGroup
	saying.Go(func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.says(nil)
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() { cancel(); saying.Wait() })
	return s
}

// says tells what the Sensor finds now, and of some minutes.
func (s *measured) says(minutes []acts.QualityMinute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range admintest.Reports(s.now, minutes) {
		if err := s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_Quality{Quality: m}}); err != nil && s.Link().Err() == nil {
			s.t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// finds changes what it finds, and says so.
func (s *measured) finds(change func(*acts.LinkQuality)) {
	s.mu.Lock()
	change(&s.now)
	s.mu.Unlock()
	s.says(nil)
}

// mended is a line against which nothing is said.
func mended(q *acts.LinkQuality) {
	q.Verdict, q.Copying = acts.VerdictOK, false
	for i := range q.Limits {
		j := &q.Limits[i]
		j.Verdict, j.Amount, j.Since = acts.VerdictOK, j.Bound/4, time.Now()
	}
}

// TestWebSensorLinkQuality looks at a link that is beyond a limit from the
// dashboard on, over a day and an hour, while it is mended, and when it goes
// down.
func TestWebSensorLinkQuality(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		sensor := w.newMeasured(t, "branch-9")
		p := w.administrator(t, s)
		p.soon("Packet loss: Exceeded", "Packet delay: Warning")
		p.row("Packet loss: Exceeded").follows("The Sensor")
		if !strings.Contains(p.location(), "#quality") {
			t.Errorf("the dashboard leads to %s", p.location())
		}
		p.sees("The link is up, and beyond a documented limit.", "small frames go on two lanes", "Measured now", "The last 24 hours", "A gap is a time in which nothing was measured.")
		rows := p.rows("Documented limits, judged by the last minute", 5)
		for i, want := range []struct{ limit, verdict, figure, do string }{
			{"Packet loss", "Exceeded", "15.9 %", "Ask for the line"}, {"Packet delay", "Warning", "97.3 ms", "Look at the way"}, {"Loss and delay together", "Exceeded", "159.2 %", "Mend"},
			{"Incoming traffic", "OK", "at most 200 Mbit/s", ""}, {"Channel capacity", "Not measured", "-", "link test"},
		} {
			if r := rows[i]; !strings.Contains(r["Limit"], want.limit) || !strings.Contains(r["Verdict"], want.verdict) || !strings.Contains(r["Figure"], want.figure) || !strings.Contains(r["What to do, and what the limit means"], want.do) {
				t.Errorf("the row of %s is %q", want.limit, r)
			}
		}
		if charts := p.marks("#history figure .title"); len(charts) != 4 {
			t.Errorf("the charts are %q", charts)
		}
		p.in("The last 24 hours").follows("1 hour")
		p.sees("The last hour")
		// What a person has opened stays while the page is live.
		p.in("The last hour").presses("Numbers as a table of Packet loss")
		const open = "the highest value of each 2 minutes"
		p.sees(open)

		sensor.finds(mended)
		p.soon("Link quality OK", "25.0 ms")
		if s == withScript {
			p.sees(open)
		}
		p.section("Sensor servers")
		if row := p.rows("Server list", 1)[0]; row["Link quality"] != "OK" || row["Loss"] != "15.9 %" || !strings.Contains(row["Round trip"], "97.3 ms") {
			t.Errorf("the Server list says %q", row)
		}
		p.row("branch-9").follows("127.0.0.1")
		sensor.Close()
		p.soon("Not measured", "The link is down: nothing is measured until the Sensor connects again.")
		p.sees("The last 24 hours")
		w.stop()
	})
}

// TestWebSensorPagesAreUsable has axe-core look at links in every state, and
// shows them in narrow windows.
func TestWebSensorPagesAreUsable(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	sensor := w.newMeasured(t, "branch-9")
	p := w.administrator(t, withScript)
	look := func(what string, paths ...string) {
		t.Helper()
		for _, path := range paths {
			p.opens(path)
			p.usable(path + ", " + what)
			p.shows(showing{width: 320, height: 640})
			for _, found := range evaluates[[]string](p, outside) {
				t.Errorf("%s, %s, at 320: %s", path, what, found)
			}
			p.shows(showing{width: 1280, height: 900, media: nil})
		}
	}
	p.opens(sensor.path)
	p.soon("The link is up, and beyond a documented limit.")
	look("beyond a limit", "/", "/sensor-servers", sensor.path, sensor.path+"?period=1h")
	p.opens(sensor.path)
	p.presses("Numbers as a table of Packet loss")
	p.usable(sensor.path + ", with a table open")
	sensor.finds(mended)
	p.opens(sensor.path)
	p.soon("Link quality OK")
	look("well", sensor.path)
	sensor.Close()
	p.soon("The link is down: nothing is measured")
	look("down", "/", "/sensor-servers", sensor.path)
	w.stop()
}

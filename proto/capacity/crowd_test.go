package capacity

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestATestFindsWhatAWayThatHasGrownCarries(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		const way = 120 * time.Millisecond
		sensor, central := channel(20e6, way)
		sender := sensor
		if back {
			sender = central
		}
		r, err := test(t, sensor, central, Spec{Back: back}, sender.looksStale(way, 40*time.Millisecond))
		if part := float64(r.Rate) / 20e6; err != nil || part < 0.85 || part > 1.01 {
			t.Errorf("found %.3f: %+v, %v", part, r, err)
		}
	})
}

// Somebody outside of the link keeps so much under way that 100 ms of it wait, as TCP does.
func TestATestTakesLittleFromWhoFilledTheLineBefore(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		const way, queue = 40 * time.Millisecond, 100 * time.Millisecond
		sensor, central := channel(20e6, way)
		sender := sensor
		if back {
			sender = central
		}
		count := sender.out.keep(t, int(20e6/8*(way+queue).Seconds()))
		before := count()
		r, err := test(t, sensor, central, Spec{Back: back}, sender.looks(way))
		theirs := count() - before
		if err != nil || float64(r.Bytes) > 0.25*float64(int(r.Bytes)+theirs) || !r.Growing {
			t.Errorf("beside %d bytes of somebody else: %+v, %v", theirs, r, err)
		}
		t.Logf("found %.2f Mbit/s, others sent %.2f", float64(r.Rate)/1e6, float64(8*theirs)/1e6/r.Took.Seconds())
	})
}

func TestATestThatStepsAsideSaysAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sensor, central := channel(20e6, 40*time.Millisecond)
		sensor.out.crowd(t, func() {
			sensor.out.agents(max(0, int((30*time.Millisecond-sensor.out.waits()).Seconds()*20e6/8)))
		})
		look := sensor.looks(40 * time.Millisecond)
		r, err := test(t, sensor, central, Spec{Duration: 10 * time.Second}, func() (Way, bool) {
			w, ok := look()
			sensor.out.mu.Lock()
			defer sensor.out.mu.Unlock()
			w.Agents = uint64(sensor.out.given)
			return w, ok
		})
		if all := float64(r.Rate+r.Others) / 20e6; err != nil || r.Rate > 4e6 || !r.Growing || all < 0.9 || all > 1.01 {
			t.Errorf("beside greedy agents: %+v, %v", r, err)
		}
	})
}

func TestATestOfFewRoundTripsSaysAtLeast(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		for d, want := range map[time.Duration]bool{time.Second: true, 5 * time.Second: false} {
			const way = 100 * time.Millisecond
			sensor, central := channel(20e6, way)
			sender := sensor
			if back {
				sender = central
			}
			if r, err := test(t, sensor, central, Spec{Duration: d, Back: back}, sender.looks(way)); err != nil || r.Growing != want {
				t.Errorf("%v: %+v, %v", d, r, err)
			}
		}
	})
}

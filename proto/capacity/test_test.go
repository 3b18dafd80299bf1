package capacity

import (
	"context"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// test runs both ends and returns the Sensor's result.
func test(t *testing.T, a, b Stream, spec Spec, look Look) (Result, error) {
	t.Helper()
	served := make(chan error, 1)
	if far := look; far != nil { // both ends look
		var mu sync.Mutex
		look = func() (Way, bool) { mu.Lock(); defer mu.Unlock(); return far() }
	}
	go func() { served <- Serve(context.Background(), b, look) }()
	r, err := Test(t.Context(), a, spec, look)
	if serving := <-served; err == nil && serving != nil {
		t.Errorf("the Central Node's end: %v", serving)
	}
	return r, err
}

func bothWays(t *testing.T, run func(t *testing.T, back bool)) {
	t.Helper()
	for _, back := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { run(t, back) })
	}
}

func TestATestFindsTheRateOfTheChannelWithoutAQueue(t *testing.T) {

	for _, c := range []struct {
		bits      float64
		roundTrip time.Duration
		duration  time.Duration
		loss      float64
		off       float64 // by how much the result may be less
	}{
		{20e6, 40 * time.Millisecond, 5 * time.Second, 0, 0.05},
		{20e6, 100 * time.Millisecond, 5 * time.Second, 0, 0.05},
		{20e6, 200 * time.Millisecond, 10 * time.Second, 0, 0.05},
		{2e6, 20 * time.Millisecond, 5 * time.Second, 0, 0.05},
		{100e6, 100 * time.Millisecond, 6 * time.Second, 0, 0.05},
		{200e6, 2 * time.Millisecond, 3 * time.Second, 0, 0.05},
		{20e6, 10 * time.Millisecond, 2 * time.Second, 0, 0.10},
		{512e3, 60 * time.Millisecond, 10 * time.Second, 0, 0.10},
		{128e3, 60 * time.Millisecond, 10 * time.Second, 0, 0.10},
		{20e6, 20 * time.Millisecond, 5 * time.Second, 0.01, 0.10},
		{20e6, 20 * time.Millisecond, 5 * time.Second, 0.10, 0.20},
		{20e6, 100 * time.Millisecond, 6 * time.Second, 0.01, 0.10},
		{20e6, 100 * time.Millisecond, 6 * time.Second, 0.05, 0.15},
		{20e6, 100 * time.Millisecond, 6 * time.Second, 0.10, 0.20},
	} {
		bothWays(t, func(t *testing.T, back bool) {
			sensor, central := channel(c.bits, c.roundTrip)
			sender := sensor
			if back {
				sender = central
			}
			sender.out.loss = c.loss
			var queued []time.Duration
			long := c.roundTrip/4 + 10*time.Millisecond + time.Duration(2*1400*8/c.bits*float64(time.Second))
			var late, looks int
			look := func() (Way, bool) {
				if looks++; sender.out.waits() > long {
					late++
				}
				queued = append(queued, sender.out.waits())
				return sender.looks(c.roundTrip)()
			}
			r, err := test(t, sensor, central, Spec{Duration: c.duration, Back: back}, look)
			if err != nil {
				t.Fatal(err)
			}
			most := 1.01
			if c.loss > 0 { // what comes behind a lost packet is held up for a round trip or two: see result
				most += 2 * c.roundTrip.Seconds() / (3 * c.duration.Seconds() / 8)
			}
			if found := float64(r.Rate) / c.bits; found < 1-c.off || found > most || r.Bounded || r.Back != back || r.Growing && c.loss == 0 && c.duration >= 3*time.Second {
				t.Errorf("%.1f Mbit/s, %v: found %+v", c.bits/1e6, c.roundTrip, r)
			}
			if share := float64(late) / float64(looks); share > 0.4 {
				t.Errorf("%.1f Mbit/s, %v: packets of others waited long in %.0f %% of %d looks", c.bits/1e6, c.roundTrip, 100*share, looks)
			}
			slices.Sort(queued)
			packets := time.Duration(2 * 1400 * 8 / c.bits * float64(time.Second))
			if p99 := queued[len(queued)*99/100]; p99 > max(100*time.Millisecond, 2*packets) {
				t.Errorf("%.1f Mbit/s, %v: %v of queue at p99", c.bits/1e6, c.roundTrip, p99)
			}
			t.Logf("%.1f Mbit/s, %v, loss %.2f: found %.3f of it; %v of queue at p50, %v at p99", c.bits/1e6, c.roundTrip, c.loss, float64(r.Rate)/c.bits, queued[len(queued)/2], queued[len(queued)*99/100])
		})
	}
}

func TestTheRateIsNeverExceededNorSentInBursts(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		sensor, central := channel(0, 10*time.Millisecond)
		spec := Spec{Duration: 2 * time.Second, Rate: 30e6, Back: back}
		r, err := test(t, sensor, central, spec, nil)
		if err != nil || !r.Bounded || math.Abs(float64(r.Rate)/30e6-1) > 0.02 {
			t.Errorf("found %+v, %v", r, err)
		}
		sender := sensor
		if back {
			sender = central
		}
		sender.out.mu.Lock()
		defer sender.out.mu.Unlock()
		// Any time t brings at most t of the rate and a burst of 20 ms.
		for i, first := range sender.out.log {
			sum := 0
			for _, w := range sender.out.log[i:] {
				sum += w.n
				if most := 30e6 / 8 * (w.at.Sub(first.at) + maxBurst).Seconds(); float64(sum) > most+256 {
					t.Fatalf("%d bytes within %v", sum, w.at.Sub(first.at))
				}
				if w.at.Sub(first.at) > 100*time.Millisecond {
					break
				}
			}
		}
	})
}

func TestATestOverAPipeEnds(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		r, err := test(t, a, b, Spec{Duration: 2 * time.Second, Rate: 100e6, Back: back}, nil)
		if err != nil || !r.Bounded {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestATestLeavesOthersWhatTheyUse(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		sensor, central := channel(20e6, 40*time.Millisecond)
		sender := sensor
		if back {
			sender = central
		}
		sender.out.crowd(t, func() { sender.out.others(15e6 / 8 / 200) })
		r, err := test(t, sensor, central, Spec{Back: back}, sender.looks(40*time.Millisecond))
		if err != nil || math.Abs(float64(r.Rate)/5e6-1) > 0.2 {
			t.Errorf("beside 15 of 20 Mbit/s: %+v, %v", r, err)
		}
	})
}

func TestATestStepsAsideForThoseWhoFillTheChannel(t *testing.T) {
	bothWays(t, func(t *testing.T, back bool) {
		sensor, central := channel(20e6, 40*time.Millisecond)
		sender := sensor
		if back {
			sender = central
		}
		// Agents keep 30 ms of the channel waiting, as TCP without BBR does.
		sender.out.crowd(t, func() {
			sender.out.agents(max(0, int((30*time.Millisecond-sender.out.waits()).Seconds()*20e6/8)))
		})
		r, err := test(t, sensor, central, Spec{Duration: 10 * time.Second, Back: back}, sender.looks(40*time.Millisecond))
		if err != nil || r.Rate > 4e6 {
			t.Errorf("beside somebody greedy: %+v, %v", r, err)
		}
	})
}

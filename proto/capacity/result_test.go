package capacity

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// arrival is what a receiver reports of a channel that carries rate bytes a second when the sender uses a part of it.
// What it reports at a time was carried some time before, in its order: waits says how long, drawn anew for each report.
func arrival(rate float64, d time.Duration, used func(time.Duration) float64, waits func(at time.Duration) time.Duration) (all series, held []time.Duration) {
	const tick = time.Millisecond
	carried := make([]float64, d/tick+1)
	for i := 1; i < len(carried); i++ {
		carried[i] = carried[i-1] + rate*used(time.Duration(i)*tick)*tick.Seconds()
	}
	var reached time.Duration
	for at := reportEvery; at <= d; at += reportEvery {
		reached = max(reached, at-waits(at))
		if bytes := uint64(carried[reached/tick]); bytes > all.last().bytes {
			all, held = append(all, sample{report: report{bytes, at}}), append(held, at-reached)
		}
	}
	return all, held
}

func always(time.Duration) float64 { return 1 }

func never(time.Duration) time.Duration { return 0 }

// lullOf is the lull of a test whose bytes come for so long.
func lullOf(d time.Duration) time.Duration {
	return min(d/stretchPart/lullPart, longestLull)
}

// drawn draws delays of up to most, which are none at least once in a time.
func drawn(t *rapid.T, most, free time.Duration) func(time.Duration) time.Duration {
	var last, next time.Duration
	return func(at time.Duration) time.Duration {
		if last += reportEvery; last >= free {
			last, next = 0, 0
			return 0
		}
		if rapid.IntRange(0, 5).Draw(t, "change") == 0 {
			next = time.Duration(rapid.Int64Range(0, most.Milliseconds()).Draw(t, "waits")) * time.Millisecond
		}
		return next
	}
}

// Bytes that are held up are not found again as a higher rate, however many and how often, if in each lull there is a
// moment when none are.
func TestWhatIsHeldUpForAWhileDoesNotMakeTheChannelFaster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{Duration: time.Duration(rapid.IntRange(1, 8).Draw(t, "seconds")) * time.Second, Rate: MaxRate}
		rate := float64(rapid.IntRange(20_000, 100_000_000).Draw(t, "rate"))
		all, _ := arrival(rate, spec.Duration+time.Second, always, drawn(t, 500*time.Millisecond, lullOf(spec.Duration)-reportEvery))
		r, err := all.result(spec)
		if part := float64(r.Rate) / 8 / rate; err != nil || part > 1.001 || part < 0.8 {
			t.Fatalf("found %.3f of the channel, %v", part, err)
		}
	})
}

// Whatever happens, the result is within the bound that result's comment gives.
func TestTheResultIsBoundedByWhatIsHeldUpThroughoutALull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{Duration: time.Duration(rapid.IntRange(1, 8).Draw(t, "seconds")) * time.Second, Rate: MaxRate}
		const rate = 2_500_000
		parts := rapid.SliceOfN(rapid.Float64Range(0, 1), 23, 23).Draw(t, "used")
		used := func(at time.Duration) float64 { return parts[at/(500*time.Millisecond)] }
		all, held := arrival(rate, spec.Duration+3*time.Second, used, drawn(t, 2*time.Second, time.Hour))
		r, err := all.result(spec)
		if err != nil {
			return // nothing came until the end
		}
		d := min(spec.Duration, all.last().at) // less where so little is used at the end that no byte comes
		h := time.Duration(0)                  // the most over all lulls of the least within each
		for i := range all {
			least := time.Hour
			for k := i; k < len(all) && all[k].at <= all[i].at+lullOf(d); k++ {
				least = min(least, held[k])
			}
			h = max(h, least)
		}
		if part := float64(r.Rate) / 8 / rate; part > 1.001+h.Seconds()/(3*d.Seconds()/8) {
			t.Fatalf("found %.3f of the channel, bytes were held up for %v", part, h)
		}
	})
}

func TestTheResultIsOfTheBestHalf(t *testing.T) {
	spec := Spec{Duration: 4 * time.Second, Rate: MaxRate}
	const rate = 1_000_000
	for name, c := range map[string]struct {
		used func(time.Duration) float64
		want float64
	}{
		"the ramp-up does not count": {func(at time.Duration) float64 {
			return min(1, at.Seconds()/1.5)
		}, 1},
		"the last packet came late": {func(at time.Duration) float64 {
			if at > spec.Duration && at < spec.Duration+time.Second {
				return 0
			}
			return 1
		}, 1},
		"a quarter of the time is less than half": {func(at time.Duration) float64 {
			if at > time.Second && at < 2*time.Second {
				return 1
			}
			return 0.5
		}, 0.75},
	} {
		all, _ := arrival(rate, spec.Duration+time.Second, c.used, never)
		r, err := all.result(spec)
		if part := float64(r.Rate) / 8 / rate; err != nil || part > c.want+0.02 || part < c.want-0.05 {
			t.Errorf("%s: found %.3f of the channel in %v, %v", name, part, r.Measured, err)
		}
		if r.Growing {
			t.Errorf("%s: is said to grow", name)
		}
	}
}

func TestAResultThatStillGrowsSaysSo(t *testing.T) {
	spec := Spec{Duration: 4 * time.Second, Rate: MaxRate}
	for name, c := range map[string]struct {
		used func(time.Duration) float64
		want bool
	}{
		"evenly to the end":    {func(at time.Duration) float64 { return min(1, at.Seconds()/4) }, true},
		"late":                 {func(at time.Duration) float64 { return min(1, 0.1+max(0, at.Seconds()-3)) }, true},
		"until the half of it": {func(at time.Duration) float64 { return min(1, at.Seconds()/2) }, false},
	} {
		all, _ := arrival(1_000_000, spec.Duration+time.Second/2, c.used, never)
		if r, err := all.result(spec); err != nil || r.Growing != c.want {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// What agents give comes and goes, and waits in the Sensor for up to two seconds; the test has the rest of the line.
func TestRateAndOthersAreOfTheSameStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{Duration: 4 * time.Second, Rate: MaxRate}
		const rate = 2_500_000
		parts := rapid.SliceOfN(rapid.Float64Range(0, 1), 10, 10).Draw(t, "agents")
		ahead := time.Duration(rapid.IntRange(0, 100).Draw(t, "ahead")) * reportEvery
		part := func(at time.Duration) float64 { return parts[min(int(at/(500*time.Millisecond)), len(parts)-1)] }
		var own, given, all float64
		var s series
		for at := reportEvery; at <= spec.Duration; at += reportEvery {
			own += (1 - part(at)) * rate * reportEvery.Seconds()
			given += part(at+ahead) * rate * reportEvery.Seconds()
			all += 1.02 * rate * reportEvery.Seconds()
			s = append(s, sample{report{uint64(own), at}, uint64(given), uint64(all)})
		}
		r, err := s.result(spec)
		if both := float64(r.Rate+r.Others) / 8 / rate; err == nil && both > 1.021 || ahead == 0 && err == nil && both < 0.98 { // agents count from the first report on
			t.Fatalf("the test and agents had %.3f of the line: %+v", both, r)
		}
	})
}

package capacity

import (
	"math"
	"sort"
	"time"
)

// Where Rate is looked for: see result.
const (
	stretchPart = 2 // the shortest stretch is this part of the test
	lullPart    = 4 // and the longest lull this part of that
	longestLull = time.Second
	fewest      = 20   // round trips of a test whose ramp-up is not most of it
	growth      = 1.25 // from the third quarter to the last, at which the result is none yet
)

// Result is what a test found.
type Result struct {
	Spec
	Bytes    uint64        // that arrived in all
	Rate     uint64        // bit/s at which they arrived over the best half of the test or more
	Took     time.Duration // until the last byte arrived
	Measured time.Duration // the part of it that Rate and Others are of
	// Others is at which rate what agents sent in the same direction arrived in the same part: both together are no more than
	// the link carried then.
	Others uint64
	// Bounded says that the test's own rate was the limit: the channel may carry more.
	Bounded bool
	// Growing says that a longer test, or one at another time, may find more: the last quarter of the test brought much more
	// than the one before, the test had fewer than some 20 round trips, agents sent more than the test did, or others may use the
	// channel (crowd.go).
	Growing bool
}

// series is reports in their order.
type series []sample

// sample is a report, and what the Sensor knew then: how much agents had sent in the direction of the test, and how much
// the link had carried in all (0: not known), from any beginning.
type sample struct {
	report
	agents, all uint64
}

func newSample(r report, w Way, back bool) sample {
	if back {
		return sample{r, w.Agents, w.Came}
	}
	return sample{r, w.Agents, w.Arrived}
}

// others is at how many bytes a second agents' data arrived between two samples: what they gave, but no more than the link
// carried beside the test. What waits in the Sensor, or on the way, has not arrived.
func (s sample) others(to sample) float64 {
	bytes := to.agents - min(s.agents, to.agents)
	if s.all > 0 {
		own, all := to.bytes-s.bytes, to.all-min(s.all, to.all)
		bytes = min(bytes, all-min(own, all))
	}
	return float64(bytes) / (to.at - s.at).Seconds()
}

func (s series) last() sample {
	if len(s) == 0 {
		return sample{}
	}
	return s[len(s)-1]
}

// rateOver is bytes a second over the newest reports, as many as cover a time.
func (s series) rateOver(d time.Duration) float64 {
	last := s.last()
	from := sample{}
	for i := len(s) - 1; i >= 0; i-- {
		if from = s[i]; last.at-from.at >= d {
			break
		}
	}
	if len(s) == 0 || last.at-from.at < d {
		from = sample{}
	}
	if took := (last.at - from.at).Seconds(); took > 0 {
		return float64(last.bytes-from.bytes) / took
	}
	return 0
}

// result judges a test. The rate is the mean over the best stretch in one piece that is at least half of the test, so
// that neither the ramp-up nor a pause at the end counts.
//
// It cannot be above what the channel carries for long. What arrives within a stretch was carried within it, but for
// what had been carried before and was held up: by TCP for a lost packet, by a machine that did other things. Bytes
// that were held up for a time x at the stretch's beginning make its mean larger by x in the length of the stretch. So
// each stretch may begin at any report of a lull (a quarter of the shortest stretch, at most a second), and the one that
// gives the least counts: of all that was held up, only what stays so throughout the lull is added. With h for the
// least time for which bytes are held up in a lull, a test of duration d finds at most 1 + h/(3d/8) of the channel. A
// delay that is the same throughout holds nothing up.
func (s series) result(spec Spec) (Result, error) {
	last := s.last()
	if last.bytes == 0 || last.at < 4*MinDuration/5 {
		return Result{}, ErrNothing
	}
	r := Result{Spec: spec, Bytes: last.bytes, Took: last.at}
	from, to := s.best(min(spec.Duration, last.at) / stretchPart)
	r.Measured = to.at - from.at
	r.Rate, r.Others = uint64(8*from.rate(to)), uint64(8*from.others(to))
	r.Bounded = float64(r.Rate) >= 0.93*float64(spec.Rate)
	quarter := spec.Duration / 4
	r.Growing = s.mean(3*quarter, 4*quarter) > growth*s.mean(2*quarter, 3*quarter) || r.Others > r.Rate
	return r, nil
}

// mean is that in bytes a second between two times.
func (s series) mean(from, to time.Duration) float64 {
	before, after := sample{}, sample{}
	for _, r := range s {
		if r.at <= from {
			before = r
		}
		if r.at <= to {
			after = r
		}
	}
	return float64(after.bytes-before.bytes) / (to - from).Seconds()
}

// rate is the mean in bytes a second between two samples.
func (s sample) rate(to sample) float64 {
	return float64(to.bytes-s.bytes) / (to.at - s.at).Seconds()
}

// best is the stretch of a time or more with the highest mean.
func (s series) best(shortest time.Duration) (first, last sample) {
	all := append(series{s.start()}, s...)
	lull := min(shortest/lullPart, longestLull)
	rate := 0.0
	for i, from := range all {
		begins := all[i:]
		begins = begins[:sort.Search(len(begins), func(k int) bool { return begins[k].at > from.at+lull })]
		for _, to := range all[i:] {
			if to.at-from.at < shortest {
				continue
			}
			least, begin := math.Inf(1), from
			for _, b := range begins {
				if r := b.rate(to); r < least {
					least, begin = r, b
				}
				if least <= rate {
					break
				}
			}
			if least > rate {
				rate, first, last = least, begin, to
			}
		}
	}
	return first, last
}

// start is the beginning, before which nothing came; what agents had sent then is not known, and so what they did until the
// first report.
func (s series) start() (first sample) {
	if len(s) > 0 {
		first.agents, first.all = s[0].agents, s[0].all
	}
	return first
}

package trends

import (
	"math"
	"slices"
	"time"

	"vedette/internal/acts"
)

// ring holds the steps of a while. A step has its place by its number, so new
// ones take the place of those that are as old as the ring is long.
type ring struct {
	step  time.Duration
	slots []slot
}

// slot is one step.
type slot struct {
	number int64 // steps since 1970; 0: empty
	values []value
}

// value is what is known of a trend in a step: a level as it was seen last, a
// rate by its sum and how often it was seen.
type value struct {
	sum   float64
	times uint32 // 0: not known
}

func newRing(step, while time.Duration) ring {
	return ring{step: step, slots: make([]slot, while/step)}
}

// place finds the slot of a step.
func (g *ring) place(number int64) *slot {
	n := int64(len(g.slots))
	return &g.slots[((number%n)+n)%n]
}

// slot is the one of a time, emptied when it was another step's.
func (g *ring) slot(at time.Time) *slot {
	number := at.UnixNano() / int64(g.step)
	s := g.place(number)
	if s.number != number || s.values == nil {
		*s = slot{number: number, values: make([]value, len(acts.Trends()))}
	}
	return s
}

// indexOf is a trend's place in the values of every slot; -1: it has none.
func indexOf(t acts.Trend) int { return slices.Index(acts.Trends(), t) }

func (s *slot) level(t acts.Trend, v float64) {
	if i := indexOf(t); i >= 0 && finite(v) {
		s.values[i] = value{sum: v, times: 1}
	}
}

func (s *slot) rate(t acts.Trend, v float64) {
	if i := indexOf(t); i >= 0 && finite(v) {
		s.values[i].sum += v
		s.values[i].times++
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// mean is the value to the hundredth; false: it is not known.
func (v value) mean() (float64, bool) {
	if v.times == 0 {
		return 0, false
	}
	return math.Round(v.sum/float64(v.times)*100) / 100, true
}

// series are the steps up to the one under way.
func (g *ring) series(trends []acts.Trend, now time.Time) acts.TrendList {
	last := now.UnixNano() / int64(g.step)
	first := last - int64(len(g.slots)) + 1
	begin := func(number int64) time.Time { return time.Unix(0, number*int64(g.step)).UTC() }
	list := acts.TrendList{From: begin(first), To: begin(last), Step: g.step, Series: make([]acts.TrendSeries, len(trends))}
	for i, t := range trends {
		one := acts.TrendSeries{Trend: t, Points: []acts.TrendPoint{}}
		at := indexOf(t)
		for number := first; number <= last && at >= 0; number++ {
			s := g.place(number)
			if s.number != number || s.values == nil {
				continue
			}
			if v, known := s.values[at].mean(); known {
				one.Points = append(one.Points, acts.TrendPoint{At: begin(number), Value: v})
			}
		}
		list.Series[i] = one
	}
	return list
}

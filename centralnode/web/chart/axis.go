package chart

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// tick is a labelled place on an axis.
type tick struct {
	At    string // coordinate
	Label string
}

// scale maps values to places.
type scale struct {
	low, high float64
	ticks     []tick
}

// maxTicks is how many lines stand on the axis of values, without its foot.
const maxTicks = 4

// valueAxis chooses an axis with round numbers that holds low and high, and 0.
func valueAxis(low, high float64, whole bool, format func(float64) string) scale {
	low, high = min(low, 0), max(high, 0)
	if low == 0 && high == 0 {
		high = 1
	}
	step := round((high - low) / maxTicks)
	if whole {
		step = max(step, 1)
	}
	a := scale{low: math.Floor(low/step) * step, high: math.Ceil(high/step) * step}
	for n := math.Round(a.low / step); n <= math.Round(a.high/step); n++ {
		v := n * step
		a.ticks = append(a.ticks, tick{coordinate(a.place(v)), format(v)})
	}
	return a
}

// round is the smallest of 1, 2 and 5 times a power of ten that is not below v.
func round(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5, 10} {
		// A hair of tolerance: 3 * 0.1 is above 0.3.
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// place is where a value stands, from the top.
func (a scale) place(v float64) float64 {
	return bottom - (v-a.low)/(a.high-a.low)*(bottom-top)
}

// leftOf is where the plot begins, so that the values beside it have room.
func leftOf(values []tick) int {
	longest := 0
	for _, v := range values {
		longest = max(longest, utf8.RuneCountInString(v.Label))
	}
	return min(max(30, 12+int(character*float64(longest))), width/3)
}

// timeAxis maps times to places.
type timeAxis struct {
	from, to time.Time
	left     int
}

// place is where a time stands, from the left.
func (a timeAxis) place(t time.Time) float64 {
	return float64(a.left) + a.share(t)*float64(right-a.left)
}

// share is which part of the axis is before a time, from 0 to 1.
func (a timeAxis) share(t time.Time) float64 {
	return float64(t.Sub(a.from)) / float64(a.to.Sub(a.from))
}

// coordinate writes a place to a tenth of a pixel.
func coordinate(v float64) string { return tenths(math.Round(v * 10)) }

// tenths writes a whole number of tenths.
func tenths(n float64) string {
	if n == 0 {
		n = 0 // not the negative one
	}
	return strconv.FormatFloat(n/10, 'f', -1, 64)
}

const day = 24 * time.Hour

// steps are the distances that a person reads a clock and a calendar by.
var steps = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 5 * day, 10 * day, 30 * day, 90 * day, 365 * day,
}

// stepFor is the smallest step by which a time has at most n parts.
func stepFor(span time.Duration, n int) time.Duration {
	for _, step := range steps {
		if span <= step*time.Duration(n) {
			return step
		}
	}
	return 10 * steps[len(steps)-1]
}

// maxTimeTicks is how many labels have room below the plot.
const maxTimeTicks = 6

// ticks are round times of the axis, in UTC.
func (a timeAxis) ticks() (out []tick) {
	step := stepFor(a.to.Sub(a.from), maxTimeTicks)
	// Truncate counts from the year 1, so that days begin at midnight UTC.
	for t := a.from.UTC().Truncate(step); !t.After(a.to); t = t.Add(step) {
		if !t.Before(a.from) {
			out = append(out, tick{coordinate(a.place(t)), timeLabel(t, step)})
		}
	}
	return out
}

func timeLabel(t time.Time, step time.Duration) string {
	switch {
	case step >= 300*day:
		return t.Format("2006")
	case step >= day, t.Equal(t.Truncate(day)):
		return t.Format("2 Jan")
	case step < time.Minute:
		return t.Format("15:04:05")
	default:
		return t.Format("15:04")
	}
}

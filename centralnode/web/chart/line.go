package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// line is a series as the template draws it.
type line struct {
	Name, Class, Dash     string
	Path                  string // the line, with its gaps
	Marks                 string // one path of all marks
	Last, Lowest, Highest string // values in words; empty: there are none
	Sample                string // a mark in the middle of the sample in the legend
}

// styles tell series apart without colour: by dashes, and by the shape of the
// marks, which are drawn around a place.
var styles = [MaxSeries]struct{ dash, mark string }{
	{"", "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z"},                       // circle
	{"6 3", "m-2.7-2.7h5.4v5.4h-5.4z"},                               // square
	{"2 3", "m0-3.5l3.3 6h-6.6z"},                                    // triangle
	{"9 3 2 3", "m0-3.8l3.8 3.8-3.8 3.8-3.8-3.8z"},                   // diamond
	{"12 4", "m-3.3-2.5h6.6l-3.3 6z"},                                // triangle, upside down
	{"4 2 1 2", "m-1-3.5h2v2.5h2.5v2h-2.5v2.5h-2v-2.5h-2.5v-2h2.5z"}, // cross
}

// marksEvery is the distance of marks along a line.
const marksEvery = 50

func draw(one Series, i int, s Spec, times timeAxis, values scale, stretch time.Duration) line {
	l := line{Name: one.Name, Class: "s" + strconv.Itoa(i+1), Dash: styles[i].dash, Sample: "M20 6" + styles[i].mark}
	low, high, any := extent([]Series{one})
	if !any {
		return l
	}
	l.Lowest, l.Highest = s.Format(low), s.Format(high)
	var path, marks strings.Builder
	var px, py float64 // where the pen is, in tenths
	// Each series has its first mark elsewhere, so that marks of lines that lie on
	// each other can be seen.
	next := float64(times.left) + float64(i)*marksEvery/MaxSeries
	for _, run := range runs(one.Points, s.Step) {
		l.Last = s.Format(run[len(run)-1].Value)
		for n, p := range thinned(run, stretch) {
			x := times.place(p.At)
			tx, ty := math.Round(x*10), math.Round(values.place(p.Value)*10)
			if n == 0 {
				path.WriteString("M" + tenths(tx) + " " + tenths(ty) + "h0") // a dot when nothing follows
			} else {
				path.WriteString("l" + tenths(tx-px) + " " + tenths(ty-py))
			}
			px, py = tx, ty
			if x >= next {
				marks.WriteString("M" + tenths(tx) + " " + tenths(ty) + styles[i].mark)
				for next <= x {
					next += marksEvery
				}
			}
		}
	}
	if marks.Len() == 0 { // a short line has one mark, at its end
		marks.WriteString("M" + tenths(px) + " " + tenths(py) + styles[i].mark)
	}
	l.Path, l.Marks = path.String(), marks.String()
	return l
}

// runs are the stretches of points between which nothing is missing.
func runs(points []Point, step time.Duration) (out [][]Point) {
	from := 0
	end := func(to int) {
		if to > from {
			out = append(out, points[from:to])
		}
		from = to
	}
	for i, p := range points {
		switch {
		case !p.known():
			end(i)
			from = i + 1
		case i > from && step > 0 && p.At.Sub(points[i-1].At) > step+step/2:
			end(i)
		}
	}
	end(len(points))
	return out
}

// stretchOf is how much time has to be drawn by its lowest and highest value,
// because some series has more points than can be told apart; 0: all are drawn.
func stretchOf(s Spec, series []Series) time.Duration {
	for _, one := range series {
		if len(one.Points) > maxPoints {
			return stepFor(s.To.Sub(s.From), maxPoints/2)
		}
	}
	return 0
}

// thinned are the points of a run that are drawn: of each stretch of time the
// lowest and the highest, so that no peak is lost. Stretches begin at round
// times: which points are drawn does not change as time goes on.
func thinned(run []Point, stretch time.Duration) []Point {
	if stretch <= 0 {
		return run
	}
	out := make([]Point, 0, min(len(run), maxPoints+2))
	for from := 0; from < len(run); {
		low, high, to := from, from, from
		for begin := run[from].At.Truncate(stretch); to < len(run) && run[to].At.Sub(begin) < stretch; to++ {
			if run[to].Value < run[low].Value {
				low = to
			}
			if run[to].Value >= run[high].Value {
				high = to
			}
		}
		out = append(out, run[min(low, high)])
		if low != high {
			out = append(out, run[max(low, high)])
		}
		from = to
	}
	return out
}

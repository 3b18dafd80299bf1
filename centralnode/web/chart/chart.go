// Package chart draws lines over time as SVG, on the server and without script:
// a figure that reads in black and white, in light and dark, on paper and by a
// screen reader, with its numbers in a table beside.
//
// Colours are the style sheet's: lines and marks take currentColor, and the
// classes s1 to s6 say which series they belong to. Dashes and the shapes of the
// marks tell series apart without any colour.
package chart

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Spec is what a chart shows. Its texts may come from outside.
type Spec struct {
	Title string
	Unit  string // of all values, as said after a number: "hosts", "packages a minute"
	// From and To are the ends of the time axis; points outside are left out.
	From, To time.Time
	// Step is the usual distance of two points. Where it is more than half as long
	// again, nothing is known in between, and the line has a gap. 0: points are
	// joined however far apart they are.
	Step   time.Duration
	Series []Series // at most MaxSeries
	// Format writes a value on the axis and in the table; nil: as a number, with
	// commas between thousands. Axes have steps of 1, 2 and 5 in decimal units.
	Format func(float64) string
	// Limit is a line across the chart, with its name; without a value there is none.
	Limit Limit
	// Empty is said where no series has a point; empty: that there are no data.
	Empty string
}

// Limit is what values are held against. Where they stay far below it, the axis
// ends below it, too, so that the lines can be read; the legend says so.
type Limit struct {
	Name  string // "Limit" where there is none
	Value float64
}

// nearLimit is the share of a limit from which on the axis goes up to it.
const nearLimit = 0.2

// MaxSeries is how many lines can be told apart; those behind them are left out.
const MaxSeries = 6

// Series is one line.
type Series struct {
	Name   string
	Points []Point
}

// Point is one value. A value that is NaN says that nothing is known of that
// time.
type Point struct {
	At    time.Time
	Value float64
}

// Sizes in units of the drawing, which are pixels in a column of its width.
const (
	width, height      = 400, 180
	right, top, bottom = 370, 10, 156 // of the plot; its left leaves room for the values
	character          = 7.2          // the width of one, at most, in labels
	maxPoints          = 400          // drawn of a series, some more than the plot has columns
)

//go:embed chart.html
var source string

// figure is made once and never changed: html/template prepares it at its first
// use, and what it says is fixed.
var figure = template.Must(template.New("chart").Parse(source))

// shown is what the template knows.
type shown struct {
	Title, Unit, Desc, Key string
	Width, Height          int
	Left, Right, Bottom    int
	Values, Times          []tick
	Lines                  []line
	Limit                  *limitLine // nil: none
	Thinned                string     // what stretches of points were made to; empty: all are drawn
	Table                  table
	Empty                  string
}

// Lines draws the series of s as a figure.
func Lines(s Spec) template.HTML {
	v := shown{
		Title: s.Title, Unit: s.Unit, Key: key(s.Title), Width: width, Height: height, Right: right, Bottom: bottom,
	}
	series := inside(s)
	if s.Format == nil {
		s.Format = number
	}
	low, high, any := extent(series)
	if !any || !s.To.After(s.From) {
		v.Empty = cmp.Or(s.Empty, "There are no data of this time.")
	} else {
		v.Limit = limitOf(s, high)
		if v.Limit != nil && v.Limit.Drawn {
			high = max(high, s.Limit.Value)
		}
		values := valueAxis(low, high, whole(series), s.Format)
		times := timeAxis{from: s.From, to: s.To, left: leftOf(values.ticks)}
		v.Left, v.Values, v.Times = times.left, values.ticks, times.ticks()
		stretch := stretchOf(s, series)
		for i, one := range series {
			v.Lines = append(v.Lines, draw(one, i, s, times, values, stretch))
		}
		if stretch > 0 {
			v.Thinned = "The lowest and the highest value of each " + period(stretch) + " are drawn."
		}
		v.Limit.put(s.Limit, values)
		v.Table = tabulate(s, series)
		v.Desc = describe(s, v)
	}
	var out bytes.Buffer
	if err := figure.Execute(&out, v); err != nil {
		// The data are plain and the buffer takes everything: only a fault in the
		// template itself gets here, and tests execute all of it.
		panic(fmt.Sprintf("draw a chart: %v", err))
	}
	return template.HTML(out.String())
}

// Numbers beyond these are none that anybody counts; axes compute with the others
// without overflow.
const largest, smallest = 1e200, 1e-200

// inside are the series with their points of the time shown, in order of time.
func inside(s Spec) []Series {
	out := make([]Series, 0, min(len(s.Series), MaxSeries))
	for _, one := range s.Series[:min(len(s.Series), MaxSeries)] {
		kept := Series{Name: one.Name, Points: make([]Point, 0, len(one.Points))}
		for _, p := range one.Points {
			switch size := math.Abs(p.Value); {
			case size > largest:
				p.Value = math.NaN()
			case size < smallest:
				p.Value = 0
			}
			if !p.At.Before(s.From) && !p.At.After(s.To) {
				kept.Points = append(kept.Points, p)
			}
		}
		slices.SortStableFunc(kept.Points, func(a, b Point) int { return a.At.Compare(b.At) })
		out = append(out, kept)
	}
	return out
}

// known says whether there is a value.
func (p Point) known() bool { return !math.IsNaN(p.Value) }

func extent(series []Series) (low, high float64, any bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, one := range series {
		for _, p := range one.Points {
			if p.known() {
				low, high, any = min(low, p.Value), max(high, p.Value), true
			}
		}
	}
	return low, high, any
}

// whole says whether all values are whole numbers: then the axis has no halves.
func whole(series []Series) bool {
	for _, one := range series {
		for _, p := range one.Points {
			if p.known() && p.Value != math.Trunc(p.Value) {
				return false
			}
		}
	}
	return true
}

// describe says in words what the lines show.
func describe(s Spec, v shown) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From %s to %s.", stamp(s.From), stamp(s.To))
	for _, l := range v.Lines {
		if l.Last == "" {
			fmt.Fprintf(&b, " %s: no data.", l.Name)
			continue
		}
		fmt.Fprintf(&b, " %s: at last %s, lowest %s, highest %s.", l.Name, l.Last, l.Lowest, l.Highest)
	}
	switch l := v.Limit; {
	case l == nil:
	case l.Reached:
		fmt.Fprintf(&b, " %s: %s, which was reached.", l.Name, l.Value)
	default:
		fmt.Fprintf(&b, " %s: %s, which was not reached.", l.Name, l.Value)
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// mostDigits is from where on a number is written by its power of ten.
const mostDigits = 1e15

// number writes a value with commas between thousands and, below a hundred, up
// to two decimals.
func number(v float64) string {
	decimals := 0
	switch abs := math.Abs(v); {
	case abs >= mostDigits:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case abs < 100 && abs != math.Trunc(abs):
		decimals = 2
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return sign + whole
}

// key names a chart for the script that brings pages up to date.
func key(title string) string {
	return "chart-" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		default:
			return '-'
		}
	}, title)
}

package chart

import (
	"slices"
	"time"
)

// table is the same numbers for those who do not see the lines.
type table struct {
	Note  string // what a row stands for
	Names []string
	Rows  []row
}

type row struct {
	At     string
	Values []string
}

// maxRows is how many rows a table has; where there are more points, each row
// stands for a stretch of time.
const maxRows = 31

func tabulate(s Spec, series []Series) table {
	t := table{}
	var times []time.Time
	for _, one := range series {
		t.Names = append(t.Names, one.Name)
		for _, p := range one.Points {
			if p.known() {
				times = append(times, p.At.UTC())
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	step := time.Duration(0)
	if len(times) > maxRows {
		step = stepFor(s.To.Sub(s.From), maxRows-1) // the first and the last are cut
		t.Note = "the highest value of each " + period(step)
		for i := range times {
			times[i] = times[i].Truncate(step)
		}
		times = slices.CompactFunc(times, time.Time.Equal)
	}
	columns := make([]map[int64]float64, len(series))
	for i, one := range series {
		columns[i] = highest(one.Points, step)
	}
	layout := layoutFor(times, step)
	for _, at := range times {
		r := row{At: at.Format(layout)}
		for _, column := range columns {
			text := "-"
			if v, ok := column[at.UnixNano()]; ok {
				text = s.Format(v)
			}
			r.Values = append(r.Values, text)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// highest are the highest values of each step, by the time when it begins.
func highest(points []Point, step time.Duration) map[int64]float64 {
	out := make(map[int64]float64)
	for _, p := range points {
		if !p.known() {
			continue
		}
		at := p.At
		if step > 0 {
			at = at.Truncate(step)
		}
		if v, ok := out[at.UnixNano()]; !ok || p.Value > v {
			out[at.UnixNano()] = p.Value
		}
	}
	return out
}

// layoutFor writes times as finely as they differ.
func layoutFor(times []time.Time, step time.Duration) string {
	switch {
	case step >= day:
		return time.DateOnly
	case slices.ContainsFunc(times, func(t time.Time) bool { return t.Second() != 0 }):
		return time.DateTime
	default:
		return "2006-01-02 15:04"
	}
}

// period names a step.
func period(step time.Duration) string {
	switch {
	case step == day:
		return "day"
	case step == time.Hour:
		return "hour"
	case step == time.Minute:
		return "minute"
	case step > day:
		return number(float64(step/day)) + " days"
	case step > time.Hour:
		return number(float64(step/time.Hour)) + " hours"
	case step > time.Minute:
		return number(float64(step/time.Minute)) + " minutes"
	default:
		return number(float64(step/time.Second)) + " seconds"
	}
}

package report

import (
	"fmt"
	"math"
	"slices"
)

// Span is the median of some rounds with its spread.
type Span struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

// spanOf is false when nothing was measured.
func spanOf(values []float64) (Span, bool) {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return Span{}, false
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Span{median, sorted[0], sorted[len(sorted)-1], values}, true
}

// paired is the ratios of two subjects, each within one round.
func paired(of, base []float64) (Span, bool) {
	ratios := make([]float64, min(len(of), len(base)))
	for i := range ratios {
		ratios[i] = of[i] / base[i]
	}
	return spanOf(ratios)
}

func (s Span) String() string {
	if s.Min == s.Max {
		return short(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", short(s.Median), short(s.Min), short(s.Max))
}

// short is a number with three digits that say something, without exponent.
func short(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

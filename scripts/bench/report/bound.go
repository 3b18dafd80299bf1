package report

import (
	"fmt"
	"strconv"
	"strings"
)

// Bound is an aim that is a number.
type Bound struct {
	Least bool // the number is the least, and not the most, that is good
	Value float64
}

// The marks of bounds in an aim's text.
const (
	atMost  = "<= "
	atLeast = ">= "
)

// ParseBound reads an aim such as "<= 0.80".
func ParseBound(aim string) (b Bound, err error) {
	number, most := strings.CutPrefix(aim, atMost)
	if !most {
		if number, b.Least = strings.CutPrefix(aim, atLeast); !b.Least {
			return b, fmt.Errorf("%q is no bound such as %q", aim, atMost+"0.80")
		}
	}
	if b.Value, err = strconv.ParseFloat(number, 64); err != nil {
		return b, fmt.Errorf("%q is no bound: %w", aim, err)
	}
	return b, nil
}

// Loosened is the bound so many times easier.
func (b Bound) Loosened(times float64) Bound {
	if b.Least {
		times = 1 / times
	}
	return Bound{b.Least, b.Value * times}
}

// Holds says whether a value is good.
func (b Bound) Holds(v float64) bool {
	if b.Least {
		return v >= b.Value
	}
	return v <= b.Value
}

// Best is the best round of a span.
func (b Bound) Best(s Span) float64 {
	if b.Least {
		return s.Max
	}
	return s.Min
}

func (b Bound) String() string {
	if b.Least {
		return atLeast + short(b.Value)
	}
	return atMost + short(b.Value)
}

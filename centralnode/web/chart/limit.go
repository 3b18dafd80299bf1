package chart

import (
	"cmp"
	"math"
)

// limitLine is a limit as the template draws it.
type limitLine struct {
	Name, Value string
	Drawn       bool // else the axis ends below it
	Reached     bool // by some value
	At, Label   string
}

// room is how much of the drawing the name of a limit needs above its line.
const room = 14

// limitOf is the limit of a chart whose highest value is given; nil: none.
func limitOf(s Spec, high float64) *limitLine {
	v := s.Limit.Value
	if !(v >= smallest && v <= largest) { // nor for NaN
		return nil
	}
	return &limitLine{Name: cmp.Or(s.Limit.Name, "Limit"), Value: s.Format(v), Drawn: high >= nearLimit*v, Reached: high >= v}
}

// put gives the line its place on the axis of values, and its name the one above
// it, or below where that would be outside.
func (l *limitLine) put(limit Limit, values scale) {
	if l == nil || !l.Drawn {
		return
	}
	at := values.place(limit.Value)
	label := at - room/3
	if at < top+room {
		label = at + room
	}
	l.At, l.Label = coordinate(at), coordinate(math.Round(label))
}

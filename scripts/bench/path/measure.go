package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// measure is one thing that is measured at every subject, in rounds.
type measure struct {
	name  string
	about string
	// without are subjects that it says nothing about.
	without []string
	// rounds, when it is not 0, is the most rounds that it takes part in.
	rounds int
	// fresh gives every turn processes of its own that have done nothing yet.
	fresh   bool
	metrics []metric
	turn    func(context.Context, *world, *subject) (map[string]float64, error)
}

// metric is one number of a measure.
type metric struct {
	key        string
	what, unit string
	aims       []aim
	goal       string // for the number itself
}

// aim compares a metric of the Sensor with another subject's in the same round.
type aim struct {
	base string
	// want is a ratio, or words where it is no ratio; prototype what a prototype
	// reached.
	want, prototype string
}

// row holds the values of a metric, by subject, one for each round.
type row struct {
	measure *measure
	metric  metric
	values  map[string][]float64
}

// perform runs a measure: every subject once in each round, in the same order.
func (m *measure) perform(ctx context.Context, certs *certificates, o options) (_ []row, err error) {
	rows := make([]row, len(m.metrics))
	for i, t := range m.metrics {
		rows[i] = row{m, t, make(map[string][]float64)}
	}
	rounds := o.rounds
	if m.rounds > 0 {
		rounds = min(rounds, m.rounds)
	}
	var all *world
	if !m.fresh {
		if all, err = newWorld(ctx, certs, o.subjects, o); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, all.end()) }()
		if err := all.warm(ctx); err != nil {
			return nil, err
		}
	}
	for n := range rounds {
		for i, name := range o.subjects {
			if slices.Contains(m.without, name) {
				continue
			}
			values, err := m.one(ctx, all, i, certs, name, o)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", m.name, name, err)
			}
			line := fmt.Sprintf("%-12s round %d  %-8s", m.name, n+1, name)
			for i, t := range m.metrics {
				v, measured := values[t.key]
				if !measured {
					v = math.NaN()
				} else {
					line += fmt.Sprintf("  %s %s %s", t.key, short(v), t.unit)
				}
				rows[i].values[name] = append(rows[i].values[name], v)
			}
			fmt.Println(strings.TrimSpace(line))
		}
	}
	return rows, nil
}

func (m *measure) one(ctx context.Context, all *world, i int, certs *certificates, name string, o options) (_ map[string]float64, err error) {
	if all != nil {
		return m.turn(ctx, all, all.subjects[i])
	}
	w, err := newWorld(ctx, certs, []string{name}, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.end()) }()
	return m.turn(ctx, w, w.subjects[0])
}

// scaled is a load of the usual size.
func (w *world) scaled(usual int) int { return max(1, int(float64(usual)*w.size)) }

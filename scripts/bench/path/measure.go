package main

import (
	"context"
	"errors"
	"slices"

	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
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
	metrics []report.Metric
	turn    func(context.Context, *world, *site.Subject) (map[string]float64, error)
}

// perform runs a measure: every subject once in each round, in the same order.
func (m *measure) perform(ctx context.Context, certs *site.Certificates, o options, r *report.Report) (err error) {
	rounds := o.Rounds
	if m.rounds > 0 {
		rounds = min(rounds, m.rounds)
	}
	var all *world
	if !m.fresh {
		if all, err = newWorld(ctx, certs, o.Subjects, o); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, all.end()) }()
		if err := all.warm(ctx); err != nil {
			return err
		}
	}
	what := report.Measure{Name: m.name, About: m.about, Subjects: o.Subjects, Ours: ours, Metrics: m.metrics}
	rows, err := what.Rounds(rounds, func(name string) (map[string]float64, error) {
		if slices.Contains(m.without, name) {
			return nil, nil
		}
		if all != nil {
			return m.turn(ctx, all, all.subjects[slices.Index(o.Subjects, name)])
		}
		return m.alone(ctx, certs, name, o)
	})
	if err != nil {
		return err
	}
	r.Add(what, rows)
	return nil
}

// alone is a turn in a world of its own.
func (m *measure) alone(ctx context.Context, certs *site.Certificates, name string, o options) (_ map[string]float64, err error) {
	w, err := newWorld(ctx, certs, []string{name}, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.end()) }()
	return m.turn(ctx, w, w.subjects[0])
}

// scaled is a load of the usual size.
func (w *world) scaled(usual int) int { return max(1, int(float64(usual)*w.size)) }

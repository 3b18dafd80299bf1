// Package report runs measurements in rounds and writes what came of them:
// medians with their spread, and ratios of subjects within one round, as
// Markdown and as JSON. What is measured, and how, is not its business.
package report

import (
	"fmt"
	"math"
	"strings"
)

// Measure is one thing that is measured at several subjects: products, or the
// same product under different conditions.
type Measure struct {
	Name, About string
	Subjects    []string // the columns of its table, in the order of their turns
	Ours        string   // the subject that aims are about
	Metrics     []Metric
}

// Metric is one number of a measure.
type Metric struct {
	Key        string // in what a turn returns
	What, Unit string
	Aims       []Aim
	Goal       string // for the number itself
}

// Aim compares a metric of our subject with another subject's in the same round.
type Aim struct {
	Base string
	// Want is a ratio, or words where it is no ratio, or nothing; Prototype what a
	// prototype reached.
	Want, Prototype string
}

// To compares with base.
func To(base, want, prototype string) Aim { return Aim{base, want, prototype} }

// Row holds the values of a metric, by subject, one for each round.
type Row struct {
	Metric Metric
	Values map[string][]float64
}

// Turn measures one subject once, and returns values by Metric.Key. No values at
// all say that it has nothing to do with this subject.
type Turn func(subject string) (map[string]float64, error)

// Rounds gives every subject its turn in each of n rounds, in the same order,
// and prints a line for each.
func (m Measure) Rounds(n int, turn Turn) ([]Row, error) {
	rows := make([]Row, len(m.Metrics))
	for i, t := range m.Metrics {
		rows[i] = Row{t, make(map[string][]float64)}
	}
	for round := range n {
		for _, name := range m.Subjects {
			values, err := turn(name)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", m.Name, name, err)
			}
			if len(values) == 0 {
				continue
			}
			line := fmt.Sprintf("%-12s round %d  %-8s", m.Name, round+1, name)
			for i, t := range m.Metrics {
				v, measured := values[t.Key]
				if !measured {
					v = math.NaN()
				} else {
					line += fmt.Sprintf("  %s %s %s", t.Key, short(v), t.Unit)
				}
				rows[i].Values[name] = append(rows[i].Values[name], v)
			}
			fmt.Println(strings.TrimSpace(line))
		}
	}
	return rows, nil
}

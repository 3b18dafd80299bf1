package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// span is the median of some rounds with its spread.
type span struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

// spanOf is false when nothing was measured.
func spanOf(values []float64) (span, bool) {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return span{}, false
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return span{median, sorted[0], sorted[len(sorted)-1], values}, true
}

// paired is the ratios of two subjects, each within one round.
func paired(of, base []float64) (span, bool) {
	ratios := make([]float64, min(len(of), len(base)))
	for i := range ratios {
		ratios[i] = of[i] / base[i]
	}
	return spanOf(ratios)
}

func (s span) String() string {
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

// The results as they are written.
type (
	report struct {
		Date       string          `json:"date"`
		Conditions []string        `json:"conditions"`
		Measures   []measureReport `json:"measures"`
	}
	measureReport struct {
		Measure string         `json:"measure"`
		About   string         `json:"about"`
		Metrics []metricReport `json:"metrics"`
	}
	metricReport struct {
		What     string          `json:"what"`
		Unit     string          `json:"unit,omitempty"`
		Goal     string          `json:"goal,omitempty"`
		Subjects map[string]span `json:"subjects"`
		Ratios   []ratio         `json:"ratios,omitempty"`
	}
	ratio struct {
		Of        string `json:"of"`
		To        string `json:"to"`
		Span      span   `json:"span"`
		Aim       string `json:"aim,omitempty"`
		Prototype string `json:"prototype,omitempty"`
	}
)

func (r row) report() metricReport {
	m := metricReport{What: r.metric.what, Unit: r.metric.unit, Goal: r.metric.goal, Subjects: make(map[string]span)}
	for name, values := range r.values {
		if s, measured := spanOf(values); measured {
			m.Subjects[name] = s
		}
	}
	for _, a := range r.metric.aims {
		if s, both := paired(r.values[ours], r.values[a.base]); both {
			m.Ratios = append(m.Ratios, ratio{ours, a.base, s, a.want, a.prototype})
		}
	}
	return m
}

func (r *report) add(m *measure, rows []row) {
	out := measureReport{Measure: m.name, About: m.about}
	for _, row := range rows {
		out.Metrics = append(out.Metrics, row.report())
	}
	r.Measures = append(r.Measures, out)
}

// write puts the results into path.json and path.md.
func (r *report) write(folder string, subjects []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "path.json"), append(raw, '\n'), 0o644),
		os.WriteFile(filepath.Join(folder, "path.md"), []byte(r.markdown(subjects)), 0o644),
	)
}

func (r *report) markdown(subjects []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Date)
	for _, c := range r.Conditions {
		fmt.Fprintf(&b, "- %s\n", c)
	}
	for _, m := range r.Measures {
		fmt.Fprintf(&b, "\n%s\n\n| %s | %s | ratio in the same round | aim | prototype |\n|---|%s---|---|---|\n",
			m.About, m.Measure, strings.Join(subjects, " | "), strings.Repeat("---|", len(subjects)))
		for _, t := range m.Metrics {
			cells := []string{strings.TrimSuffix(t.What+", "+t.Unit, ", ")}
			for _, name := range subjects {
				cell := ""
				if s, measured := t.Subjects[name]; measured {
					cell = s.String()
				}
				cells = append(cells, cell)
			}
			var ratios, aims, prototypes []string
			if t.Goal != "" {
				aims = append(aims, t.Goal)
			}
			for _, x := range t.Ratios {
				ratios = append(ratios, fmt.Sprintf("%s: %s", x.To, x.Span))
				aims, prototypes = append(aims, x.Aim), append(prototypes, x.Prototype)
			}
			cells = append(cells, strings.Join(ratios, "; "), strings.Join(aims, "; "), strings.Join(prototypes, "; "))
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	return b.String()
}

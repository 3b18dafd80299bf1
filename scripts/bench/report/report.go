package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// Report is the results of one run.
type Report struct {
	Date string `json:"date"`
	// Conditions say under what circumstances the figures came about.
	Conditions []string        `json:"conditions"`
	Measures   []measureReport `json:"measures"`
}

type (
	measureReport struct {
		Measure  string         `json:"measure"`
		About    string         `json:"about"`
		Subjects []string       `json:"subjects"`
		Metrics  []metricReport `json:"metrics"`
	}
	metricReport struct {
		Key      string          `json:"key"`
		What     string          `json:"what"`
		Unit     string          `json:"unit,omitempty"`
		Goal     string          `json:"goal,omitempty"`
		Subjects map[string]Span `json:"subjects"`
		Ratios   []Ratio         `json:"ratios,omitempty"`
	}
)

// Ratio is a metric of one subject by that of another in the same round.
type Ratio struct {
	Of        string `json:"of"`
	To        string `json:"to"`
	Span      Span   `json:"span"`
	Aim       string `json:"aim,omitempty"`
	Prototype string `json:"prototype,omitempty"`
}

// Add adds what Rounds returned for a measure.
func (r *Report) Add(m Measure, rows []Row) {
	out := measureReport{Measure: m.Name, About: m.About, Subjects: m.Subjects}
	for _, row := range rows {
		out.Metrics = append(out.Metrics, row.report(m.Ours))
	}
	r.Measures = append(r.Measures, out)
}

func (r Row) report(ours string) metricReport {
	m := metricReport{Key: r.Metric.Key, What: r.Metric.What, Unit: r.Metric.Unit, Goal: r.Metric.Goal, Subjects: make(map[string]Span)}
	for name, values := range r.Values {
		if s, measured := spanOf(values); measured {
			m.Subjects[name] = s
		}
	}
	for _, a := range r.Metric.Aims {
		if s, both := paired(r.Values[ours], r.Values[a.Base]); both {
			m.Ratios = append(m.Ratios, Ratio{ours, a.Base, s, a.Want, a.Prototype})
		}
	}
	return m
}

// Write puts the results into NAME.json and NAME.md.
func (r *Report) Write(folder, name string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, name+".json"), append(raw, '\n'), 0o644),
		os.WriteFile(filepath.Join(folder, name+".md"), []byte(r.Markdown()), 0o644),
	)
}

// Read reads what Write wrote.
func Read(folder, name string) (*Report, error) {
	raw, err := os.ReadFile(filepath.Join(folder, name+".json"))
	if err != nil {
		return nil, err
	}
	r := new(Report)
	return r, json.Unmarshal(raw, r)
}

// Ratio finds the ratio of a metric, by its key, to a subject.
func (r *Report) Ratio(measure, key, to string) (Ratio, error) {
	for _, m := range r.Measures {
		for _, t := range m.Metrics {
			for _, x := range t.Ratios {
				if m.Measure == measure && t.Key == key && x.To == to {
					return x, nil
				}
			}
		}
	}
	return Ratio{}, fmt.Errorf("no ratio of %s to %s in %s", key, to, measure)
}

// Markdown is the results as tables. Columns that would be empty are left out.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Date)
	for _, c := range r.Conditions {
		fmt.Fprintf(&b, "- %s\n", c)
	}
	for _, m := range r.Measures {
		m.markdown(&b)
	}
	return b.String()
}

func (m measureReport) markdown(b *strings.Builder) {
	head := append([]string{m.Measure}, m.Subjects...)
	rows := make([]map[string]string, len(m.Metrics))
	filled := make(map[string]bool)
	for i, t := range m.Metrics {
		rows[i] = t.more()
		for name := range maps.Keys(rows[i]) {
			filled[name] = true
		}
	}
	for _, name := range []string{ratioColumn, aimColumn, prototypeColumn} {
		if filled[name] {
			head = append(head, name)
		}
	}
	fmt.Fprintf(b, "\n%s\n\n| %s |\n|%s\n", m.About, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for i, t := range m.Metrics {
		cells := []string{strings.TrimSuffix(t.What+", "+t.Unit, ", ")}
		for _, name := range m.Subjects {
			cell := ""
			if s, measured := t.Subjects[name]; measured {
				cell = s.String()
			}
			cells = append(cells, cell)
		}
		for _, name := range head[1+len(m.Subjects):] {
			cells = append(cells, rows[i][name])
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
}

// The columns beside those of the subjects.
const (
	ratioColumn     = "ratio in the same round"
	aimColumn       = "aim"
	prototypeColumn = "prototype"
)

// more is what a line has beside the subjects' figures, by column.
func (t metricReport) more() map[string]string {
	cells := make(map[string][]string)
	add := func(column, text string) {
		if text != "" {
			cells[column] = append(cells[column], text)
		}
	}
	add(aimColumn, t.Goal)
	for _, x := range t.Ratios {
		add(ratioColumn, fmt.Sprintf("%s: %s", x.To, x.Span))
		add(aimColumn, x.Aim)
		add(prototypeColumn, x.Prototype)
	}
	out := make(map[string]string)
	for column, texts := range cells {
		out[column] = strings.Join(texts, "; ")
	}
	return out
}

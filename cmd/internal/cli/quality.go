package cli

import (
	"fmt"
	"io"

	"vedette/internal/acts"
)

// WriteQuality writes what a Sensor finds of its link: the limits, the worst
// first, each with what it means and what to do, and below them what was
// measured.
func WriteQuality(w io.Writer, q acts.LinkQuality) error {
	f := NewFields(w)
	verdict := []string{string(acts.VerdictUnknown)}
	if q.Verdict != "" {
		verdict[0] = string(q.Verdict)
	}
	if len(q.Limits) == 0 && q.Unmeasured != "" {
		verdict = append(verdict, q.Unmeasured)
	}
	f.Add("Link quality", verdict...)
	why := ""
	for _, j := range q.Worst() {
		stand := j.Stand()
		if !j.Since.IsZero() {
			stand += ", since " + Time(j.Since)
		}
		lines := []string{stand}
		for _, sentence := range []string{j.Meaning(), j.Next()} {
			if sentence != "" {
				lines = append(lines, sentence)
			}
		}
		if before := why; before != q.WhyNot(j) { // one reason is said once
			if why = q.WhyNot(j); why != "" {
				lines = append(lines, why)
			}
		}
		f.Add(string(j.Limit), lines...)
	}
	f.Add("Copies", q.CopyingText())
	if known := q.CapacityText(Time); known != "" {
		f.Add("Capacity of the channel", known)
	}
	if err := f.Flush(); err != nil {
		return err
	}
	windows, rows := q.FigureTable()
	if len(windows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	t := NewTable(w, append([]string{"LAST"}, windows...)...)
	for _, r := range rows {
		t.Row(append([]string{r.Name}, r.Cells...)...)
	}
	return t.Flush()
}

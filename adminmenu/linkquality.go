package adminmenu

import (
	"fmt"
	"strings"
	"time"

	"vedette/internal/acts"
)

// qualityLines is what a Sensor finds of its link: the limits, the worst first,
// what to do about those that are not kept, and what was measured.
func qualityLines(q acts.LinkQuality, now time.Time) []line {
	if len(q.Limits) == 0 {
		return []line{{label: "Link quality", text: strings.TrimSpace(string(acts.VerdictUnknown) + ". " + q.Unmeasured), ink: warning}}
	}
	const columns, noted = "%-23s %-12s %-12s %-12s %s", "%-23s %-12s %s"
	lines := []line{heading(fmt.Sprintf(columns, "Limit", "Verdict", "Measured", "Bound", "For"))}
	var told []line
	why := ""
	for _, j := range q.Worst() {
		measured, bound := j.Value(), j.Most()
		if before := why; j.Verdict == acts.VerdictUnknown {
			measured, bound = "-", "-"
			if why = q.WhyNot(j); why != "" && why != before { // one reason is said once
				told = append(told, item(string(acts.VerdictUnknown)+": "+why))
			}
		}
		since := ""
		if !j.Since.IsZero() {
			since = span(now.Sub(j.Since))
		}
		lines = append(lines, line{text: strings.TrimRight(fmt.Sprintf(columns, j.Limit, j.Verdict, measured, bound, since), " "), ink: verdictInk(j.Verdict)})
		for _, note := range []string{j.Tolerated(), j.HeldBack(), j.Way()} {
			if note != "" { // below the figure
				lines = append(lines, line{text: fmt.Sprintf(noted, "", "", note), ink: verdictInk(j.Verdict)})
			}
		}
		if j.Verdict.Worse(acts.VerdictOK) {
			told = append(told, item(string(j.Limit)+": "+j.Meaning()+" "+j.Next()))
		}
	}
	if len(told) == 0 {
		return lines
	}
	return append(append(lines, blank()), told...)
}

// verdictInk is what a verdict means to a person.
func verdictInk(v acts.Verdict) ink {
	switch v {
	case acts.VerdictExceeded:
		return bad
	case acts.VerdictWarning:
		return warning
	default:
		return normal
	}
}

// verdictLine is the worst verdict, and the limits that it is about.
func verdictLine(q acts.LinkQuality) line {
	l := line{label: "Link quality", text: string(acts.VerdictUnknown), ink: verdictInk(q.Verdict)}
	if q.Verdict != "" {
		l.text = string(q.Verdict)
	}
	var about []string
	for _, j := range q.Worst() {
		if j.Verdict == q.Verdict && j.Verdict.Worse(acts.VerdictOK) {
			about = append(about, string(j.Limit))
		}
	}
	if len(about) > 0 {
		l.text += ": " + strings.Join(about, ", ")
	}
	return l
}

// figureLines are what the windows measured, side by side, and what is known of
// the channel.
func figureLines(q acts.LinkQuality) []line {
	windows, rows := q.FigureTable()
	if len(windows) == 0 {
		return nil
	}
	cells := func(name string, cells []string) string {
		text := fmt.Sprintf("%-24s", name)
		for _, c := range cells {
			if c == "" {
				c = "-"
			}
			text += fmt.Sprintf(" %-13s", c)
		}
		return strings.TrimRight(text, " ")
	}
	lines := []line{heading(cells("Last", windows))}
	for _, r := range rows {
		lines = append(lines, words(cells(r.Name, r.Cells)))
	}
	return optional(append(lines, value("Copies", q.CopyingText())), "Capacity", q.CapacityText(moment))
}

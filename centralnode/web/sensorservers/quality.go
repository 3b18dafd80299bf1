package sensorservers

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"vedette/internal/acts"
)

// quality is how a Sensor's link stands against the documented limits.
type quality struct {
	acts.LinkQuality
	Silence string // why nothing at all is known, a sentence
	Rows    []judged
	Columns []string // the windows
	Figures []figures
}

// judged is a row of the limits.
type judged struct {
	acts.Judged
	Bounded string        // what the figure may be, with "at most" or "at least"
	Do      template.HTML // what to do, or why it is not measured
}

// figures is a row of what the windows measured.
type figures struct {
	acts.FigureRow
	Part bool // of the row above it
}

// qualityOf is what is known of a Sensor's link. Every limit has its row, also
// when nothing is known of it.
func qualityOf(s acts.SensorServer) quality {
	q := quality{LinkQuality: acts.LinkQuality{Verdict: acts.VerdictUnknown}, Silence: silence(s)}
	if q.Silence == "" {
		q.LinkQuality = *s.Quality
		if !q.Verdict.Worse(acts.VerdictUnknown) {
			q.Verdict = acts.VerdictUnknown
		}
	}
	for _, limit := range acts.Limits() {
		j := acts.Judged{Limit: limit, Verdict: acts.VerdictUnknown, Bound: documented(limit)}
		if i := slices.IndexFunc(q.Limits, func(j acts.Judged) bool { return j.Limit == limit }); i >= 0 {
			j = q.Limits[i]
			if j.Bound == 0 {
				j.Bound = documented(limit)
			}
			if !j.Verdict.Worse(acts.VerdictUnknown) {
				j.Verdict = acts.VerdictUnknown // also what no verdict is called
			}
		}
		row, do := judged{Judged: j}, j.Next()
		if do == "" && q.Silence == "" {
			do = q.WhyNot(j)
		}
		row.Do = commands(do)
		switch {
		case limit == acts.LimitCapacity && j.Bound == 0:
			row.Bounded = "at least 15 % of SPAN"
		case limit == acts.LimitCapacity:
			row.Bounded = "at least " + j.Most()
		default:
			row.Bounded = "at most " + j.Most()
		}
		q.Rows = append(q.Rows, row)
	}
	columns, rows := q.FigureTable()
	q.Columns = columns
	for _, r := range rows {
		name, part := strings.CutPrefix(r.Name, "- ")
		r.Name = name
		q.Figures = append(q.Figures, figures{r, part})
	}
	return q
}

// Carries is what the channel does, and how that is known; when it was measured
// stands behind it.
func (q quality) Carries() string {
	return strings.TrimSpace(q.CapacityText(func(time.Time) string { return "" }))
}

// Measured says whether there is a figure.
func (j judged) Measured() bool { return j.Verdict != acts.VerdictUnknown }

// Beyond names the limits that make the verdict, when it is not well: "Packet
// loss, Packet delay". That loss and delay together do follows from either.
func (q quality) Beyond() string {
	if !q.Verdict.Worse(acts.VerdictOK) {
		return ""
	}
	var names []string
	for _, j := range q.Limits {
		if j.Verdict == q.Verdict && (j.Limit != acts.LimitJoint || len(names) == 0) {
			names = append(names, string(j.Limit))
		}
	}
	return strings.Join(names, ", ")
}

// commands sets what stands between backticks as code.
func commands(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// documented is the bound of a limit when a Sensor has not said it; 0: it
// depends.
func documented(limit acts.LimitName) float64 {
	switch limit {
	case acts.LimitLoss:
		return acts.MaxLoss
	case acts.LimitDelay:
		return acts.MaxDelay.Seconds()
	case acts.LimitJoint:
		return 1
	case acts.LimitIngress:
		return acts.MaxIngress
	default:
		return 0
	}
}

// silence says why nothing is known of a link, if so.
func silence(s acts.SensorServer) string {
	switch {
	case !s.Connected:
		return "The link is down: nothing is measured until the Sensor connects again."
	case s.Quality == nil && s.Mute:
		return strings.TrimSpace("Its version "+s.Version) + " does not measure its link yet: update the Sensor."
	case s.Quality == nil:
		return "The Sensor does not say now what it measures; it does so every few seconds."
	}
	return ""
}

// Measures says whether the link is one that is measured.
func (s server) Measures() bool { return s.State == acts.Accepted && s.Connected && s.Quality != nil }

// Beyond names the limits that the link has reached.
func (s server) Beyond() string { return quality{LinkQuality: *s.Quality}.Beyond() }

// Loss is the share of packets lost in the last minute; empty: not measured.
func (s server) Loss() string { return s.minute().LossText() }

// Delay is the 95th percentile of the round trips of the last minute; empty: not
// measured.
func (s server) Delay() string { return acts.DelayText(s.minute().RoundTripP95) }

func (s server) minute() acts.Figures {
	if !s.Measures() {
		return acts.Figures{}
	}
	return s.Quality.Last(time.Minute)
}

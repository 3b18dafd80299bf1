package sensorservers

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"vedette/centralnode/web/chart"
	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// period is the parameter that says how far back the charts go.
const period = "period"

// periods are what can be chosen, the first when nobody says.
var periods = [...]struct {
	value, text, last string
	span              time.Duration
}{{"", "24 hours", "24 hours", 24 * time.Hour}, {"6h", "6 hours", "6 hours", 6 * time.Hour}, {"1h", "1 hour", "hour", time.Hour}}

// history is how the measurements of a link went.
type history struct {
	Periods []choice
	Last    string // what the one chosen is called behind "the last"
	Charts  []template.HTML
	Stood   []stood
}

// choice is a period that can be chosen.
type choice struct {
	page.Link
	Chosen bool
}

// stood is for how long a verdict was the worst.
type stood struct {
	Verdict acts.Verdict
	For     string
}

// history draws the last hours of a Sensor's link, up to the last whole minute.
func (m *room) history(r *page.Request, s acts.SensorServer) (history, error) {
	chosen := periods[0]
	for _, p := range periods {
		if p.value == r.Param(period) {
			chosen = p
		}
	}
	h := history{Last: chosen.last}
	for _, p := range periods {
		h.Periods = append(h.Periods, choice{page.Link{Text: p.text, Path: page.Query(r, period, p.value)}, p == chosen})
	}
	to := m.now().UTC().Truncate(time.Minute)
	v := acts.ViewHistory{From: to.Add(-chosen.span), To: to}
	minutes, err := m.backend.SensorHistory(r.Context(), r.Actor, s.Fingerprint.String(), v)
	if err != nil {
		return history{}, err
	}
	h.Stood = standing(minutes, chosen.span)
	for _, p := range plots(s) {
		h.Charts = append(h.Charts, p.draw(minutes, v))
	}
	return h, nil
}

// standing counts for how long each verdict was the worst, the best first; what
// is left of the time was not measured.
func standing(minutes []acts.QualityMinute, span time.Duration) (out []stood) {
	by := make(map[acts.Verdict]time.Duration)
	rest := span
	for _, m := range minutes {
		switch m.Verdict {
		case acts.VerdictOK, acts.VerdictWarning, acts.VerdictExceeded:
			by[m.Verdict] += time.Minute
			rest -= time.Minute
		}
	}
	by[acts.VerdictUnknown] = rest
	for _, v := range []acts.Verdict{acts.VerdictOK, acts.VerdictWarning, acts.VerdictExceeded, acts.VerdictUnknown} {
		if by[v] > 0 {
			out = append(out, stood{v, lasting(by[v])})
		}
	}
	return out
}

// lasting writes whole minutes.
func lasting(d time.Duration) string {
	hours, minutes := int(d/time.Hour), int(d%time.Hour/time.Minute)
	if hours == 0 {
		return fmt.Sprintf("%d min", minutes)
	}
	if minutes == 0 {
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d h %d min", hours, minutes)
}

// plot is one chart.
type plot struct {
	title, unit string
	limit       float64
	format      func(float64) string
	lines       []plotted
}

// plotted is a line of it. What it gives is NaN where nothing was measured.
type plotted struct {
	name string
	of   func(acts.Figures) float64
}

// plots are the charts of a Sensor's page, in their order.
func plots(s acts.SensorServer) []plot {
	ingress := documented(acts.LimitIngress)
	if s.Quality != nil {
		for _, j := range s.Quality.Limits {
			if j.Limit == acts.LimitIngress && j.Bound > 0 {
				ingress = j.Bound
			}
		}
	}
	packets := func(share func(acts.Figures) float64) func(acts.Figures) float64 {
		return func(f acts.Figures) float64 { return where(f.Sent > 0, 100*share(f)) }
	}
	milliseconds := func(of func(acts.Figures) time.Duration) func(acts.Figures) float64 {
		return func(f acts.Figures) float64 { return where(of(f) > 0, of(f).Seconds()*1000) }
	}
	return []plot{
		{"Packet loss", "by the minute", 100 * acts.MaxLoss, percent, []plotted{
			{"In all", packets(acts.Figures.Loss)}, {"To the Central Node", packets(acts.Figures.LossTo)}, {"From the Central Node", packets(acts.Figures.LossFrom)},
		}},
		{"Round trip", "by the minute", acts.MaxDelay.Seconds() * 1000, delay, []plotted{
			{"p50", milliseconds(func(f acts.Figures) time.Duration { return f.RoundTripP50 })},
			{"p95", milliseconds(func(f acts.Figures) time.Duration { return f.RoundTripP95 })},
			{"p99", milliseconds(func(f acts.Figures) time.Duration { return f.RoundTripP99 })},
		}},
		{"Incoming traffic", "from agents", ingress, rate, []plotted{{"Read", func(f acts.Figures) float64 { return float64(f.IngressRate) }}}},
		{"Retransmitted", "of the segments that TCP sent", 0, percent, []plotted{
			{"Sent again", func(f acts.Figures) float64 { return where(f.Segments > 0, 100*f.Retransmission()) }},
		}},
	}
}

func where(measured bool, v float64) float64 {
	if !measured {
		return math.NaN()
	}
	return v
}

// Shares are drawn in percent, times in milliseconds, rates in bit/s.
func percent(v float64) string { return decimals(v) + " %" }
func delay(v float64) string   { return decimals(v) + " ms" }
func rate(v float64) string    { return acts.BitRate(uint64(max(0, v))) }

// decimals writes a number with as many as its size wants.
func decimals(v float64) string {
	text := fmt.Sprintf("%.2f", v)
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		text = fmt.Sprintf("%.1f", v)
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func (p plot) draw(minutes []acts.QualityMinute, v acts.ViewHistory) template.HTML {
	spec := chart.Spec{
		Title: p.title, Unit: p.unit, From: v.From, To: v.To, Step: time.Minute, Format: p.format, Limit: chart.Limit{Value: p.limit},
		Empty: "Nothing was measured in this time.",
	}
	for _, l := range p.lines {
		one := chart.Series{Name: l.name}
		for _, m := range minutes {
			if m.Known() { // else a gap, and not a zero
				one.Points = append(one.Points, chart.Point{At: m.Start, Value: l.of(m.Figures)})
			}
		}
		spec.Series = append(spec.Series, one)
	}
	return chart.Lines(spec)
}

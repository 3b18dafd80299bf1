package dashboard

import (
	"context"
	"embed"
	"html/template"

	"vedette/centralnode/web/chart"
	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// Backend tells what the daemon says of itself.
type Backend interface {
	Status(context.Context, acts.Actor) (acts.Status, error)
	Trends(context.Context, acts.Actor, acts.TrendFilter) (acts.TrendList, error)
	// May asks whether somebody may do an act, and leaves no record.
	May(who acts.Actor, act string) bool
}

const (
	title  = "Dashboard"
	period = "period" // parameter: month, or nothing for a day
)

//go:embed templates/*.html
var templates embed.FS

type room struct{ backend Backend }

// Register gives the page to the Kit.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("dashboard", templates); err != nil {
		return err
	}
	m := &room{backend: b}
	k.Get("/{$}", acts.ActViewStatus, m.show)
	return nil
}

// dashboard is the page.
type dashboard struct {
	acts.Status
	Waiting   []need
	Month     bool
	Day, Long string // addresses of the page with the one and with the other period
	Charts    []template.HTML
	Verdicts  []verdict
	Scanning  page.Badge
	Engines   []engine
	// What the role may not see is not linked.
	SeesSensors, SeesSystems bool
}

// verdict is how often scanning has come to it since the start.
type verdict struct {
	Word  string
	Count uint64
}

func (m *room) show(r *page.Request) (page.View, error) {
	s, err := m.backend.Status(r.Context(), r.Actor)
	if err != nil {
		return page.View{}, err
	}
	d := dashboard{
		Status: s, Day: page.Query(r, period, ""), Long: page.Query(r, period, string(acts.TrendMonth)),
		SeesSensors: m.backend.May(r.Actor, acts.ActViewSensors), SeesSystems: m.backend.May(r.Actor, acts.ActViewSystems),
	}
	d.Scanning, d.Engines = scanning(s)
	for _, n := range s.Needs {
		d.Waiting = append(d.Waiting, m.link(r.Actor, n))
	}
	for _, word := range []string{"not detected", "detect", "error", "timeout"} {
		d.Verdicts = append(d.Verdicts, verdict{word, s.Scan.Verdicts[word]})
	}
	f := acts.TrendFilter{Period: acts.TrendDay}
	if r.Param(period) == string(acts.TrendMonth) {
		f.Period, d.Month = acts.TrendMonth, true
	}
	trends, err := m.backend.Trends(r.Context(), r.Actor, f)
	if err != nil {
		return page.View{}, err
	}
	for _, p := range plots {
		d.Charts = append(d.Charts, draw(p, trends))
	}
	return page.View{Template: "dashboard/dashboard.html", Title: title, Data: d, Live: true}, nil
}

// plot is one chart.
type plot struct {
	title, unit string
	lines       []plotted
}

type plotted struct {
	trend acts.Trend
	name  string
}

// plots are the charts of the page, in their order.
var plots = [...]plot{
	{"Endpoint Agents", "", []plotted{{acts.TrendAgents, "Connections"}, {acts.TrendHosts, "Hosts known"}}},
	{"Events", "a minute", []plotted{{acts.TrendEvents, "Events"}, {acts.TrendPackages, "Packages"}}},
	{"Alerts that are New", "", []plotted{{acts.TrendAlertsNew, "New"}}},
	{"Objects scanned", "a minute", []plotted{{acts.TrendScanClean, "Not detected"}, {acts.TrendScanDetected, "Detected"}, {acts.TrendScanUnanswered, "No answer"}}},
	{"Objects that wait for a verdict", "", []plotted{{acts.TrendScanWaiting, "Waiting"}}},
	{"Sensors and refusals", "", []plotted{{acts.TrendSensors, "Sensors connected"}, {acts.TrendAgentsRefused, "Agents refused, a minute"}}},
}

func draw(p plot, trends acts.TrendList) template.HTML {
	spec := chart.Spec{
		Title: p.title, Unit: p.unit, From: trends.From, To: trends.To, Step: trends.Step,
		Empty: "Nothing was counted yet: the first point comes within minutes.",
	}
	for _, l := range p.lines {
		one := chart.Series{Name: l.name}
		for _, s := range trends.Series {
			if s.Trend != l.trend {
				continue
			}
			for _, at := range s.Points {
				one.Points = append(one.Points, chart.Point{At: at.At, Value: at.Value})
			}
		}
		spec.Series = append(spec.Series, one)
	}
	return chart.Lines(spec)
}

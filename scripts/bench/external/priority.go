package main

import (
	"context"
	"fmt"
	"time"

	"vedette/scripts/bench/report"
)

// priority is what a confirmed mail sensor gains from the switch Maximum scan
// priority.
type priority struct{}

// The positions of the switch.
const (
	off = "off"
	on  = "on"
)

const priorityWindow = 3 * time.Second

// floods are of one system and of many: with the switch off, systems take turns.
var floods = []struct {
	play    string
	systems int
}{{"flood1", 1}, {"flood", floodSystems}}

func (priority) what(o options) (report.Measure, int) {
	m := report.Measure{
		Name: "priority", Subjects: []string{off, on}, Ours: on,
		About: "objects of 10 KiB of a confirmed mail sensor, Maximum scan priority off and on, while other systems submit all that is taken, to the limit in flight (64 each). " +
			"The engine is " + slowEngine() + ", so that scanning and not taking is the bottleneck",
	}
	for _, f := range floods {
		who := fmt.Sprintf("%d systems flood", f.systems)
		if f.systems == 1 {
			who = "one system floods"
		}
		m.Metrics = append(m.Metrics,
			report.Metric{Key: f.play + "p50", What: who + ": OK to verdict of mail, p50", Unit: "ms", Aims: []report.Aim{report.To(off, "", "")}},
			report.Metric{Key: f.play + "p99", What: "p99", Unit: "ms", Aims: []report.Aim{report.To(off, "", "")}},
			report.Metric{Key: f.play + "answer", What: "call to OK, p99", Unit: "ms"},
			report.Metric{Key: f.play + "all", What: "verdicts of everybody", Unit: "1/s"},
		)
	}
	return m, min(o.Rounds, 2)
}

// slowEngine is the slowest engine that is here.
func slowEngine() string {
	names := available()
	return names[len(names)-1]
}

func (priority) begin(ctx context.Context, c *certificates, o options) (report.Turn, func() error, error) {
	n, err := startEngineNode(ctx, c, o, slowEngine(), fewInFlight, append(from(firstFlooder, floodSystems), mailSystem)...)
	if err != nil {
		return nil, nil, err
	}
	number := 0
	return func(position string) (map[string]float64, error) {
		number++
		if err := n.Command(nil, "external-system", "priority", position, "--yes"); err != nil {
			return nil, err
		}
		values := make(map[string]float64)
		for _, f := range floods {
			if err := n.await(ctx, f.play, mailSystem, fmt.Sprint(f.play, number), o.window(priorityWindow), values); err != nil {
				return nil, err
			}
		}
		return values, nil
	}, n.end, nil
}

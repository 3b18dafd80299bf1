package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vedette/internal/acts"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
)

// verdicts is how long a system waits for its verdict, by engine.
type verdicts struct{}

// verdictWindow is how long verdicts are timed under one load.
const verdictWindow = 2 * time.Second

// verdictLoads are what the others do meanwhile: plays, and nothing.
var verdictLoads = []struct{ play, about string }{
	{"", "nobody else submits"},
	{"steady", "4 systems submit 200 objects of 10 KiB a second"},
	{"flood", "16 systems submit all that is taken, to the limit in flight"},
}

func (verdicts) what(o options) (report.Measure, int) {
	m := report.Measure{
		Name: "verdict", Subjects: available(), Ours: "builtin",
		About: "time from OK to verdict for objects of 10 KiB of one system, which asks for the state every millisecond; each engine works beside the daemon's own. " +
			"The others have an address of their own and the lowest priority of the processor",
	}
	for _, l := range verdictLoads {
		m.Metrics = append(m.Metrics,
			report.Metric{Key: l.play + "p50", What: l.about + ": p50", Unit: "ms"},
			report.Metric{Key: l.play + "p99", What: "p99", Unit: "ms"},
			report.Metric{Key: l.play + "answer", What: "call to OK, p99", Unit: "ms"},
			report.Metric{Key: l.play + "all", What: "verdicts of everybody", Unit: "1/s"},
		)
	}
	return m, min(o.Rounds, 2)
}

// fewInFlight bounds what is left to do when a flood ends.
const fewInFlight = "[scan]\nin_flight = 4096\nin_flight_per_system = 64\n"

func (verdicts) begin(ctx context.Context, c *certificates, o options) (report.Turn, func() error, error) {
	nodes := make(map[string]*engineNode)
	end := func() error {
		var errs []error
		for _, n := range nodes {
			errs = append(errs, n.end())
		}
		return errors.Join(errs...)
	}
	for _, name := range available() {
		n, err := startEngineNode(ctx, c, o, name, fewInFlight, append(from(firstFlooder, floodSystems), probeSystem)...)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("start with %s: %w", name, err), end())
		}
		nodes[name] = n
	}
	number := 0
	return func(name string) (map[string]float64, error) {
		number++
		values := make(map[string]float64)
		for _, l := range verdictLoads {
			if err := nodes[name].await(ctx, l.play, probeSystem, fmt.Sprint(l.play, number), o.window(verdictWindow), values); err != nil {
				return nil, fmt.Errorf("%s: %w", l.about, err)
			}
		}
		return values, nil
	}, end, nil
}

// await times the verdicts of a system beside a play.
func (n *engineNode) await(ctx context.Context, play string, who int, name string, d time.Duration, values map[string]float64) error {
	before, err := n.judged()
	if err != nil {
		return err
	}
	began := time.Now()
	var p probes
	err = n.beside(ctx, play, func() (err error) {
		p, err = n.probe(ctx, who, name, d)
		return err
	})
	if err != nil {
		return err
	}
	after, err := n.judged()
	if err != nil {
		return err
	}
	values[play+"all"] = float64(after-before) / time.Since(began).Seconds()
	values[play+"p50"], values[play+"p99"], _ = load.Percentiles(p.verdict)
	_, values[play+"answer"], _ = load.Percentiles(p.answer)
	return n.forget(ctx, append(from(firstFlooder, floodSystems), who)...)
}

// judged counts the verdicts so far. One that is no answer is an error.
func (n *node) judged() (count uint64, err error) {
	var s acts.ScanStatus
	if err := n.Command(&s, "scan", "show"); err != nil {
		return 0, err
	}
	for state, verdicts := range s.Verdicts {
		if state != "not detected" && verdicts > 0 {
			return 0, fmt.Errorf("%d objects have the verdict %s: %+v", verdicts, state, s.Engines)
		}
		count += verdicts
	}
	return count, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
	"vedette/scripts/emulink"
)

// The line of all measures.
const (
	lineRate = 200e6 // bit/s
	queueFor = 100 * time.Millisecond
	queue    = int(lineRate / 8 * queueFor / time.Second)
)

// measure is the same load on one kind of link.
type measure struct {
	name  string
	loss  float64       // each way
	delay time.Duration // one way
	aims  aims
}

// aims are ratios wanted of our subject.
type aims struct{ stock, goodput, p50, p99, first [2]string } // want, prototype

// measures are all there are. The round trip of 100 ms is the one at which the
// documented 10 % are allowed.
var measures = []measure{
	{name: "loss10", loss: 0.10, delay: 50 * time.Millisecond, aims: aims{
		stock: [2]string{">= 100"}, goodput: [2]string{">= 1.0", "0.66-0.99"},
		p50: [2]string{"<= 0.75", "0.65"}, p99: [2]string{"<= 0.8", "0.73"}, first: [2]string{"<= 0.25", "0.21"},
	}},
	{name: "loss1", loss: 0.01, delay: 50 * time.Millisecond, aims: aims{goodput: [2]string{">= 0.95"}, p99: [2]string{"<= 1.0", "0.85"}}},
	{name: "loss0", delay: 50 * time.Millisecond},
	{name: "loss5", loss: 0.05, delay: 50 * time.Millisecond},
	{name: "loss15", loss: 0.15, delay: 50 * time.Millisecond},
	{name: "far10", loss: 0.10, delay: 100 * time.Millisecond},
}

// as is how the link is for a measure.
func (m measure) as(seed uint64) emulink.Options {
	d := emulink.Direction{Delay: m.delay, Loss: m.loss, Rate: lineRate, Queue: queue}
	o := emulink.Options{Forth: d, Back: d}
	o.Forth.Seed, o.Back.Seed = 2*seed, 2*seed+1
	return o
}

// against compares with all peers that have their turns with a congestion
// control.
func against(subjects []string, control string, of [2]string) (out []report.Aim) {
	for _, name := range subjects {
		if strings.HasSuffix(name, "-"+control) {
			out = append(out, report.To(name, of[0], of[1]))
		}
	}
	return out
}

// perform runs a measure: every subject once in each round, in the same order.
func (m measure) perform(ctx context.Context, certs *site.Certificates, o options, r *report.Report) (err error) {
	w, err := newWorld(ctx, certs, m.as(0), o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.end()) }()
	names := w.Subjects
	goodput := against(names, bbr, m.aims.goodput)
	goodput = append(goodput, against(names, cubic, m.aims.stock)...)
	what := report.Measure{
		Name:     m.name,
		About:    fmt.Sprintf("%.0f %% of the packets lost each way, %v one way (%v there and back)", 100*m.loss, m.delay, 2*m.delay),
		Subjects: names, Ours: ours,
		Metrics: []report.Metric{
			{Key: "goodput", What: "goodput of uploads", Unit: "Mbit/s", Aims: goodput},
			{Key: "p50", What: "small request beside them, p50", Unit: "ms", Aims: against(names, bbr, m.aims.p50)},
			{Key: "p99", What: "the same, p99", Unit: "ms", Aims: against(names, bbr, m.aims.p99)},
			{Key: "first50", What: "first answer on a new connection, p50", Unit: "ms"},
			{Key: "first99", What: "the same, p99", Unit: "ms", Aims: against(names, bbr, m.aims.first)},
			{Key: "failed", What: "small requests and new connections without an answer", Unit: ""},
			{Key: "wire", What: "bytes that crossed the link for each of goodput", Unit: ""},
		},
	}
	turns := 0
	rows, err := what.Rounds(w.Rounds, func(name string) (map[string]float64, error) {
		program, control, named := strings.Cut(name, "-")
		if !named {
			control = cubic // of the machine; the Sensor asks for its own
		}
		if err := w.control(control); err != nil {
			return nil, err
		}
		// All subjects of a round meet the same sequence of chances.
		if err := w.link.Set(m.as(uint64(turns / len(names)))); err != nil {
			return nil, err
		}
		turns++
		if program == ours {
			control = bbr
		}
		return w.turn(ctx, w.running[program], control)
	})
	if err != nil {
		return err
	}
	r.Add(what, rows)
	return nil
}

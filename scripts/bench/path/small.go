package main

import (
	"context"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
)

const (
	smallAgents   = 100
	flatRequests  = 400 // of each agent
	steadyRate    = 2000
	steadySeconds = 4
)

func smallMetrics(cpu, p99 report.Aim, central ...report.Aim) []report.Metric {
	return []report.Metric{
		{Key: "proxy", What: "proxy CPU per request", Unit: "CPU-us", Aims: []report.Aim{cpu}},
		{Key: "central", What: "Central Node CPU per request", Unit: "CPU-us", Aims: central},
		{Key: "client", What: "CPU of the load per request", Unit: "CPU-us"},
		{Key: "rate", What: "requests", Unit: "1/s"},
		{Key: "p50", What: "answer, p50", Unit: "ms"},
		{Key: "p99", What: "answer, p99", Unit: "ms", Aims: []report.Aim{p99}},
		{Key: "max", What: "answer, longest", Unit: "ms"},
		{Key: "busy", What: "cores kept busy by all", Unit: ""},
	}
}

// flat is small requests on kept connections as fast as they are answered.
func flat() *measure {
	return &measure{
		name:    "flat",
		about:   "small requests: 200 bytes each way, 100 kept connections, each sends again as soon as it is answered",
		metrics: smallMetrics(report.To("haproxy", "<= 0.80", "0.77"), report.To("haproxy", "", ""), report.To("direct", "<= 1.0", "0.97")),
		turn: func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
			n := w.scaled(flatRequests)
			return small(ctx, w, s, n, func(ctx context.Context, _ int, a *site.Agent, took []time.Duration) error {
				for i := range took {
					began := time.Now()
					if _, err := a.Post(site.SmallBody, site.Filler); err != nil {
						return err
					}
					took[i] = time.Since(began)
				}
				return ctx.Err()
			})
		},
	}
}

// steady is small requests at a rate that leaves the machine air.
func steady() *measure {
	return &measure{
		name:    "steady",
		about:   "small requests at a steady 2,000 a second over 100 kept connections",
		metrics: smallMetrics(report.To("haproxy", "<= 1.0", "1.16"), report.To("haproxy", "<= 1.1", "1.30")),
		turn: func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
			n := w.scaled(steadyRate * steadySeconds / smallAgents)
			return small(ctx, w, s, n, paced(time.Second*smallAgents/steadyRate))
		},
	}
}

// player is what one of many agents does; it notes how long its answers took.
type player func(ctx context.Context, number int, a *site.Agent, took []time.Duration) error

// paced sends a request every so often. An answer's time counts from the moment
// when its request was due, if the one before it was late.
func paced(every time.Duration) player {
	return func(ctx context.Context, number int, a *site.Agent, took []time.Duration) error {
		return sendEvery(ctx, a, every, number, took)
	}
}

func sendEvery(ctx context.Context, a *site.Agent, every time.Duration, number int, took []time.Duration) error {
	due := time.Now().Add(every * time.Duration(number) / smallAgents)
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for i := range took {
		from := due
		if time.Until(due) > 0 {
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			from = time.Now()
		}
		if _, err := a.Post(site.SmallBody, site.Filler); err != nil {
			return err
		}
		took[i] = time.Since(from)
		due = due.Add(every)
		timer.Reset(time.Until(due))
	}
	return nil
}

// small plays agents of which each sends n requests.
func small(ctx context.Context, w *world, s *site.Subject, n int, play player) (map[string]float64, error) {
	agents, err := s.Fleet(ctx, smallAgents)
	if err != nil {
		return nil, err
	}
	defer site.Disband(agents)
	var took []time.Duration
	p, err := w.spend(ctx, s, func() (sent site.Counts, err error) {
		took, err = playAll(ctx, agents, n, play)
		return site.Counts{Requests: int64(len(agents) * n), Bytes: int64(len(agents) * n * site.SmallBody)}, err
	})
	if err != nil {
		return nil, err
	}
	p50, p99, longest := load.Percentiles(took)
	values := map[string]float64{
		"central": each(p.central, p.Requests), "client": each(p.client, p.Requests),
		"rate": float64(p.Requests) / p.wall.Seconds(), "p50": p50, "p99": p99, "max": longest, "busy": p.busy(),
	}
	if s.Proxy != nil {
		values["proxy"] = each(p.proxy, p.Requests)
	}
	return values, nil
}

// playAll lets each agent send n requests, and returns how long all answers
// took.
func playAll(ctx context.Context, agents []*site.Agent, n int, play player) ([]time.Duration, error) {
	took := make([]time.Duration, len(agents)*n)
	return took, load.Spread(ctx, len(agents), len(agents), func(ctx context.Context, i int) error {
		return play(ctx, i, agents[i], took[i*n:(i+1)*n])
	})
}

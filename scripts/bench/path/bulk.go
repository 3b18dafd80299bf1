package main

import (
	"context"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
)

const (
	bulkAgents = 8
	bulkBody   = 8 << 20
	bulkBodies = 6 // of each agent, at the steady rate
	flatBodies = 16
	// bulkRate is below the 1 Gbit/s that a Sensor takes, which is a documented
	// limit: beyond it the Sensor would wait and the peers would not.
	bulkRate = 100e6 // bytes a second, of all agents
)

func bulkMetrics(proxy, central report.Aim) []report.Metric {
	return []report.Metric{
		{Key: "proxy", What: "proxy CPU per GB", Unit: "CPU-s", Aims: []report.Aim{proxy}},
		{Key: "central", What: "Central Node CPU per GB", Unit: "CPU-s", Aims: []report.Aim{central}},
		{Key: "client", What: "CPU of the load per GB", Unit: "CPU-s"},
		{Key: "rate", What: "throughput", Unit: "MB/s"},
		{Key: "busy", What: "cores kept busy by all", Unit: ""},
	}
}

// bulk is bytes from agents to the Central Node, in large bodies on kept
// connections.
func bulk() *measure {
	return &measure{
		name:    "bulk",
		about:   "uploads: 8 agents, bodies of 8 MiB on kept connections, 100 MB/s in all",
		metrics: bulkMetrics(report.To("haproxy", "<= 0.80", "0.96"), report.To("direct", "<= 1.2", "1.6")),
		turn: func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
			return uploads(ctx, w, s, w.scaled(bulkBodies), bulkRate/bulkAgents)
		},
	}
}

// bulkFlat is the same as fast as it goes, which at a Sensor is 1 Gbit/s.
func bulkFlat() *measure {
	return &measure{
		name:    "bulkflat",
		about:   "uploads: 8 agents, bodies of 8 MiB on kept connections, flat out; a Sensor takes 1 Gbit/s (125 MB/s) by the documented limit",
		rounds:  2,
		metrics: bulkMetrics(report.To("haproxy", "", ""), report.To("direct", "", "")),
		turn: func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
			return uploads(ctx, w, s, w.scaled(flatBodies), 0)
		},
	}
}

// uploads plays agents of which each sends bodies, at most at rate bytes a
// second unless it is 0.
func uploads(ctx context.Context, w *world, s *site.Subject, bodies int, rate float64) (map[string]float64, error) {
	agents, err := s.Fleet(ctx, bulkAgents)
	if err != nil {
		return nil, err
	}
	defer site.Disband(agents)
	p, err := w.spend(ctx, s, func() (site.Counts, error) {
		err := load.Spread(ctx, bulkAgents, bulkAgents, func(ctx context.Context, i int) error {
			if rate > 0 {
				agents[i].Slow = newPace(ctx, rate).wait
			}
			for range bodies {
				if _, err := agents[i].Post(bulkBody, site.Filler); err != nil {
					return err
				}
			}
			return nil
		})
		return site.Counts{Requests: int64(bulkAgents * bodies), Bytes: int64(bulkAgents * bodies * bulkBody)}, err
	})
	if err != nil {
		return nil, err
	}
	values := map[string]float64{
		"central": perGB(p.central, p.Bytes), "client": perGB(p.client, p.Bytes),
		"rate": float64(p.Bytes) / 1e6 / p.wall.Seconds(), "busy": p.busy(),
	}
	if s.Proxy != nil {
		values["proxy"] = perGB(p.proxy, p.Bytes)
	}
	return values, nil
}

// pace keeps a sender at a rate.
type pace struct {
	ctx   context.Context
	began time.Time
	sent  int
	rate  float64
}

func newPace(ctx context.Context, rate float64) *pace {
	return &pace{ctx: ctx, began: time.Now(), rate: rate}
}

// wait waits until n more bytes are due.
func (p *pace) wait(n int) error {
	p.sent += n
	return load.Pause(p.ctx, time.Until(p.began.Add(time.Duration(float64(p.sent)/p.rate*1e9))))
}

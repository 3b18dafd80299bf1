package main

import "context"

const (
	bulkAgents = 8
	bulkBodies = 16 // of each agent
	bulkBody   = 8 << 20
)

// bulk is bytes from agents to the Central Node, in large bodies on kept
// connections.
func bulk() *measure {
	return &measure{
		name:  "bulk",
		about: "uploads: 8 agents, bodies of 8 MiB one after the other on kept connections, flat out",
		metrics: []metric{
			{key: "proxy", what: "proxy CPU per GB", unit: "CPU-s", aims: []aim{{"haproxy", "<= 0.80", "0.96"}}},
			{key: "central", what: "Central Node CPU per GB", unit: "CPU-s", aims: []aim{{"direct", "<= 1.2", "1.6"}}},
			{key: "client", what: "CPU of the load per GB", unit: "CPU-s"},
			{key: "rate", what: "throughput", unit: "MB/s"},
			{key: "busy", what: "cores kept busy by all", unit: ""},
		},
		turn: func(ctx context.Context, w *world, s *subject) (map[string]float64, error) {
			agents, err := fleet(ctx, s.ids, s.address, bulkAgents)
			if err != nil {
				return nil, err
			}
			defer disband(agents)
			bodies := w.scaled(bulkBodies)
			p, err := w.spend(ctx, s, func() (counts, error) {
				err := spread(ctx, bulkAgents, bulkAgents, func(_ context.Context, i int) error {
					for range bodies {
						if _, err := agents[i].post(bulkBody, filler); err != nil {
							return err
						}
					}
					return nil
				})
				return counts{int64(bulkAgents * bodies), int64(bulkAgents * bodies * bulkBody)}, err
			})
			if err != nil {
				return nil, err
			}
			values := map[string]float64{
				"central": perGB(p.central, p.Bytes), "client": perGB(p.client, p.Bytes),
				"rate": float64(p.Bytes) / 1e6 / p.wall.Seconds(), "busy": p.busy(),
			}
			if s.proxy != nil {
				values["proxy"] = perGB(p.proxy, p.Bytes)
			}
			return values, nil
		},
	}
}

package main

import (
	"context"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
)

// newConnections is how many agents come in one turn.
const newConnections = 2000

// connect is agents that come anew: a full handshake with a client
// certificate, one small request, its answer, and the end.
func connect() *measure {
	return &measure{
		name:  "connect",
		about: "new agent connections: full TLS 1.3 handshake with a client certificate, one small request, the end; 32 at a time, flat out",
		metrics: []report.Metric{
			{Key: "rate", What: "new agent connections", Unit: "1/s", Aims: []report.Aim{report.To("haproxy", ">= 2.2", "2.3"), report.To("nginx", ">= 1.8", "1.8")}},
			{Key: "proxy", What: "proxy CPU per new connection", Unit: "CPU-us", Aims: []report.Aim{report.To("haproxy", "<= 0.30", "0.29")}},
			{Key: "central", What: "Central Node CPU per new connection", Unit: "CPU-us", Aims: []report.Aim{report.To("haproxy", "<= 0.167", "0.154")}},
			{Key: "client", What: "CPU of the load per new connection", Unit: "CPU-us"},
			{Key: "busy", What: "cores kept busy by all", Unit: ""},
		},
		turn: func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
			n := w.scaled(newConnections)
			p, err := w.spend(ctx, s, func() (site.Counts, error) {
				err := load.Spread(ctx, site.Connecting, n, func(ctx context.Context, i int) error {
					a, err := s.Connect(ctx, i)
					if err != nil {
						return err
					}
					if _, err := a.Post(site.SmallBody, site.Filler); err != nil {
						return err
					}
					return a.Close()
				})
				return site.Counts{Requests: int64(n), Bytes: int64(n * site.SmallBody)}, err
			})
			if err != nil {
				return nil, err
			}
			values := map[string]float64{
				"rate": float64(p.Requests) / p.wall.Seconds(), "central": each(p.central, p.Requests),
				"client": each(p.client, p.Requests), "busy": p.busy(),
			}
			if s.Proxy != nil {
				values["proxy"] = each(p.proxy, p.Requests)
			}
			return values, nil
		},
	}
}

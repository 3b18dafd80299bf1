package main

import (
	"context"
	"fmt"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
)

// idleWait is what a runtime has to give memory back that it does not need.
const idleWait = 15 * time.Second

// stunnelIdle is as many agents as stunnel is asked to hold: each costs it two
// threads and four descriptors.
const stunnelIdle = 1000

// idle is the memory of agents that are connected and have nothing to say.
func idle(agents int) *measure {
	without := []string{site.Direct}
	if agents > stunnelIdle {
		without = append(without, site.Stunnel)
	}
	return &measure{
		name:   fmt.Sprintf("idle%d", agents),
		about:  fmt.Sprintf("%d idle agents: after one small request each, 15 s later; growth of the process's PSS", agents),
		rounds: 1, fresh: true, without: without,
		metrics: []report.Metric{
			{Key: "proxy", What: "proxy memory per idle agent", Unit: "KiB", Goal: "<= 24 KiB", Aims: []report.Aim{report.To("haproxy", "<= 0.55", "24 KiB")}},
			{Key: "total", What: "proxy memory in all", Unit: "MiB"},
			{Key: "central", What: "Central Node memory per idle agent", Unit: "KiB"},
		},
		turn: func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
			n := w.scaled(agents)
			proxy, central, err := w.memory(s)
			if err != nil {
				return nil, err
			}
			all, err := s.Fleet(ctx, n)
			if err != nil {
				return nil, err
			}
			defer site.Disband(all)
			if err := load.Pause(ctx, idleWait); err != nil {
				return nil, err
			}
			proxyFull, centralFull, err := w.memory(s)
			if err != nil {
				return nil, err
			}
			values := map[string]float64{"central": (centralFull - central) / float64(n)}
			if s.Proxy != nil {
				values["proxy"], values["total"] = (proxyFull-proxy)/float64(n), proxyFull/1024
			}
			return values, nil
		},
	}
}

// memory is the PSS of proxy and Central Node in KiB.
func (w *world) memory(s *site.Subject) (proxy, central float64, err error) {
	u, err := w.central.Usage()
	if err != nil || s.Proxy == nil {
		return 0, u.PSS, err
	}
	p, err := s.Proxy.Usage()
	return p.PSS, u.PSS, err
}

package main

import (
	"context"
	"errors"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
)

const (
	goodRate     = 1000 // requests a second of the good agents
	goodRequests = 25   // of each good agent, without and beside each attack
	attackBegins = 2 * time.Second
)

// besides is what good agents notice of those who are not.
func besides() *measure {
	m := &measure{
		name:   "attacks",
		about:  "100 good agents with 1,000 small requests a second in all, without and beside each attack; attackers have an address of their own and the lowest priority",
		rounds: 2, without: []string{site.Direct, site.Nginx, site.Stunnel},
	}
	for _, a := range attacks() {
		m.metrics = append(m.metrics,
			report.Metric{Key: a.name + " times", What: a.about + ": p99 of good agents, times that without", Goal: "<= 1.25"},
			report.Metric{Key: a.name + " p99", What: "p99 of good agents beside it", Unit: "ms"},
			report.Metric{Key: a.name + " cpu", What: "proxy CPU beside it", Unit: "cores"},
			report.Metric{Key: a.name + " memory", What: "proxy memory beside it", Unit: "MiB"},
		)
	}
	m.turn = func(ctx context.Context, w *world, s *site.Subject) (map[string]float64, error) {
		values := make(map[string]float64)
		for _, a := range attacks() {
			if err := w.suffer(ctx, s, a, values); err != nil {
				return nil, err
			}
		}
		return values, nil
	}
	return m
}

// suffer measures good agents without and beside one attack.
func (w *world) suffer(ctx context.Context, s *site.Subject, a attack, values map[string]float64) (err error) {
	agents, err := s.Fleet(ctx, smallAgents)
	if err != nil {
		return err
	}
	defer site.Disband(agents)
	if err := w.settle(ctx, s); err != nil {
		return err
	}
	n := w.scaled(goodRequests)
	play := paced(time.Second * smallAgents / goodRate)
	without, err := playAll(ctx, agents, n, play)
	if err != nil {
		return err
	}
	bad, err := startAttack(a, w.certs, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bad.End()) }()
	if err := load.Pause(ctx, attackBegins); err != nil {
		return err
	}
	before, err := w.processors(s)
	if err != nil {
		return err
	}
	began := time.Now()
	beside, err := playAll(ctx, agents, n, play)
	if err != nil {
		return err
	}
	took := time.Since(began)
	after, err := w.processors(s)
	if err != nil {
		return err
	}
	memory, _, err := w.memory(s)
	if err != nil {
		return err
	}
	_, quiet, _ := load.Percentiles(without)
	_, attacked, _ := load.Percentiles(beside)
	values[a.name+" times"], values[a.name+" p99"] = attacked/quiet, attacked
	values[a.name+" cpu"], values[a.name+" memory"] = (after.proxy-before.proxy).Seconds()/took.Seconds(), memory/1024
	return nil
}

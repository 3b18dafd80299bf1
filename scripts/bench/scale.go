package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/scripts/bench/load"
)

// How agents behave: a package every 30 s, as the documented default has it, of
// 32 events.
const (
	scalePeriod = 30 * time.Second
	scaleEvents = 32
	scaleDials  = 512 // connections that are being made at once
	scaleStorms = 2
	sampleEvery = 2 * time.Second
)

// scale measures the documented 1,000 agents behind one Sensor, and 10,000
// behind ten: steady for a while, then a restart of the Central Node. Agents
// show certificates, and validation is on.
func (b *bench) scale(ctx context.Context) error {
	for _, s := range []scaled{{sensors: 1, agents: 1000}, {sensors: 10, agents: 10_000}} {
		if err := b.scaleOver(ctx, s); err != nil {
			return fmt.Errorf("%d agents: %w", s.agents, err)
		}
	}
	return nil
}

// scaled is a set-up of the size of a company.
type scaled struct {
	sensors, agents int
	identities      []*pki.Pair
}

func (s scaled) what(text string) string {
	return fmt.Sprintf("%d agents, %d Sensors: %s", s.agents, s.sensors, text)
}

func (b *bench) scaleOver(ctx context.Context, s scaled) (err error) {
	n, err := b.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.End()) }()
	for i := range s.sensors {
		if err := b.addSensor(ctx, n); err != nil {
			return err
		}
		identity, err := n.Identity(fmt.Sprintf("branch-%d", i))
		if err != nil {
			return err
		}
		s.identities = append(s.identities, identity)
	}
	if err := n.Command(nil, "agent-certificate", "validation", "on", "--yes"); err != nil {
		return err
	}
	if err := b.list(ctx, n, s); err != nil {
		return err
	}
	if err := b.steady(ctx, n, s); err != nil {
		return err
	}
	return b.storm(ctx, n, s)
}

// play starts agents and waits until each has had an answer.
func (s scaled) play(ctx context.Context, c simulate.Config) (*playing, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &playing{ready: make(chan struct{}), cancel: cancel, ended: make(chan struct{})}
	c.Agents, c.Identities, c.Dials, c.Ready = s.agents, s.identities, scaleDials, func() { close(p.ready) }
	go func() {
		defer close(p.ended)
		p.did, p.err = simulate.Run(ctx, c)
	}()
	if err := p.connected(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// steady measures what a while of ordinary work takes.
func (b *bench) steady(ctx context.Context, n *node, s scaled) error {
	central, err := watchEmpty("Central Node", n.Daemon)
	if err != nil {
		return err
	}
	branches, err := watchEmpty("all Sensors", n.sensors...)
	if err != nil {
		return err
	}
	both := []*watched{central, branches}
	c := n.fleet(s.agents)
	c.Rate, c.EventsPerPackage, c.Compress = scaleEvents/scalePeriod.Seconds(), scaleEvents, true
	began := time.Now()
	p, err := s.play(ctx, c)
	if err != nil {
		return err
	}
	defer p.stop()
	b.report("scale", s.what("all connected and synced"), time.Since(began).Seconds(), "s", "")
	keptBefore, err := n.Kept()
	if err != nil {
		return err
	}
	_, sentBefore, err := n.carried()
	if err != nil {
		return err
	}
	if err := errors.Join(central.begin(), branches.begin()); err != nil {
		return err
	}
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for over := time.After(b.steadyFor); over != nil; {
		select {
		case <-tick.C:
		case <-over:
			over = nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := errors.Join(central.look(), branches.look()); err != nil {
			return err
		}
	}
	kept, err := n.Kept()
	if err != nil {
		return err
	}
	carried, sent, err := n.carried()
	if err != nil {
		return err
	}
	var open [2]int
	for i, w := range both {
		if open[i], err = w.open(); err != nil {
			return err
		}
	}
	did := p.stop()
	packages := float64(did.Packages) / did.Seconds // a second
	b.report("scale", s.what("time of ordinary work"), b.steadyFor.Seconds(), "s", "")
	b.report("scale", s.what("connections at its end"), float64(carried), "", fmt.Sprint(s.agents))
	b.report("scale", s.what("reconnects"), float64(did.Reconnects), "", "0")
	b.failed(s, did)
	b.report("scale", s.what("packages acknowledged a second"), packages, "1/s", "")
	b.report("scale", s.what("package to its acknowledgement, p50"), did.LatencyP50, "ms", "")
	b.report("scale", s.what("package to its acknowledgement, p99"), did.LatencyP99, "ms", "")
	b.report("scale", s.what("package to its acknowledgement, max"), did.LatencyMax, "ms", "")
	for i, w := range both {
		b.report("scale", s.what(w.name+", CPU"), w.cores(), "cores", "")
		b.report("scale", s.what(w.name+", CPU for each package, with all that is done besides"), 1e6*w.cores()/packages, "us", "")
		b.report("scale", s.what(w.name+", memory without agents"), w.empty/1024, "MiB", "")
		b.report("scale", s.what(w.name+", memory at first"), w.first/1024, "MiB", "")
		b.report("scale", s.what(w.name+", memory at last"), w.last.RSS/1024, "MiB", "")
		b.report("scale", s.what(w.name+", memory at most"), w.most/1024, "MiB", "")
		b.report("scale", s.what(w.name+", memory for each agent at last"), (w.last.RSS-w.empty)/float64(s.agents), "KiB", "")
		b.report("scale", s.what(w.name+", open descriptors"), float64(open[i]), "", "")
		b.report("scale", s.what(w.name+", written to the disk"), w.written()/1e3, "kB/s", "")
	}
	events := packages * scaleEvents
	b.report("scale", s.what("sent by agents for each event, without TLS"), float64(sent-sentBefore)/central.span()/events, "B", "")
	b.report("scale", s.what("disk kept for each event"), float64(kept-keptBefore)/central.span()/events, "B", "")
	b.report("scale", s.what("disk written for each event"), central.written()/events, "B", "")
	return nil
}

// failed reports the requests of agents that failed, by reason.
func (b *bench) failed(s scaled, did *simulate.Summary) {
	all := uint64(0)
	for _, code := range slices.Sorted(maps.Keys(did.Faults)) {
		all += did.Faults[code]
		b.report("scale", s.what("requests that failed, "+code), float64(did.Faults[code]), "", "0")
	}
	b.report("scale", s.what("requests that failed, in all"), float64(all), "", "0")
}

// carried counts the agents' connections that the Sensors carry, and the bytes
// that these have sent.
func (n *node) carried() (agents int, bytes uint64, err error) {
	for _, s := range n.sensors {
		var l acts.Link
		if err := s.Command(&l, "link", "status"); err != nil {
			return 0, 0, err
		}
		agents, bytes = agents+l.Ingress.Agents, bytes+l.Ingress.Bytes
	}
	return agents, bytes, nil
}

// storm restarts the Central Node under agents that have nothing to say and
// notice at once, and under such that have, whose packages are counted.
func (b *bench) storm(ctx context.Context, n *node, s scaled) error {
	idle := n.fleet(s.agents)
	idle.Idle = true
	if err := b.storms(ctx, n, s, "idle", idle, func() <-chan struct{} { return n.allBack(ctx, s.agents) }); err != nil {
		return err
	}
	// One event a package, so that what was acknowledged can be compared.
	seen := newAcknowledged()
	busy := n.fleet(s.agents)
	busy.Rate, busy.EventsPerPackage, busy.Timeout, busy.Acks = 1/scalePeriod.Seconds(), 1, 10*time.Second, seen
	if err := b.storms(ctx, n, s, fmt.Sprintf("each with a package every %s", scalePeriod), busy, func() <-chan struct{} { return seen.await(s.agents) }); err != nil {
		return err
	}
	lost, err := seen.lost(n)
	if err != nil {
		return err
	}
	b.report("scale", s.what("packages acknowledged around the restarts"), float64(len(seen.packages)), "", "")
	b.report("scale", s.what("of these lost"), float64(lost), "", "0")
	return nil
}

// storms restarts the Central Node some times under one fleet.
func (b *bench) storms(ctx context.Context, n *node, s scaled, kind string, c simulate.Config, await func() <-chan struct{}) error {
	p, err := s.play(ctx, c)
	if err != nil {
		return err
	}
	defer p.stop()
	var slowest, peak, spent, memory, branches float64
	for range scaleStorms {
		back, cpu, most, err := n.restart(ctx, await)
		if err != nil {
			return fmt.Errorf("agents are %s: %w", kind, err)
		}
		after, err := n.Usage()
		if err != nil {
			return err
		}
		branches = 0
		for _, sensor := range n.sensors {
			u, err := sensor.Usage()
			if err != nil {
				return err
			}
			branches += u.Peak
		}
		slowest, peak, spent, memory = max(slowest, back.Seconds()), max(peak, most), max(spent, cpu.Seconds()), max(memory, after.Peak)
	}
	what := func(text string) string { return s.what("restart of the Central Node, agents " + kind + ": " + text) }
	b.report("scale", what("until all are back, max"), slowest, "s", "")
	b.report("scale", what("its CPU until then, max"), spent, "s", "")
	b.report("scale", what("its CPU in the busiest 200 ms"), peak, "cores", "")
	b.report("scale", what("its memory at most"), memory/1024, "MiB", "")
	b.report("scale", what("all Sensors, memory at most since they began"), branches/1024, "MiB", "")
	return nil
}

// allBack returns what is closed when the Sensors carry so many agents again.
// The Central Node is down when it is called, so they carry nobody. One Sensor
// after the other is asked until it has its part, so that asking costs little.
func (n *node) allBack(ctx context.Context, agents int) <-chan struct{} {
	all := make(chan struct{})
	go func() {
		for _, s := range n.sensors {
			var l acts.Link
			for s.Command(&l, "link", "status") != nil || l.Ingress.Agents < agents/len(n.sensors) {
				if load.Pause(ctx, sampleEvery/10) != nil {
					return
				}
			}
		}
		close(all)
	}()
	return all
}

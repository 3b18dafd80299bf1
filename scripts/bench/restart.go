package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

const (
	restartAgents = 1000
	restartRounds = 3
	cpuWindow     = 200 * time.Millisecond
	backWithin    = 5 * time.Minute
)

// restart measures how 1,000 agents behind a Sensor come back after the
// Central Node was restarted, and counts the events that it lost.
func (b *bench) restart(ctx context.Context) (err error) {
	n, err := b.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.End()) }()
	if err := b.addSensor(ctx, n); err != nil {
		return err
	}
	seen := newAcknowledged()
	fleet, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan struct{}), make(chan error, 1)
	c := n.fleet(restartAgents)
	c.Rate, c.EventsPerPackage, c.Timeout, c.Acks, c.Ready = 0.5, 1, 10*time.Second, seen, func() { close(ready) }
	go func() { _, err := simulate.Run(fleet, c); ended <- err }()
	select {
	case <-ready:
	case err := <-ended:
		return errors.Join(errors.New("the agents have ended"), err)
	}
	var slowest, peak, spent float64
	for range restartRounds {
		back, cpu, most, err := n.restart(ctx, func() <-chan struct{} { return seen.await(restartAgents) })
		if err != nil {
			return err
		}
		slowest, peak, spent = max(slowest, back.Seconds()), max(peak, most), max(spent, cpu.Seconds())
	}
	stop()
	if err := <-ended; err != nil {
		return err
	}
	lost, err := seen.lost(n)
	if err != nil {
		return err
	}
	b.report("restart", "start of the Central Node to an answer for the last of 1,000 agents, max", slowest, "s", "")
	b.report("restart", "Central Node CPU until then, max", spent, "s", "")
	b.report("restart", "Central Node CPU, busiest 200 ms", peak, "cores", "")
	b.report("restart", "acknowledged packages", float64(len(seen.packages)), "", "")
	b.report("restart", "acknowledged packages that are lost", float64(lost), "", "0")
	return nil
}

// restart ends the Central Node and starts it again, and waits until all are
// back: await is called when it is down, and what it returns is closed then.
// most is the busiest window's share.
func (n *node) restart(ctx context.Context, await func() <-chan struct{}) (back, cpu time.Duration, most float64, err error) {
	if err := load.Pause(ctx, 3*time.Second); err != nil {
		return 0, 0, 0, err
	}
	if err := n.Daemon.End(); err != nil {
		return 0, 0, 0, err
	}
	began := time.Now()
	all := await()
	if err := n.Start(ctx); err != nil {
		return 0, 0, 0, err
	}
	tick := time.NewTicker(cpuWindow)
	defer tick.Stop()
	last := began
	late := time.After(backWithin)
	for {
		select {
		case <-all:
			back = time.Since(began)
			all = nil
		case <-tick.C:
		case <-late:
			return 0, 0, 0, fmt.Errorf("not all agents are back within %s", backWithin)
		case <-ctx.Done():
			return 0, 0, 0, ctx.Err()
		}
		used, err := process.CPU(n.PID())
		if err != nil {
			return 0, 0, 0, err
		}
		// What is left of a window at the end says little.
		if span := time.Since(last); span > cpuWindow/2 {
			most = max(most, (used-cpu).Seconds()/span.Seconds())
			cpu, last = used, time.Now()
		}
		if all == nil {
			return back, used, most, nil
		}
	}
}

// acked is a package that was acknowledged.
type acked struct {
	agent string
	seq   uint64
}

func newAcknowledged() *acknowledged {
	return &acknowledged{since: time.Now(), packages: make(map[acked]bool)}
}

// acknowledged takes the lines of simulate.Config.Acks.
type acknowledged struct {
	since    time.Time // what came before is of no matter
	mu       sync.Mutex
	packages map[acked]bool
	missing  int             // agents that somebody waits for
	back     map[string]bool // those that have come
	all      chan struct{}
}

func (a *acknowledged) Write(p []byte) (int, error) {
	var k acked
	var queue string
	var events int
	if _, err := fmt.Sscan(string(p), &k.agent, &queue, &k.seq, &events); err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.packages[k] = true
	if a.missing > 0 && !a.back[k.agent] {
		a.back[k.agent] = true
		if a.missing--; a.missing == 0 {
			close(a.all)
		}
	}
	return len(p), nil
}

// await returns what is closed when so many agents have had an acknowledgement
// from now on.
func (a *acknowledged) await(agents int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.missing, a.back, a.all = agents, make(map[string]bool), make(chan struct{})
	return a.all
}

// lost counts the acknowledged packages that the Central Node does not have.
func (a *acknowledged) lost(n *node) (int, error) {
	since := time.Since(a.since).Truncate(time.Second) + time.Second
	out, err := n.Output("event", "list", "--since", since.String(), "--limit", "10000000", "--output", "jsonl")
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := make(map[acked]bool, len(a.packages))
	for k := range a.packages {
		missing[k] = true
	}
	for line := range strings.Lines(string(out)) {
		var e acts.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return 0, err
		}
		delete(missing, acked{e.Agent.ID, e.Vedette.Seq})
	}
	return len(missing), nil
}

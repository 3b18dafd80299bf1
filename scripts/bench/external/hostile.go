package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/agent/uplink"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
)

// hostile is what ordinary callers notice of those who are not.
type hostile struct{}

const (
	hostileWindow = 1500 * time.Millisecond

	goodAgents   = 20
	goodPackages = 20 // a second of each
	goodEvents   = 8  // in a package
	goodCallers  = 10 // of a system
	goodObjects  = 40 // a second of each
)

func (hostile) what(o options) (report.Measure, int) {
	m := report.Measure{
		Name: "hostile", Subjects: []string{ours}, Ours: ours,
		About: fmt.Sprintf("%d agents with %d packages a second in all, and %d connections of an ordinary system with %d objects of 1 KiB a second in all, without and right after it beside each attack. "+
			"Attackers have an address of their own and the lowest priority of the processor", goodAgents, goodAgents*goodPackages, goodCallers, goodCallers*goodObjects),
	}
	for _, a := range attacks() {
		m.Metrics = append(m.Metrics,
			report.Metric{Key: a.name + "agents", What: a.about + ": p99 of agents' packages, times that without", Goal: "<= 1.25"},
			report.Metric{Key: a.name + "system", What: "p99 of the system's objects, times that without", Goal: "<= 1.25"},
			report.Metric{Key: a.name + "agents99", What: "p99 of agents' packages", Unit: "ms"},
			report.Metric{Key: a.name + "system99", What: "p99 of the system's objects", Unit: "ms"},
			report.Metric{Key: a.name + "cpu", What: "Central Node CPU that it costs", Unit: "cores"},
			report.Metric{Key: a.name + "rss", What: "Central Node RSS", Unit: "MiB"},
		)
	}
	return m, o.Rounds
}

func (hostile) begin(ctx context.Context, c *certificates, o options) (report.Turn, func() error, error) {
	n, err := startNode(ctx, c, o, "", firstStore, badSystem)
	if err != nil {
		return nil, nil, err
	}
	return func(string) (map[string]float64, error) {
		values := make(map[string]float64)
		for _, a := range attacks() {
			if err := n.suffer(ctx, a, o, values); err != nil {
				return nil, fmt.Errorf("%s: %w", a.about, err)
			}
		}
		return values, nil
	}, n.End, nil
}

// suffer measures ordinary callers without and beside one attack.
func (n *node) suffer(ctx context.Context, a play, o options, values map[string]float64) error {
	callers, err := n.calls(ctx, goodCallers, n.certs.systems[firstStore])
	if err != nil {
		return err
	}
	defer dropAll(callers)
	agents, err := n.agents(ctx, goodAgents)
	if err != nil {
		return err
	}
	defer dismiss(agents)
	window := o.window(hostileWindow)
	quiet, err := n.good(ctx, agents, callers, window)
	if err != nil {
		return err
	}
	return n.beside(ctx, a.name, func() error {
		beside, err := n.good(ctx, agents, callers, window)
		if err != nil {
			return err
		}
		values[a.name+"agents"], values[a.name+"system"] = beside.agents/quiet.agents, beside.system/quiet.system
		values[a.name+"agents99"], values[a.name+"system99"] = beside.agents, beside.system
		values[a.name+"cpu"], values[a.name+"rss"] = beside.cores-quiet.cores, beside.rss
		return n.forget(ctx, firstStore)
	})
}

// noticed is what ordinary callers notice, and what the Central Node uses
// meanwhile.
type noticed struct {
	agents, system float64 // p99 in ms
	cores          float64
	rss            float64 // MiB
}

// good lets ordinary callers do what they do.
func (n *node) good(ctx context.Context, agents []*agent, callers []*caller, d time.Duration) (out noticed, err error) {
	before, err := n.Usage()
	if err != nil {
		return out, err
	}
	began := time.Now()
	if out.agents, out.system, err = call(ctx, agents, callers, d); err != nil {
		return out, err
	}
	took := time.Since(began)
	after, err := n.Usage()
	out.cores, out.rss = (after.CPU-before.CPU).Seconds()/took.Seconds(), after.RSS/1024
	return out, err
}

// call has agents and a system call for a while, and returns their p99.
func call(ctx context.Context, agents []*agent, callers []*caller, d time.Duration) (agents99, system99 float64, err error) {
	var mu sync.Mutex // guards what follows
	var packages, objects []time.Duration
	mark := rand.Uint32() // no scan ID twice
	err = load.Spread(ctx, len(agents)+len(callers), len(agents)+len(callers), func(ctx context.Context, i int) error {
		every, into, do := time.Second/goodPackages, &packages, func(int) error { return agents[i].send(ctx) }
		if i >= len(agents) {
			c := callers[i-len(agents)]
			every, into = time.Second/goodObjects, &objects
			do = func(k int) error {
				return c.submit(object{scanID: fmt.Sprintf("good-%x-%d-%d", mark, i, k), size: 1 << 10})
			}
		}
		took, err := paced(ctx, every, d, do)
		mu.Lock()
		defer mu.Unlock()
		*into = append(*into, took...)
		return err
	})
	_, agents99, _ = load.Percentiles(packages)
	_, system99, _ = load.Percentiles(objects)
	return agents99, system99, err
}

// paced does something every so often, from a moment of its own on. A doing's
// time counts from when it was due, if the one before it was late.
func paced(ctx context.Context, every, d time.Duration, do func(int) error) (took []time.Duration, err error) {
	due := time.Now()
	ends := due.Add(d)
	due = due.Add(rand.N(every))
	for i := 0; due.Before(ends); i++ {
		from := due
		if wait := time.Until(due); wait > 0 {
			if err := load.Pause(ctx, wait); err != nil {
				return took, err
			}
			from = time.Now()
		}
		if err := do(i); err != nil {
			return took, err
		}
		took = append(took, time.Since(from))
		due = due.Add(every)
	}
	return took, nil
}

// agent is an Endpoint Agent that sends packages.
type agent struct {
	client    *uplink.Client
	id, queue string
	seq       uint64
}

// agentTimeout is that of real agents.
const agentTimeout = 10 * time.Second

// agents connects Endpoint Agents.
func (n *node) agents(ctx context.Context, count int) ([]*agent, error) {
	out := make([]*agent, count)
	for i := range out {
		out[i] = &agent{
			client: uplink.NewClient(uplink.ClientOptions{Address: n.address, Pins: pki.PinTo(n.pin), Timeout: agentTimeout}),
			id:     fmt.Sprintf("%032x", rand.Uint64()), queue: fmt.Sprintf("%032x", rand.Uint64()),
		}
	}
	err := load.Spread(ctx, 8, count, func(ctx context.Context, i int) error {
		a := out[i]
		_, err := a.client.Sync(ctx, &agentv1.SyncRequest{
			AgentId: a.id, QueueId: a.queue, State: &agentv1.AgentState{Clock: timestamppb.Now()},
			Host: &agentv1.Host{Name: "bench-" + a.id[16:], OsFamily: "linux", OsName: "Benchmark", OsVersion: "1", AgentVersion: "bench", Collector: "proc-connector"},
		})
		return err
	})
	if err != nil {
		dismiss(out)
		return nil, err
	}
	return out, nil
}

func dismiss(agents []*agent) {
	for _, a := range agents {
		a.client.Close()
	}
}

// send sends a package and returns when it is durable.
func (a *agent) send(ctx context.Context) error {
	a.seq++
	p := &agentv1.SendEventsRequest{AgentId: a.id, QueueId: a.queue, Seq: a.seq}
	for range goodEvents {
		p.Events = append(p.Events, &agentv1.Event{Id: fmt.Sprintf("%032x", rand.Uint64()), Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
			Pid: rand.Uint32N(1 << 22), Executable: "/usr/bin/true", Args: []string{"/usr/bin/true"}, UserId: "1000", WorkingDirectory: "/",
		}}})
	}
	answer, err := a.client.SendEvents(ctx, p)
	if err == nil && answer.GetDurableSeq() < a.seq {
		err = errors.New("acknowledged, but not durable")
	}
	return err
}

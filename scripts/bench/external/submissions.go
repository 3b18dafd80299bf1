package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
	"vedette/scripts/bench/report"
)

// submissions is objects of one size, submitted as fast as they are taken.
type submissions struct {
	name             string
	size             int64
	callers, objects int
}

func (m submissions) what(o options) (report.Measure, int) {
	against := []report.Aim{report.To(plain, "", ""), report.To(dav, "", "")}
	return report.Measure{
		Name: m.name, Subjects: o.Subjects, Ours: ours,
		About: fmt.Sprintf("%d objects of %d KiB from %d callers of %d systems, each submits again as soon as it hears OK. centralnode: object and record are durable at OK, hashed, and scanned while others arrive. "+
			"plain: written to a file, file and name synced. nginx: PUT into a file, synced never", o.scaled(m.objects), m.size>>10, m.callers, storeSystems),
		Metrics: []report.Metric{
			{Key: "rate", What: "submissions", Unit: "1/s", Aims: against},
			{Key: "bytes", What: "throughput", Unit: "MB/s"},
			{Key: "p50", What: "answer, p50", Unit: "ms"},
			{Key: "p99", What: "answer, p99", Unit: "ms", Aims: against},
			{Key: "cpu", What: "CPU for each", Unit: "CPU-ms", Aims: against},
			{Key: "client", What: "CPU of the load for each", Unit: "CPU-ms"},
			{Key: "verdicts", What: "last OK to last verdict", Unit: "ms"},
			{Key: "busy", What: "cores kept busy by all", Unit: ""},
		},
	}, o.Rounds
}

// Nobody is to be told to come later.
const wideOpen = "[scan]\nin_flight = 100000\nin_flight_per_system = 100000\n"

func (m submissions) begin(ctx context.Context, c *certificates, o options) (report.Turn, func() error, error) {
	subjects := make(map[string]*subject)
	end := func() error {
		var errs []error
		for _, s := range subjects {
			errs = append(errs, s.process.End())
		}
		return errors.Join(errs...)
	}
	for _, name := range o.Subjects {
		s, err := startSubject(ctx, name, c, o, wideOpen, from(firstStore, storeSystems)...)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("start %s: %w", name, err), end())
		}
		subjects[name] = s
		warm := m
		warm.objects = m.callers
		if _, err := warm.turn(ctx, c, s, warm.objects, 0); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("warm up %s: %w", name, err), end())
		}
	}
	number := 0
	return func(name string) (map[string]float64, error) {
		number++
		return m.turn(ctx, c, subjects[name], o.scaled(m.objects), number)
	}, end, nil
}

// turn submits objects to one subject, and sees to it that all of them are there.
func (m submissions) turn(ctx context.Context, c *certificates, s *subject, objects, number int) (map[string]float64, error) {
	systems := c.systems[firstStore : firstStore+storeSystems]
	callers, err := s.calls(ctx, m.callers, systems...)
	if err != nil {
		return nil, err
	}
	defer dropAll(callers)
	settle()
	before, err := usage(s.process)
	if err != nil {
		return nil, err
	}
	free := make(chan *caller, len(callers))
	for _, one := range callers {
		free <- one
	}
	took := make([]time.Duration, objects)
	began := time.Now()
	err = load.Spread(ctx, len(callers), objects, func(_ context.Context, i int) error {
		one := <-free
		defer func() { free <- one }()
		began := time.Now()
		err := one.submit(object{scanID: fmt.Sprintf("%s-%d-%d", m.name, number, i), size: m.size})
		took[i] = time.Since(began)
		return err
	})
	wall := time.Since(began)
	if err != nil {
		return nil, err
	}
	values, err := s.took(ctx, callers[:storeSystems], objects)
	if err != nil {
		return nil, err
	}
	after, err := usage(s.process)
	if err != nil {
		return nil, err
	}
	n := float64(objects)
	values["rate"], values["bytes"] = n/wall.Seconds(), n*float64(m.size)/1e6/wall.Seconds()
	values["p50"], values["p99"], _ = load.Percentiles(took)
	cpu, client := after.subject-before.subject, after.load-before.load
	values["cpu"], values["client"] = 1000*cpu.Seconds()/n, 1000*client.Seconds()/n
	values["busy"] = (cpu + client).Seconds() / (wall.Seconds() + values["verdicts"]/1000)
	return values, nil
}

// took sees to it that what was submitted is there, and at ours that it was
// scanned, and removes it. Callers are one of each system.
func (s *subject) took(ctx context.Context, callers []*caller, want int) (map[string]float64, error) {
	values := make(map[string]float64)
	have := 0
	if s.node == nil {
		var err error
		if have, err = s.files(); err != nil {
			return nil, err
		}
	} else {
		began := time.Now()
		for _, c := range callers {
			if err := c.judged(ctx); err != nil {
				return nil, err
			}
		}
		values["verdicts"] = 1000 * time.Since(began).Seconds()
		for _, c := range callers {
			states, err := c.verdicts()
			if err != nil {
				return nil, err
			}
			have += states["not detected"]
			if err := c.forget(); err != nil {
				return nil, err
			}
		}
	}
	if have != want {
		return nil, fmt.Errorf("%d objects were taken, %d are there as they should be", want, have)
	}
	return values, nil
}

// judged waits until everything of the system has a verdict.
func (c *caller) judged(ctx context.Context) error {
	for {
		waits, err := c.waiting("")
		if err != nil || !waits {
			return err
		}
		if err := load.Pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// used is processor time so far.
type used struct{ subject, load time.Duration }

func usage(p *process.Process) (u used, err error) {
	total, err := p.Usage()
	if err != nil {
		return u, err
	}
	u.subject = total.CPU
	u.load, err = process.CPU(os.Getpid())
	return u, err
}

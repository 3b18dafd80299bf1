package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
	"vedette/scripts/bench/site"
)

// spent is what a load cost.
type spent struct {
	wall                   time.Duration
	proxy, central, client time.Duration // processor time
	site.Counts                          // that the Central Node took
}

// processors is the processor time so far of proxy, Central Node and this
// process, which plays the agents.
func (w *world) processors(s *site.Subject) (p spent, err error) {
	if s.Proxy != nil {
		u, err := s.Proxy.Usage()
		if err != nil {
			return p, err
		}
		p.proxy = u.CPU
	}
	if p.central, err = process.CPU(w.central.PID()); err != nil {
		return p, err
	}
	p.client, err = process.CPU(os.Getpid())
	return p, err
}

// spend measures a load. It waits before and after until nothing moves any
// more, and checks that the Central Node took exactly what was sent.
func (w *world) spend(ctx context.Context, s *site.Subject, load func() (site.Counts, error)) (spent, error) {
	if err := w.settle(ctx, s); err != nil {
		return spent{}, err
	}
	tookBefore, err := w.central.Counts()
	if err != nil {
		return spent{}, err
	}
	before, err := w.processors(s)
	if err != nil {
		return spent{}, err
	}
	began := time.Now()
	sent, err := load()
	wall := time.Since(began)
	if err != nil {
		return spent{}, err
	}
	if err := w.settle(ctx, s); err != nil {
		return spent{}, err
	}
	after, err := w.processors(s)
	if err != nil {
		return spent{}, err
	}
	took, err := w.central.Counts()
	if err != nil {
		return spent{}, err
	}
	took = site.Counts{Requests: took.Requests - tookBefore.Requests, Bytes: took.Bytes - tookBefore.Bytes}
	if took != sent {
		return spent{}, fmt.Errorf("%+v were sent through %s, %+v came", sent, s.Name, took)
	}
	return spent{wall, after.proxy - before.proxy, after.central - before.central, after.client - before.client, took}, nil
}

const (
	still      = 30 * time.Millisecond
	stillShare = 0.02 // of a core
	stillAfter = 3 * time.Second
)

// settle waits until proxy and Central Node have almost nothing to do, or for
// stillAfter.
func (w *world) settle(ctx context.Context, s *site.Subject) error {
	last, err := w.processors(s)
	for deadline := time.Now().Add(stillAfter); err == nil && time.Now().Before(deadline); {
		if err := load.Pause(ctx, still); err != nil {
			return err
		}
		var now spent
		now, err = w.processors(s)
		if used := now.proxy + now.central - last.proxy - last.central; used.Seconds() < stillShare*still.Seconds() {
			return err
		}
		last = now
	}
	return err
}

// busy is how many cores proxy, Central Node and agents kept busy together.
// When these are all that the machine has, a rate says what the whole costs
// and not what the proxy could do alone.
func (p spent) busy() float64 {
	return (p.proxy + p.central + p.client).Seconds() / p.wall.Seconds()
}

// each is processor time for each of n things, in microseconds.
func each(cpu time.Duration, n int64) float64 { return float64(cpu.Nanoseconds()) / 1e3 / float64(n) }

// perGB is processor seconds for 10^9 bytes.
func perGB(cpu time.Duration, bytes int64) float64 { return cpu.Seconds() / (float64(bytes) / 1e9) }

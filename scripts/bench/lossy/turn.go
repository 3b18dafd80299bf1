package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/site"
)

// The load of a turn.
const (
	pouring   = 8  // agents that upload without end
	talking   = 50 // agents with small requests
	talkEvery = 500 * time.Millisecond
	comeEvery = 50 * time.Millisecond
	// patience is how long an answer is waited for.
	patience = 20 * time.Second
)

// tally is what agents with small requests noticed. Times are of requests that
// were begun within the window.
type tally struct {
	mu       sync.Mutex
	kept     []time.Duration // on kept connections
	first    []time.Duration // on new ones
	answered int64           // all of them, window or not
	failed   int
}

// note notes an answer to a request that was begun, or that none came.
func (t *tally) note(into *[]time.Duration, began, from, to time.Time, err error) {
	took := time.Since(began)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.answered++
	}
	if began.Before(from) || !began.Before(to) {
		return
	}
	if err != nil {
		t.failed++
		took = max(took, patience)
	}
	*into = append(*into, took)
}

// turn puts the load on a subject and measures it for the window. The load goes
// on until what was begun in the window is answered or given up.
func (w *world) turn(ctx context.Context, s *site.Subject, control string) (_ map[string]float64, err error) {
	if err := w.quiet(ctx); err != nil {
		return nil, err
	}
	if err := w.leave(ctx, s); err != nil {
		return nil, err
	}
	before, err := w.central.Counts()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	from := began.Add(w.warm)
	to := from.Add(w.window)
	loadCtx, stop := context.WithCancel(ctx)
	defer stop()
	var poured atomic.Int64
	var t tally
	var large, small sync.WaitGroup
	for i := range pouring {
		large.Go(func() { w.pour(loadCtx, s, i, &poured) })
	}
	for i := range talking {
		small.Go(func() { w.talk(ctx, s, i, from, to, began, &t) })
	}
	small.Go(func() { w.come(ctx, s, from, to, began, &t) })
	window, err := w.watch(ctx, s, control, from, to)
	small.Wait()
	stop()
	large.Wait()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	if err := w.quiet(ctx); err != nil {
		return nil, err
	}
	after, err := w.central.Counts()
	if err != nil {
		return nil, err
	}
	// A request that was given up may have been taken all the same.
	took, arrived := after.Requests-before.Requests, after.Arrived-before.Arrived
	if took < t.answered || took > t.answered+int64(t.failed+talking) && t.failed > 0 || took != t.answered && t.failed == 0 {
		return nil, fmt.Errorf("%d requests were answered through %s, %d failed, %d came", t.answered, s.Name, t.failed, took)
	}
	if most := poured.Load() + took*site.SmallBody; arrived > most {
		return nil, fmt.Errorf("%d bytes were sent through %s, %d came", most, s.Name, arrived)
	}
	if len(t.first) == 0 || len(t.kept) == 0 {
		return nil, fmt.Errorf("nothing was answered through %s", s.Name)
	}
	p50, p99, _ := load.Percentiles(t.kept)
	first50, first99, _ := load.Percentiles(t.first)
	return map[string]float64{
		"goodput": float64(window.arrived) * 8 / 1e6 / window.length.Seconds(), "wire": float64(window.crossed) / float64(max(1, window.arrived)),
		"p50": p50, "p99": p99, "first50": first50, "first99": first99, "failed": float64(t.failed),
	}, nil
}

// span is what happened in a window.
type span struct {
	arrived int64 // bytes of bodies at the Central Node
	crossed uint64
	length  time.Duration
}

// watch measures the window, and reads the congestion control back in its middle.
func (w *world) watch(ctx context.Context, s *site.Subject, control string, from, to time.Time) (span, error) {
	look := func() (c site.Counts, crossed uint64, at time.Time, err error) {
		if c, err = w.central.Counts(); err != nil {
			return c, 0, at, err
		}
		at = time.Now()
		forth, _, err := w.link.Counts()
		return c, forth.All().Bytes, at, err
	}
	if err := load.Pause(ctx, time.Until(from)); err != nil {
		return span{}, err
	}
	c0, crossed0, at0, err := look()
	if err != nil {
		return span{}, err
	}
	if err := load.Pause(ctx, time.Until(from.Add(to.Sub(from)/2))); err != nil {
		return span{}, err
	}
	if err := w.inForce(ctx, s, control); err != nil {
		return span{}, err
	}
	if err := load.Pause(ctx, time.Until(to)); err != nil {
		return span{}, err
	}
	c1, crossed1, at1, err := look()
	return span{c1.Arrived - c0.Arrived, crossed1 - crossed0, at1.Sub(at0)}, err
}

// pour uploads until ctx ends. A connection that breaks is made anew.
func (w *world) pour(ctx context.Context, s *site.Subject, number int, sent *atomic.Int64) {
	for ctx.Err() == nil {
		a, err := s.Connect(ctx, number)
		if err != nil {
			continue
		}
		end := context.AfterFunc(ctx, a.Drop)
		n, err := a.Pour(ctx, site.Filler)
		sent.Add(n)
		if err != nil && ctx.Err() == nil {
			sent.Add(site.Record) // of the write that broke, some may have left
		}
		if end() {
			a.Drop()
		}
		if ctx.Err() != nil {
			sent.Add(int64(len(site.Filler)))
		}
	}
}

// talk sends small requests on a kept connection until the window's end.
func (w *world) talk(ctx context.Context, s *site.Subject, number int, from, to, began time.Time, t *tally) {
	var a *site.Agent
	defer func() {
		if a != nil {
			a.Drop()
		}
	}()
	for due := began.Add(talkEvery * time.Duration(number) / talking); ; {
		// One after the other: what was due while an answer was waited for is left
		// out, and not asked for later.
		for time.Until(due) < 0 {
			due = due.Add(talkEvery)
		}
		if !due.Before(to) || load.Pause(ctx, time.Until(due)) != nil {
			return
		}
		began := time.Now()
		ask := func() (err error) {
			if a == nil {
				if a, err = s.Connect(ctx, number); err != nil {
					return err
				}
			}
			if err := a.SetDeadline(began.Add(patience)); err != nil {
				return err
			}
			_, err = a.Post(site.SmallBody, site.Filler)
			return err
		}
		err := ask()
		t.note(&t.kept, began, from, to, err)
		if err != nil && a != nil {
			a.Drop()
			a = nil
		}
	}
}

// come has new agents connect, one request each, until the window's end.
func (w *world) come(ctx context.Context, s *site.Subject, from, to, began time.Time, t *tally) {
	var under sync.WaitGroup
	defer under.Wait()
	number := 0
	for due := began; due.Before(to); due = due.Add(comeEvery) {
		if load.Pause(ctx, time.Until(due)) != nil {
			return
		}
		number++
		under.Go(func() {
			since := time.Now()
			a, err := s.Connect(ctx, number)
			if err == nil {
				if err = a.SetDeadline(since.Add(patience)); err == nil {
					_, err = a.Post(site.SmallBody, site.Filler)
				}
				a.Drop()
			}
			t.note(&t.first, since, from, to, err)
		})
	}
}

// quiet waits until nothing arrives and the link carries next to nothing, for a
// bounded time: what a subject still holds of the turn before is thrown away.
func (w *world) quiet(ctx context.Context) error {
	const still, lately = 500 * time.Millisecond, 20e3 // bytes
	var last site.Counts
	var crossed uint64
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		c, err := w.central.Counts()
		if err != nil {
			return err
		}
		forth, back, err := w.link.Counts()
		if err != nil {
			return err
		}
		now := forth.All().Bytes + back.All().Bytes
		if c == last && now-crossed < lately {
			return nil
		}
		last, crossed = c, now
		if err := load.Pause(ctx, still); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"time"

	"vedette/scripts/bench/load"
)

// probes are objects that are followed from the call to the verdict.
type probes struct {
	answer  []time.Duration // call to OK
	verdict []time.Duration // OK to verdict, by asking again and again
}

const (
	probers   = 4
	probeSize = 10 << 10
	probeRest = 10 * time.Millisecond // between two objects of a prober
	probeLook = time.Millisecond      // between two questions
)

// probe has a system submit objects from several connections for a while. Each
// has an instance of its own, of which nothing but its object is under way.
func (n *node) probe(ctx context.Context, i int, name string, d time.Duration) (p probes, err error) {
	callers, err := n.calls(ctx, probers, n.certs.systems[i])
	if err != nil {
		return p, err
	}
	defer dropAll(callers)
	each := make([]probes, probers)
	ends := time.Now().Add(d)
	err = load.Spread(ctx, probers, probers, func(ctx context.Context, k int) error {
		instance := fmt.Sprint("prober-", k)
		for number := 0; time.Now().Before(ends); number++ {
			if err := each[k].one(ctx, callers[k], object{fmt.Sprintf("%s-%d", name, number), instance, probeSize}); err != nil {
				return err
			}
			if err := load.Pause(ctx, probeRest); err != nil {
				return err
			}
		}
		return nil
	})
	for _, e := range each {
		p.answer, p.verdict = append(p.answer, e.answer...), append(p.verdict, e.verdict...)
	}
	if err == nil && len(p.verdict) == 0 {
		err = fmt.Errorf("no object had a verdict within %s", d)
	}
	return p, err
}

func (p *probes) one(ctx context.Context, c *caller, o object) error {
	began := time.Now()
	if err := c.submit(o); err != nil {
		return err
	}
	taken := time.Now()
	p.answer = append(p.answer, taken.Sub(began))
	for {
		waits, err := c.waiting(o.instance)
		if err != nil {
			return err
		}
		if !waits {
			p.verdict = append(p.verdict, time.Since(taken))
			return nil
		}
		if err := load.Pause(ctx, probeLook); err != nil {
			return err
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vedette/agent/simulate"
	"vedette/scripts/bench/load"
)

// idle measures the Central Node's memory with agents that are connected and
// have nothing to say.
func (b *bench) idle(ctx context.Context) error {
	for _, agents := range []int{1000, 10_000} {
		n, err := b.startNode(ctx)
		if err != nil {
			return err
		}
		empty, err := n.Usage()
		if err != nil {
			return errors.Join(err, n.End())
		}
		started := time.Now()
		ready := make(chan time.Duration, 1)
		ended := make(chan error, 1)
		fleet, cancel := context.WithCancel(ctx)
		c := n.fleet(agents)
		c.Idle = true
		c.Ready = func() { ready <- time.Since(started) }
		go func() { _, err := simulate.Run(fleet, c); ended <- err }()
		var connected time.Duration
		select {
		case connected = <-ready:
		case <-time.After(5 * time.Minute):
			err = errors.New("the agents do not connect")
		case <-ctx.Done():
			err = ctx.Err()
		}
		// The collector gives memory back within its scavenger's pace.
		err = errors.Join(err, load.Pause(ctx, 15*time.Second))
		full, usageErr := n.Usage()
		cancel()
		if err := errors.Join(err, usageErr, <-ended, n.End()); err != nil {
			return err
		}
		with := fmt.Sprintf(", %d idle agents", agents)
		b.report("idle", "Central Node memory"+with, full.RSS/1024, "MiB", "")
		b.report("idle", "of it for each agent"+with, (full.RSS-empty.RSS)/float64(agents), "KiB", "")
		b.report("idle", "time until all had an answer"+with, connected.Seconds(), "s", "")
		b.report("idle", "Central Node CPU for each new agent"+with, float64((full.CPU-empty.CPU).Microseconds())/float64(agents), "us", "")
	}
	return nil
}

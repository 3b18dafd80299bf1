package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
	"vedette/pki"
)

const withdrawRounds = 7

// withdraw measures the time from the command to the last package taken, for a
// certificate that 1,000 live connections use while 1,000 others go on.
func (b *bench) withdraw(ctx context.Context) error {
	n, err := b.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = n.End() }() // its end is not what is measured
	stays, err := n.Identity("stays")
	if err != nil {
		return err
	}
	if err := n.Command(nil, "agent-certificate", "validation", "on", "--yes"); err != nil {
		return err
	}
	others, stop := context.WithCancel(ctx)
	defer stop()
	undisturbed := make(chan *simulate.Summary, 1)
	ready := make(chan struct{})
	go func() {
		c := n.fleet()
		c.Identities, c.Rate, c.EventsPerPackage, c.Ready = []*pki.Pair{stays}, 0.2, 1, func() { close(ready) }
		s, _ := simulate.Run(others, c)
		undisturbed <- s
	}()
	<-ready
	var taken, returned, inside []float64
	for round := range withdrawRounds {
		gone, err := n.Identity(fmt.Sprintf("gone-%d", round))
		if err != nil {
			return err
		}
		one, cancel := context.WithCancel(ctx)
		connected, ended := make(chan struct{}), make(chan *simulate.Summary, 1)
		go func() {
			c := n.fleet()
			c.Identities, c.Rate, c.EventsPerPackage, c.Ready = []*pki.Pair{gone}, 0.2, 1, func() { close(connected) }
			c.Backoff = 30 * time.Second
			s, _ := simulate.Run(one, c)
			ended <- s
		}()
		<-connected
		if err := pause(ctx, 3*time.Second); err != nil {
			cancel()
			return err
		}
		var done acts.Withdrawal
		began := time.Now()
		err = n.Command(&done, "agent-certificate", "delete", gone.Fingerprint().String(), "--yes")
		took := time.Since(began)
		err = errors.Join(err, pause(ctx, time.Second))
		cancel()
		s := <-ended
		if err != nil {
			return err
		}
		taken = append(taken, max(0, float64(s.LastAckMillis-began.UnixMilli())))
		returned = append(returned, float64(took.Microseconds())/1000)
		inside = append(inside, float64(done.Took.Microseconds())/1000)
	}
	stop()
	s := <-undisturbed
	for _, f := range []struct {
		what string
		of   []float64
	}{
		{"command to last package taken, 1,000 live connections", taken},
		{"command to its return, all cut", returned},
		{"of it inside the daemon", inside},
	} {
		slices.Sort(f.of)
		b.report("withdraw", f.what+", p50", f.of[len(f.of)/2], "ms", "<= 100")
		b.report("withdraw", f.what+", max", f.of[len(f.of)-1], "ms", "<= 1000")
	}
	b.report("withdraw", "reconnects of the 1,000 others", float64(s.Reconnects), "", "0")
	return nil
}

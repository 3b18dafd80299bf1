package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

const withdrawAgents = 1000

// withdraw measures the time from the command to the last package taken, for a
// certificate that 1,000 live connections use while 1,000 others go on.
func (b *bench) withdraw(ctx context.Context) error {
	for _, w := range []withdrawal{
		{way: "direct", rounds: 7},
		{way: "over 3 Sensors", sensors: 3, rounds: 7},
		{way: "over 3 Sensors, both cores busy", sensors: 3, rounds: 5, busy: 2},
	} {
		if err := b.withdrawOver(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", w.way, err)
		}
	}
	return nil
}

// withdrawal is a set-up in which a certificate is withdrawn again and again.
type withdrawal struct {
	way     string
	sensors int
	rounds  int
	busy    int // processes that do nothing but keep a core busy

	taken, returned, inside []float64 // ms
}

func (b *bench) withdrawOver(ctx context.Context, w withdrawal) (err error) {
	n, err := b.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.End()) }()
	for range w.sensors {
		if err := b.addSensor(ctx, n); err != nil {
			return err
		}
	}
	stays, err := n.Identity("stays")
	if err != nil {
		return err
	}
	if err := n.Command(nil, "agent-certificate", "validation", "on", "--yes"); err != nil {
		return err
	}
	others := n.play(ctx, stays)
	defer others.stop()
	if err := others.connected(ctx); err != nil {
		return err
	}
	for range w.busy {
		p, err := process.Start(exec.Command("yes"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.End()) }()
	}
	for round := range w.rounds {
		if err := w.round(ctx, n, fmt.Sprintf("gone-%d", round)); err != nil {
			return err
		}
	}
	s := others.stop()
	for _, f := range []struct {
		what string
		of   []float64
	}{
		{"command to last package taken", w.taken},
		{"command to its return, all cut", w.returned},
		{"of it inside the daemon", w.inside},
	} {
		slices.Sort(f.of)
		b.report("withdraw", w.way+": "+f.what+", p50", f.of[len(f.of)/2], "ms", "<= 100")
		b.report("withdraw", w.way+": "+f.what+", max", f.of[len(f.of)-1], "ms", "<= 1000")
	}
	b.report("withdraw", w.way+": reconnects of the 1,000 others", float64(s.Reconnects), "", "0")
	return nil
}

func (w *withdrawal) round(ctx context.Context, n *node, name string) error {
	gone, err := n.Identity(name)
	if err != nil {
		return err
	}
	f := n.play(ctx, gone)
	defer f.stop()
	if err := f.connected(ctx); err != nil {
		return err
	}
	if err := load.Pause(ctx, 3*time.Second); err != nil {
		return err
	}
	var done acts.Withdrawal
	began := time.Now()
	if err := n.Command(&done, "agent-certificate", "delete", gone.Fingerprint().String(), "--yes"); err != nil {
		return err
	}
	took := time.Since(began)
	if done.Cut != withdrawAgents || done.Sensors != w.sensors || len(done.Late) > 0 {
		return fmt.Errorf("%d connections were cut, %d Sensors took the policy, %q did not", done.Cut, done.Sensors, done.Late)
	}
	if err := load.Pause(ctx, time.Second); err != nil {
		return err
	}
	s := f.stop()
	w.taken = append(w.taken, max(0, float64(s.LastAckMillis-began.UnixMilli())))
	w.returned = append(w.returned, float64(took.Microseconds())/1000)
	w.inside = append(w.inside, float64(done.Took.Microseconds())/1000)
	return nil
}

// playing is a fleet that plays.
type playing struct {
	ready  chan struct{}
	cancel context.CancelFunc
	ended  chan struct{}
	did    *simulate.Summary
	err    error
}

// play connects agents with one certificate, who send a package of one event
// every 5 s.
func (n *node) play(ctx context.Context, identity *pki.Pair) *playing {
	ctx, cancel := context.WithCancel(ctx)
	p := &playing{ready: make(chan struct{}), cancel: cancel, ended: make(chan struct{})}
	c := n.fleet(withdrawAgents)
	c.Identities, c.Rate, c.EventsPerPackage, c.Ready = []*pki.Pair{identity}, 0.2, 1, func() { close(p.ready) }
	c.Backoff = 30 * time.Second
	go func() {
		defer close(p.ended)
		p.did, p.err = simulate.Run(ctx, c)
	}()
	return p
}

// connected waits until every agent has had an answer.
func (p *playing) connected(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return errors.Join(errors.New("the agents have ended"), p.err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the fleet and says what it did.
func (p *playing) stop() *simulate.Summary {
	p.cancel()
	<-p.ended
	return p.did
}

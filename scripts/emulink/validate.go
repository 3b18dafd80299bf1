package emulink

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Tolerance is what Validate forgives.
type Tolerance struct {
	Delay time.Duration // of the median one way; zero: 1 ms
	Rate  float64       // share; zero: 0.05
}

// sigmas is how many standard deviations a number of lost packets may be off. A
// link is right once in 15,000 times and refused all the same.
const sigmas = 4

// What Validate sends.
const (
	probes     = 1000
	probeEvery = time.Millisecond
	probeFor   = 3 * time.Second
	probeBytes = 100
	pings      = 150
	pingEvery  = 3 * time.Millisecond
	tries      = 30 // of the largest packet, and of one byte more
	trains     = 4
	queues     = 3
	trainMost  = 200   // packets
	trainApart = 10    // packets between which time is measured
	mostRate   = 600e6 // bit/s; a faster line is not filled
)

// Validate measures the link by ordinary sockets: one-way delay, loss and bursts
// by datagrams each way, round trips by echoes of the other end's kernel, the
// black hole by packets beside its edge, rate and queue by packets behind one
// another. The error says everything that is not as it was set, as far as
// a sample can tell. It takes about 3 s; nothing else should use the link
// meanwhile. The sequence of losses begins anew afterwards.
func (l *Link) Validate(ctx context.Context, t Tolerance) (err error) {
	if t.Delay == 0 {
		t.Delay = time.Millisecond
	}
	if t.Rate == 0 {
		t.Rate = 0.05
	}
	o := l.Options()
	defer func() { err = errors.Join(err, l.Set(o)) }()
	forth, err := newPath(ctx, l.A, l.B)
	if err != nil {
		return err
	}
	defer forth.close()
	back, err := newPath(ctx, l.B, l.A)
	if err != nil {
		return err
	}
	defer back.close()
	var forthErr, backErr error
	if err := both(ctx,
		func(ctx context.Context) error { forthErr = forth.validate(ctx, o.Forth, t); return ctx.Err() },
		func(ctx context.Context) error { backErr = back.validate(ctx, o.Back, t); return ctx.Err() },
	); err != nil {
		return err
	}
	var errs []error
	if forthErr != nil {
		errs = append(errs, fmt.Errorf("from A to B: %w", forthErr))
	}
	if backErr != nil {
		errs = append(errs, fmt.Errorf("from B to A: %w", backErr))
	}
	if err := l.validatePings(ctx, o, t); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the link is not as it was set: %w", err)
	}
	return nil
}

// validate measures one way.
func (p *path) validate(ctx context.Context, as Direction, t Tolerance) error {
	return errors.Join(p.quiet(ctx, as, t), p.blackHole(ctx, as), p.line(ctx, as, t), p.queue(ctx, as))
}

// quiet sends what does not wait for the line.
func (p *path) quiet(ctx context.Context, as Direction, t Tolerance) error {
	var errs []error
	size := probeBytes
	if as.MTU > 0 {
		size = min(size, as.MTU)
	}
	// Not so many that they wait for the line, nor for longer than probeFor.
	every := max(probeEvery, 2*as.lineTime(size))
	n := min(probes, int(probeFor/every))
	got, err := p.send(ctx, size, n, every, as)
	if err != nil {
		return err
	}
	errs = append(errs, lossIsRight("datagrams", n-len(got.delays), n, as.Loss, newLoss(as.Loss, as.Burst)))
	if as.Burst > 1 {
		errs = append(errs, burstsAreRight(got.bursts, as.Burst))
	}
	// Half of the packets have less than the median of the jitter; without
	// Reorder they wait for one another, which only delays them.
	want := as.Delay + as.lineTime(size)
	most := want + as.Jitter
	if median := got.median(); median < want-t.Delay/10 || median > most+t.Delay {
		errs = append(errs, fmt.Errorf("the median delay is %v, not %v to %v", median, want, most))
	}
	return errors.Join(errs...)
}

// lossIsRight says whether a number of lost packets is what chance makes of a
// share.
func lossIsRight(of string, lost, sent int, share float64, model loss) error {
	expected := share * float64(sent)
	slack := sigmas * math.Sqrt(float64(sent)*share*(1-share)*model.inflation())
	if share > 0 {
		slack++
	}
	if math.Abs(float64(lost)-expected) > slack {
		return fmt.Errorf("%d of %d %s were lost, not %.0f (within %.0f)", lost, sent, of, expected, slack)
	}
	return nil
}

// burstsAreRight says whether the mean length of bursts is what chance makes of
// it: lengths are geometric.
func burstsAreRight(bursts []int, mean float64) error {
	if len(bursts) < 10 {
		return nil // too few to say anything
	}
	sum := 0
	for _, n := range bursts {
		sum += n
	}
	is := float64(sum) / float64(len(bursts))
	if slack := sigmas * math.Sqrt(mean*(mean-1)/float64(len(bursts))); math.Abs(is-mean) > slack {
		return fmt.Errorf("%d bursts of loss had %.2f packets on average, not %.2f (within %.2f)", len(bursts), is, mean, slack)
	}
	return nil
}

// blackHole sends packets on both sides of its edge.
func (p *path) blackHole(ctx context.Context, as Direction) error {
	if as.MTU == 0 || as.MTU >= packetSize {
		return nil
	}
	passes, err := p.send(ctx, as.MTU, tries, probeEvery, as)
	if err != nil {
		return err
	}
	vanishes, err := p.send(ctx, as.MTU+1, tries, probeEvery, as)
	if err != nil {
		return err
	}
	if len(passes.delays) == 0 || len(vanishes.delays) > 0 {
		return fmt.Errorf("of %d packets of %d bytes %d passed, and %d of those with one byte more", tries, as.MTU, len(passes.delays), len(vanishes.delays))
	}
	return nil
}

// line sends trains that just fill the queue: behind one another, packets come as
// fast as the line carries them, whether or not the sender was held up.
func (p *path) line(ctx context.Context, as Direction, t Tolerance) error {
	if as.Rate == 0 || as.Rate > mostRate || as.MTU > 0 {
		return nil
	}
	n := min(trainMost, as.Queue/packetSize)
	apart := max(1, min(trainApart, n-1))
	var each []time.Duration // of the line for a packet
	for range trains {
		got, err := p.send(ctx, packetSize, n, 0, as)
		if err != nil {
			return err
		}
		each = append(each, got.spacing(apart)...)
	}
	if len(each) == 0 {
		return nil // nothing can be told of single packets
	}
	slices.Sort(each)
	rate := packetSize * 8 / median(each).Seconds()
	slack := t.Rate + as.Jitter.Seconds()/(float64(apart)*as.lineTime(packetSize).Seconds())
	if off := rate/float64(as.Rate) - 1; math.Abs(off) > slack {
		return fmt.Errorf("the line carries %.2f Mbit/s, not %.2f", rate/1e6, float64(as.Rate)/1e6)
	}
	return nil
}

// queue sends several times what the queue holds, at once.
func (p *path) queue(ctx context.Context, as Direction) error {
	if as.Rate == 0 || as.Rate > mostRate || as.MTU > 0 {
		return nil
	}
	holds := as.Queue / packetSize
	got, err := p.send(ctx, packetSize, queues*holds, 0, as)
	if err != nil {
		return err
	}
	// Meanwhile the line takes some away.
	most := float64(holds) + got.sending.Seconds()*float64(as.Rate)/8/packetSize + 2
	least := float64(holds)*(1-as.Loss) - sigmas*math.Sqrt(float64(holds)*as.Loss*newLoss(as.Loss, as.Burst).inflation())
	if came := float64(len(got.delays)); came < least-1 || came > most {
		return fmt.Errorf("of %d packets at once the queue let %.0f pass, not %.0f to %.0f", queues*holds, came, least, most)
	}
	return nil
}

// validatePings compares what the other end's kernel answers.
func (l *Link) validatePings(ctx context.Context, o Options, t Tolerance) error {
	delays, err := ping(ctx, l.A, l.B.Address, pings, pingEvery, o)
	if err != nil {
		return err
	}
	share := 1 - (1-o.Forth.Loss)*(1-o.Back.Loss)
	model := newLoss(o.Forth.Loss, o.Forth.Burst)
	if back := newLoss(o.Back.Loss, o.Back.Burst); back.inflation() > model.inflation() {
		model = back
	}
	var errs []error
	errs = append(errs, lossIsRight("pings", pings-len(delays), pings, share, model))
	want := o.Forth.Delay + o.Back.Delay + o.Forth.lineTime(pingBytes) + o.Back.lineTime(pingBytes)
	most := want + o.Forth.Jitter + o.Back.Jitter
	if median := median(delays); median < want-t.Delay/10 || median > most+2*t.Delay {
		errs = append(errs, fmt.Errorf("the median round trip of a ping is %v, not %v to %v", median, want, most))
	}
	return errors.Join(errs...)
}

// both runs two functions at once.
func both(ctx context.Context, first, second func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return first(ctx) })
	group.Go(func() error { return second(ctx) })
	return group.Wait()
}

package admin

import (
	"context"
	"slices"
	"time"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// linkEvery is how often a watched link is looked at for what moves without a
// change of its state.
const linkEvery = time.Second

// Link looks at the link and at what agents send into it.
func (a *Admin) Link(ctx context.Context, actor acts.Actor) (acts.Link, error) {
	if err := a.desk.Permit(ctx, actor, actViewLink); err != nil {
		return acts.Link{}, err
	}
	l, err := a.link(ctx)
	if err != nil {
		return acts.Link{}, a.desk.Failed(ctx, actor, actViewLink, nil, err)
	}
	return l, nil
}

// WatchLink gives a look at once, at each change of the link's state, and every
// second while a verdict or a figure changes, or agents come, go or send. It ends
// when yield returns false, and with ctx.
func (a *Admin) WatchLink(ctx context.Context, actor acts.Actor, yield func(acts.Link) bool) error {
	if err := a.desk.Permit(ctx, actor, actViewLink); err != nil {
		return err
	}
	tick := time.NewTicker(linkEvery)
	defer tick.Stop()
	var last acts.Link
	for first := true; ; first = false {
		changed := a.c.Uplink.Changed() // before the look, which then misses nothing
		now, err := a.link(ctx)
		if ctx.Err() != nil {
			return nil // the administrator has seen enough
		}
		if err != nil {
			return a.desk.Failed(ctx, actor, actViewLink, nil, err)
		}
		if first || moved(last, now) {
			if !yield(now) {
				return nil
			}
			last = now
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// moved says whether a look shows something new; times pass by themselves.
func moved(a, b acts.Link) bool {
	return a.CentralNode != b.CentralNode || a.Ingress != b.Ingress || a.Streams != b.Streams ||
		a.PolicyRevision != b.PolicyRevision || a.Validation != b.Validation ||
		!slices.Equal(a.Lanes, b.Lanes) || !slices.Equal(a.Warnings, b.Warnings) || otherQuality(a.Quality, b.Quality)
}

// otherQuality says whether b shows something new of the link's quality.
func otherQuality(a, b acts.LinkQuality) bool {
	return a.Verdict != b.Verdict || a.Copying != b.Copying || a.Capacity != b.Capacity || a.CapacityAtLeast != b.CapacityAtLeast || !a.CapacityAt.Equal(b.CapacityAt) || a.Unmeasured != b.Unmeasured ||
		!slices.Equal(a.Limits, b.Limits) || !slices.Equal(a.Windows, b.Windows)
}

func (a *Admin) link(ctx context.Context) (acts.Link, error) {
	central, err := a.centralNode(ctx)
	if err != nil {
		return acts.Link{}, err
	}
	look, counts := a.c.Uplink.Look(), a.c.Door.Counts()
	l := acts.Link{
		CentralNode: central, Lanes: look.Lanes, Streams: look.Stats.Streams, RetainedBytes: look.Stats.Retained,
		PolicyRevision: look.PolicyRevision, Validation: look.Validation, Time: a.c.Now(),
		Ingress: acts.Ingress{
			Agents: counts.Agents, Strangers: counts.Strangers, Refused: counts.Refused,
			Bytes: counts.IngressBytes, Rate: counts.Rate, Limit: a.c.IngressLimit, Held: counts.Held,
		},
		Quality: a.c.Quality.Look(),
	}
	if len(look.Lanes) > 0 { // without a lane there is nothing that could have been measured
		l.RTT = look.Stats.RTT
	} else {
		l.Lanes = []acts.Lane{}
	}
	for _, w := range slices.Concat(look.Warnings, a.c.Quality.Warnings()) {
		l.Warnings = append(l.Warnings, foreign.Line(w))
	}
	return l, nil
}

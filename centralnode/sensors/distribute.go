package sensors

import (
	"context"
	"slices"

	"vedette/centralnode/trust"
	controlv1 "vedette/proto/control/v1"
)

// Distribute has every connected Sensor that is Accepted take the policy in
// force, and waits until they say so, at most policyTime. It returns how many
// did, and the names of those that did not.
func (r *Room) Distribute(ctx context.Context) (taken int, late []string) {
	snapshot := r.c.Door.Trust()
	var all []*linked
	for _, p := range r.live() {
		if p.isIntroduced() && p.standing(snapshot) == controlv1.Authorisation_STATE_ACCEPTED && p.link.Err() == nil {
			p.poke()
			all = append(all, p)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	for _, p := range all {
		switch took, gone := p.await(ctx, snapshot.Policy); {
		case took:
			taken++
		case !gone:
			late = append(late, r.called(p))
		}
	}
	slices.Sort(late)
	return taken, late
}

// await waits until the Sensor has taken a policy. gone means that its link
// ended for another reason than that.
func (p *linked) await(ctx context.Context, revision uint64) (took, gone bool) {
	for {
		p.mu.Lock()
		took, late, moved := p.taken.covers(revision), p.late, p.moved
		p.mu.Unlock()
		if took || late {
			return took, false
		}
		if p.link.Err() != nil {
			return false, true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false, false
		}
	}
}

// called is how people know a Sensor.
func (r *Room) called(p *linked) string {
	id := trust.SensorID(p.id)
	if name := Title(r.contact(p.id).Name); name != "" {
		return name + " (" + id + ")"
	}
	return id
}

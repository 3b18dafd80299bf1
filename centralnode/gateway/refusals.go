package gateway

import (
	"maps"
	"sync"

	"vedette/centralnode/trust"
	"vedette/proto/problem"
)

// Refusal is one kind of refusal.
type Refusal struct {
	Door trust.Door // empty: at whichever door the caller was
	Code problem.Code
}

// refusals counts refusals since the start.
type refusals struct {
	mu     sync.Mutex // guards what follows
	counts map[Refusal]uint64
}

func (r *refusals) add(door trust.Door, code problem.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[Refusal]uint64)
	}
	r.counts[Refusal{door, code}]++
}

// Refusals counts the requests that were refused since the start because of who
// asked.
func (g *Gateway) Refusals() map[Refusal]uint64 {
	g.refusals.mu.Lock()
	defer g.refusals.mu.Unlock()
	return maps.Clone(g.refusals.counts)
}

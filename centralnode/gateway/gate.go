package gateway

import (
	"context"
	"sync"

	"vedette/centralnode/trust"
	"vedette/pki"
)

// gate orders what is taken against changes of trust.
type gate struct {
	mu       sync.Mutex
	snapshot *trust.Snapshot
	// underway counts admissions by leaf; the zero leaf stands for callers
	// without a certificate.
	underway map[pki.Fingerprint]int
	total    int
	held     map[pki.Fingerprint]int
	heldAll  int
	// moved is closed and made anew whenever a waiter may have to look again.
	moved chan struct{}
}

func newGate(first *trust.Snapshot) *gate {
	return &gate{
		snapshot: first,
		underway: make(map[pki.Fingerprint]int),
		held:     make(map[pki.Fingerprint]int),
		moved:    make(chan struct{}),
	}
}

func (g *gate) current() *trust.Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshot
}

// admit judges c under the snapshot in force and, when allowed, counts it as
// under way until leave. It waits while c's leaf is held.
func (g *gate) admit(ctx context.Context, door trust.Door, c trust.Caller) (trust.Verdict, error) {
	for {
		g.mu.Lock()
		if g.heldAll == 0 && g.held[c.Leaf] == 0 {
			v := g.snapshot.Judge(door, c)
			if v.Allowed {
				g.underway[c.Leaf]++
				g.total++
			}
			g.mu.Unlock()
			return v, nil
		}
		moved := g.moved
		g.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return trust.Verdict{}, ctx.Err()
		}
	}
}

func (g *gate) leave(leaf pki.Fingerprint) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.underway[leaf]--; g.underway[leaf] == 0 {
		delete(g.underway, leaf)
	}
	g.total--
	// Only a holder waits for this, so wake nobody when there is none.
	if g.heldAll > 0 || len(g.held) > 0 {
		g.wake()
	}
}

// hold stops new admissions in scope and waits for those under way, until ctx
// ends. It returns how many were still under way then.
func (g *gate) hold(ctx context.Context, scope trust.Scope) (unfinished int) {
	g.mark(scope, 1)
	for {
		g.mu.Lock()
		n, moved := g.count(scope), g.moved
		g.mu.Unlock()
		if n == 0 {
			return 0
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return n
		}
	}
}

// set puts a snapshot in force.
func (g *gate) set(s *trust.Snapshot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snapshot = s
}

// release ends a hold of the same scope.
func (g *gate) release(scope trust.Scope) { g.mark(scope, -1) }

func (g *gate) mark(scope trust.Scope, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if scope.Everybody {
		g.heldAll += by
	}
	for _, f := range scope.Leaves {
		if g.held[f] += by; g.held[f] == 0 {
			delete(g.held, f)
		}
	}
	g.wake()
}

// count needs mu.
func (g *gate) count(scope trust.Scope) int {
	if scope.Everybody {
		return g.total
	}
	n := 0
	for _, f := range scope.Leaves {
		n += g.underway[f]
	}
	return n
}

// wake needs mu.
func (g *gate) wake() {
	close(g.moved)
	g.moved = make(chan struct{})
}

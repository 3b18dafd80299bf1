package gateway

import (
	"context"
	"sync"

	"vedette/centralnode/trust"
)

// gate orders what is taken against changes of trust.
type gate struct {
	mu       sync.Mutex
	snapshot *trust.Snapshot
	underway tally // admissions, by caller and entrance
	held     tally // changes that hold their scope's admissions back
	// moved is closed and made anew whenever a waiter may have to look again.
	moved chan struct{}
}

func newGate(first *trust.Snapshot) *gate {
	return &gate{snapshot: first, underway: newTally(), held: newTally(), moved: make(chan struct{})}
}

func (g *gate) current() *trust.Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshot
}

// admit judges c at an entrance under the snapshot in force and, when allowed,
// counts it as under way until leave. It waits while c is held.
func (g *gate) admit(ctx context.Context, e entrance, c trust.Caller) (trust.Verdict, error) {
	for {
		g.mu.Lock()
		if !g.held.names(e, c) {
			v := e.judge(g.snapshot, c)
			if v.Allowed {
				g.underway.addCaller(e, c, 1)
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

func (g *gate) leave(e entrance, c trust.Caller) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underway.addCaller(e, c, -1)
	// Only a holder waits for this, so wake nobody when there is none.
	if !g.held.empty() {
		g.wake()
	}
}

// hold stops new admissions in scope and waits for those under way, until ctx
// ends. It returns how many were still under way then.
func (g *gate) hold(ctx context.Context, scope trust.Scope) (unfinished int) {
	g.mark(scope, 1)
	for {
		g.mu.Lock()
		n, moved := g.underway.of(scope), g.moved
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
	g.held.addScope(scope, by)
	g.wake()
}

// wake needs mu.
func (g *gate) wake() {
	close(g.moved)
	g.moved = make(chan struct{})
}

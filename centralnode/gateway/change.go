package gateway

import (
	"context"
	"time"

	"vedette/centralnode/trust"
	"vedette/pki"
)

// holdLimit bounds how long a change waits for what is being made durable.
// A disk that does not answer must not keep an administrator from withdrawing
// a certificate; what was under way then is reported as unfinished.
const holdLimit = 10 * time.Second

// Change makes a change of trust: commit writes it and returns the snapshot at
// its revision. When Change returns without error the snapshot is in force,
// every connection that it refuses is cut, and nothing of the callers in scope
// was taken between the commit and that. When commit fails nothing has
// changed.
//
// Changes are made one after the other.
func (g *Gateway) Change(ctx context.Context, scope trust.Scope, commit func() (*trust.Snapshot, error)) (trust.Changed, error) {
	started := g.now()
	g.changing.Lock()
	defer g.changing.Unlock()

	limited, cancel := context.WithTimeout(ctx, holdLimit)
	unfinished := g.gate.hold(limited, scope)
	cancel()
	defer g.gate.release(scope)
	if err := ctx.Err(); err != nil {
		return trust.Changed{}, err
	}

	held := g.now()
	snapshot, err := commit()
	if err != nil {
		return trust.Changed{}, err
	}
	committed := g.now()
	g.gate.set(snapshot)
	done := trust.Changed{Revision: snapshot.Revision, Unfinished: unfinished}
	for _, c := range refusedBy(snapshot, g.in(scope)) {
		c.Cut()
		done.Cut++
	}
	done.Took = g.now().Sub(started)
	g.log.Info("trust changed", "revision", done.Revision, "cut", done.Cut,
		"hold_ms", held.Sub(started).Milliseconds(), "commit_ms", committed.Sub(held).Milliseconds(), "cut_ms", g.now().Sub(committed).Milliseconds())
	if unfinished > 0 {
		g.log.Warn("change of trust did not wait for the event log any longer", "revision", snapshot.Revision, "unfinished", unfinished)
	}
	return done, nil
}

// Trust returns the snapshot in force.
func (g *Gateway) Trust() *trust.Snapshot { return g.gate.current() }

// Connected counts the live connections of a leaf that were let in.
func (g *Gateway) Connected(leaf pki.Fingerprint) int {
	n := 0
	for _, c := range g.live.Of(leaf) {
		if c.Admitted() {
			n++
		}
	}
	return n
}

// ConnectedSystem counts the live connections that an external system was let
// in on. One connection may count for several systems that share a leaf.
func (g *Gateway) ConnectedSystem(who trust.System) int {
	n := 0
	for _, c := range g.live.Of(who.Leaf) {
		if c.cameBy(entrance{trust.ExternalSystem, who.ID}) {
			n++
		}
	}
	return n
}

// connectedSystems counts the live connections of a leaf that an external system
// was let in on, whatever its ID.
func (g *Gateway) connectedSystems(leaf pki.Fingerprint) (n int) {
	for _, c := range g.live.Of(leaf) {
		if c.isSystem() {
			n++
		}
	}
	return n
}

// ConnectedSystems counts the live connections of all external systems.
func (g *Gateway) ConnectedSystems() (n int) {
	for _, c := range g.live.All() {
		if c.isSystem() {
			n++
		}
	}
	return n
}

// Carried counts the live connections that each Sensor carries, in one pass.
func (g *Gateway) Carried() map[pki.Fingerprint]int {
	n := make(map[pki.Fingerprint]int)
	for _, c := range g.live.All() {
		if !c.caller.Sensor.IsZero() {
			n[c.caller.Sensor]++
		}
	}
	return n
}

// Live reports whether a caller's connection is still there.
func (g *Gateway) Live(connection uint64) bool { return g.live.Has(connection) }

// CutAll ends every connection, also those still in their handshake, and says
// how many there were. Callers come back and meet the certificate that is shown
// from now on.
func (g *Gateway) CutAll() int {
	g.door.NewEpoch()
	all := g.live.All()
	for _, c := range all {
		c.Cut()
	}
	return len(all)
}

// Affected counts the live connections that a snapshot would refuse.
func (g *Gateway) Affected(s *trust.Snapshot) int { return len(refusedBy(s, g.live.All())) }

// refusedBy returns the connections that came in by an entrance which s closes
// to them. A stranger at the door has none yet: its first request is judged by
// the snapshot in force, and the answer can say why. One behind a Sensor has the
// answer from there, and is taken for an agent at once.
func refusedBy(s *trust.Snapshot, conns []*conn) []*conn {
	var out []*conn
	for _, c := range conns {
		if c.refusedBy(s) {
			out = append(out, c)
		}
	}
	return out
}

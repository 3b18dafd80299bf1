package gateway

import (
	"vedette/centralnode/trust"
	"vedette/internal/door"
)

// conn is one live connection of a caller.
type conn struct {
	*door.Conn
	caller trust.Caller
}

// take makes a caller of a connection that came in and hands it to the HTTP
// server. It is indexed first and judged second: see the package comment.
func (g *Gateway) take(came *door.Conn, handed *handed) {
	c := &conn{Conn: came, caller: trust.Caller{Way: trust.Direct, Remote: came.Remote, Leaf: came.Leaf, Connection: came.Number}}
	g.live.Add(came.Number, came.Leaf, c)
	came.OnEnd(func() { g.live.Remove(came.Number) })
	if came.Outdated() { // CutAll may have come before it was indexed
		c.Cut()
		return
	}
	if !handed.give(c) {
		_ = c.Close() // the server is gone
	}
}

// in returns the live connections of a scope.
func (g *Gateway) in(scope trust.Scope) []*conn {
	if scope.Everybody {
		return g.live.All()
	}
	return g.live.Of(scope.Leaves...)
}

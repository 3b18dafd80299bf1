package gateway

import (
	"crypto/x509"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"vedette/centralnode/trust"
	"vedette/internal/door"
	"vedette/pki"
	"vedette/proto/link"
)

// carrier is what a caller's connection comes in by: a *door.Conn, or a
// *carried stream.
type carrier interface {
	net.Conn
	// Admit moves it out of the strangers' places, Admitted says whether it is.
	Admit() bool
	Admitted() bool
	// Cut ends it at once.
	Cut()
	OnEnd(do func())
}

// conn is one live connection of a caller.
type conn struct {
	carrier
	caller trust.Caller
	// certificate is the caller's leaf where it came directly, nil when there is
	// none.
	certificate *x509.Certificate
	unfit       error // why that certificate proves nothing; nil: it does

	mu sync.Mutex
	// entrances are those that the caller was let in by, each once.
	entrances []entrance
}

// entrance is one way in: a door, and at that of external systems the ID that
// was asked for.
type entrance struct {
	door trust.Door
	id   string
}

// judge says whether c may use the entrance under s.
func (e entrance) judge(s *trust.Snapshot, c trust.Caller) trust.Verdict {
	if e.door == trust.ExternalSystem {
		return s.JudgeSystem(e.id, c)
	}
	return s.Judge(e.door, c)
}

// cameBy reports whether the caller was let in by an entrance.
func (c *conn) cameBy(e entrance) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.entrances, e)
}

// isSystem reports whether the caller was let in as an external system.
func (c *conn) isSystem() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.entrances, func(e entrance) bool { return e.door == trust.ExternalSystem })
}

// comesBy notes an entrance. There are never more than the judge has allowed to
// one leaf.
func (c *conn) comesBy(e entrance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.entrances, e) {
		c.entrances = append(c.entrances, e)
	}
}

// refusedBy reports whether s closes an entrance that the caller was let in by.
func (c *conn) refusedBy(s *trust.Snapshot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.entrances, func(e entrance) bool { return !e.judge(s, c.caller).Allowed })
}

// take gives a connection that came in to those who speak its protocol. What
// speaks HTTP becomes a caller and goes to the HTTP server.
func (g *Gateway) take(came *door.Conn) {
	switch protocol := came.ConnectionState().NegotiatedProtocol; protocol {
	case "", http1:
		c := &conn{carrier: came, certificate: came.Certificate, caller: trust.Caller{Way: trust.Direct, Remote: came.Remote, Leaf: came.Leaf, Connection: came.Number}}
		if c.certificate != nil {
			c.unfit = pki.CheckLeaf(c.certificate)
		}
		g.enter(c, came.Outdated)
	default:
		if take := g.protocols[protocol]; take != nil {
			take(came)
			return
		}
		came.Cut() // offered, but nobody was there to speak it
	}
}

// enter indexes a caller first; it is judged second: see the package comment.
func (g *Gateway) enter(c *conn, outdated func() bool) {
	g.live.Add(c.caller.Connection, c.caller.Leaf, c)
	c.OnEnd(func() { g.live.Remove(c.caller.Connection) })
	if outdated() { // CutAll may have come before it was indexed
		c.Cut()
		return
	}
	if !g.handed.Give(c) {
		_ = c.Close() // the server is gone
	}
}

// Stream is a connection that a Sensor carries.
type Stream interface {
	net.Conn
	CloseWrite() error
	Reset(code link.Code, reason string)
}

// Carry makes a caller of a stream: from now on it is like a connection that
// came directly, but for its way. The caller's Connection is given by the
// gateway. cut is the code for a stream whose caller lost its right.
func (g *Gateway) Carry(s Stream, c trust.Caller, cut link.Code) {
	c.Connection = g.door.Number()
	// The Sensor answers those who may not use the agent service, so whoever comes
	// through it has that entrance from the beginning.
	carrier := &carried{Stream: s, enter: g.door.Enter, code: cut}
	g.enter(&conn{carrier: carrier, caller: c, entrances: []entrance{{door: trust.AgentService}}}, func() bool { return false })
}

// carried is a stream as a carrier. It takes no place until it is let in: the
// link bounds how many there are.
type carried struct {
	Stream
	enter func() (leave func(), ok bool)
	code  link.Code

	admitted atomic.Bool
	door.Ending
}

func (s *carried) Admit() bool {
	if s.admitted.Load() {
		return true
	}
	leave, ok := s.enter()
	if !ok {
		return false
	}
	s.OnEnd(leave)
	s.admitted.Store(true)
	return true
}

func (s *carried) Admitted() bool { return s.admitted.Load() }

func (s *carried) Close() error {
	s.End()
	return s.Stream.Close()
}

func (s *carried) Cut() {
	s.End()
	s.Reset(s.code, "")
}

// in returns the live connections of a scope. Those of a Sensor are found by
// looking at all: the judge tells them apart.
func (g *Gateway) in(scope trust.Scope) []*conn {
	if scope.Everybody || len(scope.Sensors) > 0 {
		return g.live.All()
	}
	leaves := slices.Clone(scope.Leaves)
	for _, s := range scope.Systems {
		if !slices.Contains(leaves, s.Leaf) {
			leaves = append(leaves, s.Leaf)
		}
	}
	return g.live.Of(leaves...)
}

package gateway

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"

	"vedette/centralnode/trust"
	"vedette/pki"
)

// conn is one live connection after its handshake.
type conn struct {
	*tls.Conn
	caller trust.Caller
	// admitted is set by the first request that the judge allowed; until then
	// the connection is a stranger's.
	admitted atomic.Bool
	admit    func() bool // moves the connection out of the strangers' budget
	ended    func()      // takes it out of index and budget
	once     sync.Once
}

// Close ends the connection in order. net/http calls it.
func (c *conn) Close() error {
	c.once.Do(c.ended)
	return c.Conn.Close()
}

// cut ends the connection at once: what was not read is never read, and what
// was not sent is not sent.
func (c *conn) cut() {
	c.once.Do(c.ended)
	if tcp, ok := c.Conn.NetConn().(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // it only makes the end a reset instead of a FIN
	}
	_ = c.Conn.NetConn().Close() // it is being thrown away
}

// index finds live connections by leaf.
type index struct {
	mu     sync.Mutex
	byLeaf map[pki.Fingerprint]map[*conn]struct{}
	live   map[uint64]struct{}
}

func newIndex() *index {
	return &index{byLeaf: make(map[pki.Fingerprint]map[*conn]struct{}), live: make(map[uint64]struct{})}
}

func (x *index) add(c *conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	set := x.byLeaf[c.caller.Leaf]
	if set == nil {
		set = make(map[*conn]struct{}, 1)
		x.byLeaf[c.caller.Leaf] = set
	}
	set[c] = struct{}{}
	x.live[c.caller.Connection] = struct{}{}
}

func (x *index) remove(c *conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	set := x.byLeaf[c.caller.Leaf]
	if _, ok := set[c]; !ok {
		return
	}
	delete(set, c)
	if len(set) == 0 {
		delete(x.byLeaf, c.caller.Leaf)
	}
	delete(x.live, c.caller.Connection)
}

// in returns the connections of a scope.
func (x *index) in(scope trust.Scope) []*conn {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []*conn
	if scope.Everybody {
		out = make([]*conn, 0, len(x.live))
		for _, set := range x.byLeaf {
			for c := range set {
				out = append(out, c)
			}
		}
		return out
	}
	for _, f := range scope.Leaves {
		for c := range x.byLeaf[f] {
			out = append(out, c)
		}
	}
	return out
}

// has reports whether a connection is still there.
func (x *index) has(connection uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.live[connection]
	return ok
}

// connected counts the connections that use a leaf and were let in.
func (x *index) connected(f pki.Fingerprint) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for c := range x.byLeaf[f] {
		if c.admitted.Load() {
			n++
		}
	}
	return n
}

var _ net.Conn = (*conn)(nil)

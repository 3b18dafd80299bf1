package budget

import (
	"net/netip"
	"sync"
)

// Limits bounds the connections of one listener. Strangers have a pool of their
// own, so that they never take a place of those who proved who they are.
type Limits struct {
	Admitted   int
	Strangers  int
	PerAddress int // strangers per address; an address counts as its Network
}

// Conns counts connections against their limits.
type Conns struct {
	limits Limits

	mu         sync.Mutex
	admitted   int
	strangers  int
	refused    uint64
	perAddress map[netip.Prefix]int // never more entries than strangers
}

// NewConns makes a count of no connections.
func NewConns(l Limits) *Conns {
	return &Conns{limits: l, perAddress: make(map[netip.Prefix]int)}
}

// Lease is the place of one connection.
type Lease struct {
	conns   *Conns
	address netip.Prefix
	state   leaseState // guarded by conns.mu
}

type leaseState int

const (
	stranger leaseState = iota
	admitted
	released
)

// Acquire takes a stranger's place for a connection from an address, or says
// that there is none.
func (c *Conns) Acquire(from netip.Addr) (*Lease, bool) {
	address := Network(from)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strangers >= c.limits.Strangers || c.perAddress[address] >= c.limits.PerAddress {
		c.refused++
		return nil, false
	}
	c.strangers++
	c.perAddress[address]++
	return &Lease{conns: c, address: address}, true
}

// Enter takes a place among the admitted for a connection that was never a
// stranger here, because another proved who it is. False means that there is no
// room.
func (c *Conns) Enter() (*Lease, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.admitted >= c.limits.Admitted {
		c.refused++
		return nil, false
	}
	c.admitted++
	return &Lease{conns: c, state: admitted}, true
}

// Admit moves a connection out of the strangers' places, once. It says whether
// there was room among the admitted; without room the lease stays a stranger's.
func (l *Lease) Admit() bool {
	c := l.conns
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.state == stranger {
		if c.admitted >= c.limits.Admitted {
			c.refused++
			return false
		}
		c.dropStranger(l.address)
		c.admitted++
		l.state = admitted
	}
	return l.state == admitted
}

// Release gives the place back, once.
func (l *Lease) Release() {
	c := l.conns
	c.mu.Lock()
	defer c.mu.Unlock()
	switch l.state {
	case stranger:
		c.dropStranger(l.address)
	case admitted:
		c.admitted--
	}
	l.state = released
}

// dropStranger needs mu.
func (c *Conns) dropStranger(address netip.Prefix) {
	c.strangers--
	if c.perAddress[address]--; c.perAddress[address] == 0 {
		delete(c.perAddress, address)
	}
}

// Usage is how many places are taken, and how many were refused so far.
type Usage struct {
	Admitted, Strangers int
	Refused             uint64
}

// Usage returns the present counts.
func (c *Conns) Usage() Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Usage{Admitted: c.admitted, Strangers: c.strangers, Refused: c.refused}
}

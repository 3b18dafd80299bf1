package budget

import (
	"net/netip"
	"sync"
)

// ConnLimits bounds connections. Strangers are those that were not let in yet;
// they never take a place of one that was.
type ConnLimits struct {
	Admitted            int
	Strangers           int
	StrangersPerAddress int // an IPv6 address counts as its /64
}

// Conns counts connections against their limits.
type Conns struct {
	limits ConnLimits

	mu         sync.Mutex
	admitted   int
	strangers  int
	perAddress map[netip.Addr]int
}

// NewConns makes a count of no connections.
func NewConns(l ConnLimits) *Conns {
	return &Conns{limits: l, perAddress: make(map[netip.Addr]int)}
}

// Slot is the place of one connection.
type Slot struct {
	conns   *Conns
	address netip.Addr
	state   slotState // guarded by conns.mu
}

type slotState int

const (
	stranger slotState = iota
	admitted
	released
)

// Acquire takes a stranger's place for a connection from address, or says
// that there is none.
func (c *Conns) Acquire(address netip.Addr) (*Slot, bool) {
	address = network(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strangers >= c.limits.Strangers || c.perAddress[address] >= c.limits.StrangersPerAddress {
		return nil, false
	}
	c.strangers++
	c.perAddress[address]++
	return &Slot{conns: c, address: address}, true
}

// Admit moves a connection out of the strangers' places, once. It says whether
// there was room among the admitted; without room the slot stays a stranger's.
func (s *Slot) Admit() bool {
	c := s.conns
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.state == stranger && c.admitted < c.limits.Admitted {
		c.dropStranger(s.address)
		c.admitted++
		s.state = admitted
	}
	return s.state == admitted
}

// Release gives the place back, once.
func (s *Slot) Release() {
	c := s.conns
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s.state {
	case stranger:
		c.dropStranger(s.address)
	case admitted:
		c.admitted--
	}
	s.state = released
}

// dropStranger needs mu.
func (c *Conns) dropStranger(address netip.Addr) {
	c.strangers--
	if c.perAddress[address]--; c.perAddress[address] == 0 {
		delete(c.perAddress, address)
	}
}

// Counts returns how many connections there are of each kind.
func (c *Conns) Counts() (admitted, strangers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.admitted, c.strangers
}

// network is the address that a stranger's connections are counted under: who
// has one IPv6 address mostly has the /64 around it.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

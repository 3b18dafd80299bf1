package sshd

import (
	"container/list"
	"net/netip"
	"sync"

	"vedette/internal/budget"
)

// strangers are the connections that have not signed in yet. When all places
// are taken, whoever takes most of them makes room: so somebody who knocks
// from elsewhere gets in, and nobody gets in by knocking more often.
type strangers struct {
	conns *budget.Conns

	mu        sync.Mutex
	order     *list.List // of *stranger, oldest first
	byNetwork map[netip.Prefix]int
}

// stranger is the place of one connection, also after its sign-in.
type stranger struct {
	all     *strangers
	network netip.Prefix
	lease   *budget.Lease
	cut     func()
	place   *list.Element // nil: no longer a stranger
}

func newStrangers(l budget.Limits) *strangers {
	return &strangers{conns: budget.NewConns(l), order: list.New(), byNetwork: make(map[netip.Prefix]int)}
}

// arrive takes a place for a connection that cut ends, or says that there is
// none.
func (s *strangers) arrive(from netip.Addr, cut func()) (*stranger, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	network := budget.Network(from)
	lease, ok := s.conns.Acquire(from)
	if !ok && s.makeRoom(network) {
		lease, ok = s.conns.Acquire(from)
	}
	if !ok {
		return nil, false
	}
	x := &stranger{all: s, network: network, lease: lease, cut: cut}
	x.place = s.order.PushBack(x)
	s.byNetwork[network]++
	return x, true
}

// makeRoom cuts the oldest stranger of the network that has most of them, if it
// has more than the one that wants room. It needs mu.
func (s *strangers) makeRoom(network netip.Prefix) bool {
	most := s.byNetwork[network]
	var victim *stranger
	for e := s.order.Front(); e != nil; e = e.Next() {
		if x := e.Value.(*stranger); s.byNetwork[x.network] > most {
			most, victim = s.byNetwork[x.network], x
		}
	}
	if victim == nil {
		return false
	}
	s.drop(victim)
	victim.lease.Release()
	victim.cut()
	return true
}

// drop needs mu.
func (s *strangers) drop(x *stranger) {
	if x.place == nil {
		return
	}
	s.order.Remove(x.place)
	x.place = nil
	if s.byNetwork[x.network]--; s.byNetwork[x.network] == 0 {
		delete(s.byNetwork, x.network)
	}
}

// admit makes a stranger one of those who signed in, or says that there is no
// room among them. Somebody who was just cut to make room is not admitted.
func (x *stranger) admit() bool {
	x.all.mu.Lock()
	defer x.all.mu.Unlock()
	if !x.lease.Admit() {
		return false
	}
	x.all.drop(x)
	return true
}

// leave gives the place back.
func (x *stranger) leave() {
	x.all.mu.Lock()
	defer x.all.mu.Unlock()
	x.all.drop(x)
	x.lease.Release()
}

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

	mu        sync.Mutex // guards what follows; a connection's is taken after it
	order     *list.List // of *stranger, oldest first
	byNetwork map[netip.Prefix]int
	admitted  *admitted
}

// stranger is the place of one connection, also after its sign-in.
type stranger struct {
	all     *strangers
	from    netip.Addr
	network netip.Prefix
	lease   *budget.Lease
	by      occupant
	place   *list.Element // nil: no longer a stranger
	account string        // who signed in
	seat    *list.Element // among those who signed in; nil: it is not there
}

// occupant is a connection that has a place. Its methods do not wait.
type occupant interface {
	cut()
	// withdraw ends it as well, but what draws on a terminal has a moment.
	withdraw()
	// busy says whether it has a session.
	busy() bool
}

func newStrangers(l budget.Limits) *strangers {
	return &strangers{
		conns: budget.NewConns(l), order: list.New(), byNetwork: make(map[netip.Prefix]int),
		admitted: newAdmitted(l),
	}
}

// arrive takes a place for a connection, or says that there is none.
func (s *strangers) arrive(from netip.Addr, by occupant) (*stranger, bool) {
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
	x := &stranger{all: s, from: from, network: network, lease: lease, by: by}
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
	victim.by.cut()
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

// admit makes a stranger one of those who signed in, as an account, or says
// that there is no room among them. When another had to make room, that is who.
// Somebody who was just cut to make room is not admitted.
func (x *stranger) admit(account string) (gone *stranger, err error) {
	s := x.all
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.place == nil {
		return nil, errNoRoom
	}
	if s.admitted.full(account) {
		return nil, accountFull(account, s.admitted.perAccount)
	}
	if !x.lease.Admit() {
		if gone = s.admitted.most(account); gone == nil {
			return nil, errNoRoom
		}
		s.admitted.remove(gone)
		gone.lease.Release()
		gone.by.withdraw()
		x.lease.Admit() // nobody else takes the place: mu is held
	}
	s.drop(x)
	s.admitted.add(x, account)
	return gone, nil
}

// leave gives the place back.
func (x *stranger) leave() {
	x.all.mu.Lock()
	defer x.all.mu.Unlock()
	x.all.drop(x)
	x.all.admitted.remove(x)
	x.lease.Release()
}

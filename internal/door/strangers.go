package door

import (
	"container/list"
	"net/netip"
	"sync"
	"sync/atomic"

	"vedette/internal/budget"
)

// strangers are the connections that were not let in yet, oldest first. When
// their places are taken the oldest makes room: an agent needs milliseconds
// from connect to first request, whoever waits for longer is silent or slow.
type strangers struct {
	perAddress int

	mu       sync.Mutex
	order    *list.List // of *stranger
	byOrigin map[netip.Prefix]int
	evicted  atomic.Uint64
}

type stranger struct {
	origin netip.Prefix
	cut    func()
	place  *list.Element // nil: no longer a stranger
}

func newStrangers(perAddress int) *strangers {
	return &strangers{perAddress: perAddress, order: list.New(), byOrigin: make(map[netip.Prefix]int)}
}

// add appends a stranger; cut ends its connection and gives its place back.
func (s *strangers) add(address netip.Addr, cut func()) *stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &stranger{origin: budget.Network(address), cut: cut}
	x.place = s.order.PushBack(x)
	s.byOrigin[x.origin]++
	return x
}

// remove takes a stranger out, once.
func (s *strangers) remove(x *stranger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(x)
}

// evict cuts the stranger who has waited longest: of the same origin when that
// has all the places it may have, else of all.
func (s *strangers) evict(address netip.Addr) {
	origin := budget.Network(address)
	s.mu.Lock()
	crowded := s.byOrigin[origin] >= s.perAddress
	var oldest *stranger
	for e := s.order.Front(); e != nil && oldest == nil; e = e.Next() {
		if x := e.Value.(*stranger); !crowded || x.origin == origin {
			oldest = x
			s.drop(x)
		}
	}
	s.mu.Unlock()
	if oldest != nil {
		s.evicted.Add(1)
		oldest.cut()
	}
}

// drop needs mu.
func (s *strangers) drop(x *stranger) {
	if x.place == nil {
		return
	}
	s.order.Remove(x.place)
	x.place = nil
	if s.byOrigin[x.origin]--; s.byOrigin[x.origin] == 0 {
		delete(s.byOrigin, x.origin)
	}
}

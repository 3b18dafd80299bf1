package budget_test

import (
	"net/netip"
	"sync"
	"testing"

	"vedette/internal/budget"
)

func TestStrangersNeverTakeThePlaceOfTheAdmitted(t *testing.T) {
	c := budget.NewConns(budget.Limits{Admitted: 2, Strangers: 3, PerAddress: 2})
	one, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("2001:db8::1")
	a, ok := c.Acquire(one)
	b, ok2 := c.Acquire(netip.MustParseAddr("::ffff:127.0.0.1"))
	if !ok || !ok2 {
		t.Fatal("no place for the first two")
	}
	if _, ok := c.Acquire(one); ok {
		t.Fatal("a third from one address got a place")
	}
	for range 2 {
		if !a.Admit() {
			t.Fatal("the first was not admitted")
		}
	}
	d, ok := c.Acquire(one)
	if !ok {
		t.Fatal("an admitted connection still counts against its address")
	}
	e, ok := c.Acquire(two)
	if !ok {
		t.Fatal("no third stranger")
	}
	if _, ok := c.Acquire(netip.MustParseAddr("2001:db8:1::1")); ok {
		t.Fatal("a fourth stranger got a place")
	}
	if !b.Admit() || d.Admit() {
		t.Fatal("the bound of admitted connections does not hold")
	}
	for _, s := range []*budget.Lease{a, a, b, d, e} {
		s.Release()
	}
	if got := c.Usage(); got != (budget.Usage{Refused: 3}) {
		t.Fatalf("at the end: %+v", got)
	}
}

func TestIPv6NeighboursShareOneBound(t *testing.T) {
	c := budget.NewConns(budget.Limits{Admitted: 9, Strangers: 9, PerAddress: 1})
	if _, ok := c.Acquire(netip.MustParseAddr("2001:db8::1")); !ok {
		t.Fatal("no place for the first")
	}
	if _, ok := c.Acquire(netip.MustParseAddr("2001:db8::ffff:2%eth0")); ok {
		t.Fatal("its neighbour in the /64 got a place of its own")
	}
}

func TestLeasesMayBeUsedByManyGoroutines(t *testing.T) {
	c := budget.NewConns(budget.Limits{Admitted: 50, Strangers: 1000, PerAddress: 1000})
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if s, ok := c.Acquire(netip.MustParseAddr("127.0.0.1")); ok {
				s.Admit()
				s.Release()
			}
		})
	}
	all.Wait()
	if got := c.Usage(); got.Admitted != 0 || got.Strangers != 0 {
		t.Fatalf("at the end: %+v", got)
	}
}

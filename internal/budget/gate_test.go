package budget_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"vedette/internal/budget"
)

func TestAGateLetsSoManyInAtATime(t *testing.T) {
	g := budget.NewGate(2)
	ctx, cancel := context.WithCancel(context.Background())
	for range 2 {
		if err := g.Enter(ctx); err != nil {
			t.Fatal(err)
		}
	}
	entered := make(chan error)
	go func() { entered <- g.Enter(ctx) }()
	g.Leave()
	if err := <-entered; err != nil {
		t.Errorf("after one left: %v", err)
	}
	go func() { entered <- g.Enter(ctx) }()
	cancel()
	if err := <-entered; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever stopped waiting: %v", err)
	}
	g.Leave()
	if err := g.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever is late gets in: %v", err)
	}
}

type otherAddr string

func (otherAddr) Network() string  { return "other" }
func (a otherAddr) String() string { return string(a) }

func TestAddressesOfConnections(t *testing.T) {
	want := netip.MustParseAddr("192.0.2.7")
	for _, a := range []net.Addr{
		&net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 1}, &net.UDPAddr{IP: net.ParseIP("192.0.2.7")},
		&net.IPAddr{IP: net.ParseIP("192.0.2.7")}, otherAddr("192.0.2.7:99"), otherAddr("[::ffff:192.0.2.7]:99"),
	} {
		if got := budget.AddrOf(a); got != want {
			t.Errorf("%T %v: %v", a, a, got)
		}
	}
	for _, a := range []net.Addr{nil, &net.UnixAddr{Name: "@"}, otherAddr("pipe"), &net.IPAddr{}} {
		if got := budget.AddrOf(a); got.IsValid() {
			t.Errorf("%T %v: %v", a, a, got)
		}
	}
}

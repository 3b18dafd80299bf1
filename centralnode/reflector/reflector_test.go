package reflector_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/reflector"
	"vedette/proto/stamp"
)

func TestMain(m *testing.M) {
	if os.Getenv(flooder) != "" {
		if err := flood(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// start runs a reflector at an address.
func start(t testing.TB, address string, open ...netip.Prefix) *reflector.Reflector {
	t.Helper()
	r, err := reflector.New(reflector.Config{Address: address, Unauthenticated: open, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return r
}

// dial is a UDP socket that takes packets from one address alone.
func dial(t testing.TB, from string, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))
	c, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c *net.UDPConn, p []byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c *net.UDPConn) []byte {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// silent fails the test when something came that had the time to.
func silent(t *testing.T, c *net.UDPConn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond)) // one that has passed has nothing read at all
	if n, err := c.Read(make([]byte, 512)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d octets came, %v", n, err)
	}
}

// counted waits until so many packets have come.
func counted(t *testing.T, r *reflector.Reflector, packets uint64) reflector.Counts {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		c := r.Counts()
		all := c.Reflected
		for _, why := range stamp.Refusals() {
			all += c.Refused(why)
		}
		if all >= packets {
			return c
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%d packets came within 20 s, want %d", all, packets)
		}
	}
}

func at(r *reflector.Reflector, host string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), r.Address().Port())
}

func TestASessionIsAnsweredFromTheAddressThatWasAskedUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ listen, from, to string }{
		"IPv4":                 {"127.0.0.1:0", "127.0.0.1", "127.0.0.1"},
		"every address":        {":0", "127.0.0.2", "127.0.0.3"},
		"every IPv4 address":   {"0.0.0.0:0", "127.0.0.2", "127.0.0.3"},
		"every one, over IPv6": {":0", "::1", "::1"},
		"IPv6":                 {"[::1]:0", "::1", "::1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, c.listen)
			id, key, port := r.Add(netip.MustParseAddr(c.from))
			if id == 0 || key == ([32]byte{}) || port != r.Address().Port() {
				t.Fatalf("session %d at port %d", id, port)
			}
			sender, conn := stamp.NewSender(stamp.Session{ID: id, Key: &key}), dial(t, c.from, at(r, c.to))
			for i := range uint32(3) {
				send(t, conn, sender.Next(nil, time.Now()))
				reply := receive(t, conn)
				a, ok := sender.Answer(reply, time.Now())
				if !ok || a.Sequence != i || a.Reflected != i || a.RoundTrip <= 0 || a.RoundTrip > 20*time.Second {
					t.Fatalf("answer %+v, %v", a, ok)
				}
				if ttl := reply[80]; ttl == 0 || ttl == 255 { // the latter is said when it is not known
					t.Errorf("the TTL is said to be %d", ttl)
				}
			}
			if n, strays := r.Seen(id); n != 3 || strays != 0 {
				t.Errorf("%d answers of the session, %d strays", n, strays)
			}
			r.Remove(id)
			send(t, conn, sender.Next(nil, time.Now()))
			if c := counted(t, r, 4); c.Refused(stamp.UnknownSession) != 1 || c.Sessions != 0 || c.Unsent != 0 {
				t.Errorf("counts %+v", c)
			}
			silent(t, conn)
		})
	}
}

func TestOthersGetNoAnswer(t *testing.T) {
	t.Parallel()
	r := start(t, "127.0.0.1:0", netip.MustParsePrefix("127.0.0.8/30"))
	id, key, _ := r.Add(netip.MustParseAddr("127.0.0.2"))
	right, wrong := stamp.NewSender(stamp.Session{ID: id, Key: &key}), stamp.NewSender(stamp.Session{ID: id, Key: &[32]byte{1}})
	open := stamp.NewSender(stamp.Session{})
	peer, other, friend := dial(t, "127.0.0.2", r.Address()), dial(t, "127.0.0.3", r.Address()), dial(t, "127.0.0.9", r.Address())
	send(t, other, right.Next(nil, time.Now())) // the key, from another address
	send(t, peer, wrong.Next(nil, time.Now()))
	send(t, peer, open.Next(nil, time.Now()))
	send(t, peer, []byte("what is this?"))
	send(t, peer, make([]byte, 60_000))
	c := counted(t, r, 5)
	if c.Reflected != 0 || c.Refused(stamp.WrongAddress) != 1 || c.Refused(stamp.WrongMAC) != 1 || c.Refused(stamp.WrongLength) != 3 {
		t.Errorf("counts %+v", c)
	}
	if answered, strays := r.Seen(id); answered != 0 || strays != 1 {
		t.Errorf("of the session %d were answered, and %d came from another address", answered, strays)
	}
	silent(t, other)
	silent(t, peer)
	send(t, friend, open.Next(nil, time.Now())) // whom the setting names
	if a, ok := open.Answer(receive(t, friend), time.Now()); !ok || a.Sequence != 1 {
		t.Errorf("unauthenticated: %+v, %v", a, ok)
	}
}

func TestEverySessionHasAnIDAndAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	r := start(t, "127.0.0.1:0")
	ids, keys := make(map[uint16]bool), make(map[[32]byte]bool)
	for range 65_535 {
		id, key, _ := r.Add(netip.MustParseAddr("192.0.2.1"))
		ids[id], keys[key] = true, true
	}
	if len(ids) != 65_535 || ids[0] || len(keys) != 65_535 {
		t.Fatalf("%d ids, %d keys", len(ids), len(keys))
	}
	if id, key, _ := r.Add(netip.MustParseAddr("192.0.2.1")); id != 0 || key != ([32]byte{}) {
		t.Error("one more session than there are ids")
	}
	r.Remove(4711)
	if id, _, _ := r.Add(netip.MustParseAddr("192.0.2.1")); id != 4711 {
		t.Errorf("the one id that is free was not found, but %d", id)
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r, err := reflector.New(reflector.Config{Address: taken.LocalAddr().String(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil {
		_ = r.Close()
		t.Fatal("it listens where somebody else does")
	}
}

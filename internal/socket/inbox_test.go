package socket_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vedette/internal/socket"
)

// inbox is one at an address, which notes when packets came.
func inbox(t *testing.T, network, address string) *socket.Inbox {
	t.Helper()
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }); err != nil {
		t.Fatal(err)
	}
	b, err := socket.NewInbox(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func to(t *testing.T, b *socket.Inbox, host string) *net.UDPConn {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(host), b.Address().(*net.UDPAddr).AddrPort().Port())
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func put(t *testing.T, c *net.UDPConn, p []byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
}

// take is Receive, which must bring something.
func take(t *testing.T, b *socket.Inbox) (n int, more bool) {
	t.Helper()
	n, more, err := b.Receive()
	if err != nil || n == 0 {
		t.Fatalf("%d packets, %v", n, err)
	}
	return n, more
}

func TestAnInboxTakesPacketsTogetherAndAnswersEach(t *testing.T) {
	for _, c := range []struct{ network, at, host string }{
		{"udp4", "127.0.0.1:0", "127.0.0.1"}, {"udp", "[::]:0", "127.0.0.1"}, {"udp", "[::]:0", "::1"},
	} {
		b := inbox(t, c.network, c.at)
		one, other := to(t, b, c.host), to(t, b, c.host)
		for i := range 20 {
			put(t, one, fmt.Appendf(nil, "one %d", i))
			put(t, other, fmt.Appendf(nil, "other %d", i))
		}
		put(t, one, nil)
		put(t, one, bytes.Repeat([]byte("x"), 1000))
		came := make(map[string]bool)
		for receives := 0; len(came) < 42; receives++ {
			n, more := take(t, b)
			if more != (n == socket.Burst) {
				t.Errorf("%s: %d packets, more %v", c.host, n, more)
			}
			for i := range n {
				p := string(b.Octets(i))
				came[p] = true
				from := one
				if strings.HasPrefix(p, "other") {
					from = other
				}
				local := from.LocalAddr().(*net.UDPAddr).AddrPort()
				if at := b.From(i); at.Addr().Unmap() != local.Addr().Unmap() || at.Port() != local.Port() {
					t.Fatalf("%s: %q is from %v, not %v", c.host, p, at, local)
				}
				if len(b.Beside(i)) < unix.CmsgLen(16) {
					t.Errorf("%s: beside %q are %d octets", c.host, p, len(b.Beside(i)))
				}
				if err := b.Answer(i, []byte("to "+p), nil); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 200)
				_ = from.SetReadDeadline(time.Now().Add(20 * time.Second))
				if k, err := from.Read(buf); err != nil || string(buf[:k]) != "to "+p {
					t.Fatalf("%s: %q comes back for %q, %v", c.host, buf[:k], p, err)
				}
			}
			if receives > 42 {
				t.Fatalf("%s: %d packets in %d calls", c.host, len(came), receives)
			}
		}
		for _, want := range []string{"one 0", "other 19", "", strings.Repeat("x", socket.MostOctets)} {
			if !came[want] {
				t.Errorf("%s: %q did not come", c.host, want)
			}
		}
	}
}

// TestAnInboxFindsPacketsThatCameWhileItRested also has some come while it
// waits, many times: none may be left lying.
func TestAnInboxFindsPacketsThatCameWhileItRested(t *testing.T) {
	b := inbox(t, "udp4", "127.0.0.1:0")
	c := to(t, b, "127.0.0.1")
	for i := range 200 {
		put(t, c, []byte("first"))
		if n, more := take(t, b); n != 1 || more {
			t.Fatalf("%d packets, more %v", n, more)
		}
		if i%2 == 0 {
			put(t, c, []byte("while it rests"))
			put(t, c, []byte("and again"))
			b.Rest(time.Millisecond)
			for came := 0; came < 2; {
				n, _ := take(t, b)
				came += n
			}
			continue
		}
		sent := make(chan error, 1)
		go func() { _, err := c.Write([]byte("while it waits, or before")); sent <- err }()
		take(t, b)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosingAnInboxEndsWhateverWaits(t *testing.T) {
	for range 50 {
		b := inbox(t, "udp4", "127.0.0.1:0")
		received, rested := make(chan error, 1), make(chan struct{})
		go func() { _, _, err := b.Receive(); received <- err }()
		other := inbox(t, "udp4", "127.0.0.1:0")
		go func() { other.Rest(time.Hour); close(rested) }()
		if err := errors.Join(b.Close(), b.Close(), other.Close()); err != nil {
			t.Fatal(err)
		}
		if err := <-received; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive: %v", err)
		}
		<-rested
		if _, _, err := other.Receive(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive of a closed one: %v", err)
		}
		if err := b.Answer(0, []byte("x"), nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Answer: %v", err)
		}
		again, err := net.ListenUDP("udp4", b.Address().(*net.UDPAddr))
		if err != nil {
			t.Fatalf("the address is not free: %v", err)
		}
		_ = again.Close()
	}
}

func TestAnInboxAllocatesNothingForAPacket(t *testing.T) {
	b := inbox(t, "udp4", "127.0.0.1:0")
	c := to(t, b, "127.0.0.1")
	packet, buf := []byte("some octets"), make([]byte, 100)
	exchange := func() {
		put(t, c, packet)
		take(t, b)
		if err := b.Answer(0, b.Octets(0), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		put(t, c, packet)
		b.Rest(time.Microsecond)
		take(t, b)
	}
	exchange() // Rest makes its timer
	if n := testing.AllocsPerRun(200, exchange); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

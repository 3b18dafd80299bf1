package socket_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"vedette/internal/socket"
)

// packets is a connected socket and the other end of it.
func packets(t *testing.T) (*socket.Packets, *net.UDPConn) {
	t.Helper()
	far, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	near, err := net.DialUDP("udp", nil, far.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	quick, err := socket.QuickPackets(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { quick.Close(); far.Close() })
	return quick, far
}

func TestPacketsKeepTheirBounds(t *testing.T) {
	quick, far := packets(t)
	for _, sent := range [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 1400)} {
		if n, err := quick.Write(sent); n != len(sent) || err != nil {
			t.Fatalf("wrote %d of %d, %v", n, len(sent), err)
		}
		buf := make([]byte, 2000)
		n, from, err := far.ReadFromUDP(buf)
		if err != nil || !bytes.Equal(buf[:n], sent) {
			t.Fatalf("got %d bytes of %d, %v", n, len(sent), err)
		}
		if _, err := far.WriteToUDP(buf[:n], from); err != nil {
			t.Fatal(err)
		}
		if n, _, err = quick.Receive(buf); err != nil || !bytes.Equal(buf[:n], sent) {
			t.Fatalf("got back %d bytes of %d, %v", n, len(sent), err)
		}
	}
}

func TestPacketsSayWhatWentWrong(t *testing.T) {
	quick, far := packets(t)
	if err := quick.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if _, _, err := quick.Receive(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	if err := quick.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if _, err := quick.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := quick.Receive(buf); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("where nobody listens: %v", err)
	}
	read := make(chan error, 1)
	go func() { _, _, err := quick.Receive(buf); read <- err }()
	quick.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := quick.Write(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestPacketsSayForHowLongTheyWaited(t *testing.T) {
	quick, far := packets(t)
	var buf [10]byte
	// lie has a packet lie for so long. passed is the time that it can have lain.
	lie := func(wait time.Duration) (waited, passed time.Duration) {
		t.Helper()
		began := time.Now() // before the packet can have come
		if _, err := far.WriteToUDP([]byte("x"), quick.LocalAddr().(*net.UDPAddr)); err != nil {
			t.Fatal(err)
		}
		<-time.After(wait)
		_, waited, err := quick.Receive(buf[:])
		if err != nil {
			t.Fatal(err)
		}
		return waited, time.Since(began)
	}
	// The kernel begins to note times when a worker of its comes to it. Until
	// then a packet has the time at which it was read.
	for deadline := time.Now().Add(20 * time.Second); ; {
		if waited, _ := lie(time.Millisecond); waited > time.Millisecond/2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no packet says that it waited")
		}
	}
	for _, wait := range []time.Duration{0, 300 * time.Millisecond} {
		// The wall clock may be slewed meanwhile.
		if waited, passed := lie(wait); waited < wait-wait/100 || waited > passed+100*time.Millisecond {
			t.Errorf("waited %v of %v", waited, passed)
		}
	}
}

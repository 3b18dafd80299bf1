package door_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/door"
	"vedette/pki"
	"vedette/pki/pkitest"
)

type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// listen runs a listener until the test ends.
func listen(t *testing.T, limits door.Limits, serve func(*door.Conn)) (*door.Listener, *pki.Pair, *logs) {
	t.Helper()
	server, out := pkitest.Pair(t, pki.KeyECDSAP256), &logs{}
	l, err := door.Listen(door.Config{
		Address: "127.0.0.1:0", TLS: pki.ServerConfig(pki.NewHolder(server)), Limits: limits,
		Logger: slog.New(slog.NewTextHandler(out, nil)), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, serve) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the listener does not end")
		}
	})
	return l, server, out
}

func dial(t *testing.T, l *door.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// strangersAre waits until the listener has taken so many strangers in.
func strangersAre(t *testing.T, l *door.Listener, want int) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if _, n := l.Counts(); n == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("there are not %d strangers", want)
		}
	}
}

func secure(t *testing.T, l *door.Listener, server, client *pki.Pair) *tls.Conn {
	t.Helper()
	var shown *tls.Certificate
	if client != nil {
		c := client.TLS()
		shown = &c
	}
	return tls.Client(dial(t, l), pki.ClientConfig(pki.PinTo(server.Fingerprint()), shown))
}

var limits = door.Limits{Admitted: 10, Strangers: 10, StrangersPerAddress: 10}

func TestConnKnowsTheLeafThatWasProved(t *testing.T) {
	came := make(chan *door.Conn, 2)
	l, server, _ := listen(t, limits, func(c *door.Conn) { came <- c })
	client := pkitest.Agent(t, "a")
	for _, who := range []*pki.Pair{client, nil} {
		if err := secure(t, l, server, who).Handshake(); err != nil {
			t.Fatal(err)
		}
		c := <-came
		switch {
		case who == nil && (c.Certificate != nil || !c.Leaf.IsZero()):
			t.Errorf("a leaf of nowhere: %s", c.Leaf)
		case who != nil && (c.Leaf != client.Fingerprint() || !bytes.Equal(c.Certificate.Raw, client.Leaf().Raw)):
			t.Errorf("leaf %s, want %s", c.Leaf, client.Fingerprint())
		}
		_ = c.Close()
	}
}

func TestOldestStrangerMakesRoomAndTheAdmittedStay(t *testing.T) {
	served := make(chan *door.Conn)
	l, server, _ := listen(t, door.Limits{Admitted: 5, Strangers: 2, StrangersPerAddress: 2}, func(c *door.Conn) {
		for range 2 { // the second changes nothing
			if !c.Admit() {
				t.Error("no room among the admitted")
			}
		}
		served <- c
		_, _ = io.Copy(c, c)
		_ = c.Close()
	})
	echo := func(c net.Conn) {
		t.Helper()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	inside := secure(t, l, server, nil)
	if err := inside.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-served
	oldest := dial(t, l)
	strangersAre(t, l, 1)
	second := dial(t, l)
	strangersAre(t, l, 2)
	third := dial(t, l)
	if _, err := oldest.Read(make([]byte, 1)); err == nil {
		t.Fatal("the oldest stranger was sent something")
	}
	echo(inside)
	for _, c := range []net.Conn{second, third} {
		late := tls.Client(c, pki.ClientConfig(pki.PinTo(server.Fingerprint()), nil))
		if err := late.Handshake(); err != nil {
			t.Fatalf("a younger stranger was cut: %v", err)
		}
		<-served
		echo(late)
	}
	if admitted, strangers := l.Counts(); admitted != 3 || strangers != 0 {
		t.Fatalf("%d admitted, %d strangers", admitted, strangers)
	}
	for _, c := range []net.Conn{inside, second, third} {
		_ = c.Close()
	}
}

// TestNobodyWaitsForAnotherConnection holds more connections at once than there
// are ever free goroutines, twice.
func TestNobodyWaitsForAnotherConnection(t *testing.T) {
	const many = 40
	came, hold := make(chan struct{}), make(chan struct{})
	l, server, _ := listen(t, door.Limits{Admitted: many, Strangers: many, StrangersPerAddress: many}, func(c *door.Conn) {
		came <- struct{}{}
		<-hold
		_ = c.Close()
	})
	t.Cleanup(func() { close(hold) }) // before the listener ends
	for range 2 {
		for range many {
			c := secure(t, l, server, nil)
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-came:
			case <-time.After(20 * time.Second):
				t.Fatal("a connection waits for others")
			}
		}
		for range many {
			hold <- struct{}{}
		}
		strangersAre(t, l, 0)
	}
}

func TestPanicCutsItsConnectionOnly(t *testing.T) {
	l, server, out := listen(t, limits, func(c *door.Conn) { panic("boom") })
	for range 2 {
		c := secure(t, l, server, nil)
		_ = c.Handshake()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("the connection goes on")
		}
	}
	if _, strangers := l.Counts(); strangers != 0 || !strings.Contains(out.String(), "boom") {
		t.Fatalf("%d strangers are left; log:\n%s", strangers, out)
	}
}

func TestIndexFindsByLeafAndNumber(t *testing.T) {
	x := door.NewIndex[string]()
	one, two := pki.Fingerprint{1}, pki.Fingerprint{2}
	x.Add(1, one, "a")
	x.Add(2, one, "b")
	x.Add(3, two, "c")
	x.Add(4, pki.Fingerprint{}, "d")
	x.Remove(2)
	x.Remove(2)
	check := func(got []string, want ...string) {
		t.Helper()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
	}
	check(x.All(), "a", "c", "d")
	check(x.Of(one), "a")
	check(x.Of(one, two), "a", "c")
	check(x.Of(pki.Fingerprint{}), "d")
	if !x.Has(1) || x.Has(2) || x.Has(9) {
		t.Error("the numbers are wrong")
	}
}

package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/pki"
	"vedette/pki/pkitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transport makes connected pairs of connections: what the dialing end holds, and what the accepting one does.
type transport func(t testing.TB) (net.Conn, net.Conn)

func overPipe(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }

func overTCP(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// certificate is a source that never changes.
type certificate struct{ c tls.Certificate }

func (c *certificate) Current() *tls.Certificate { return &c.c }

// overTLS is the real thing: mutual TLS 1.3 with pins.
func overTLS(t testing.TB) transport {
	t.Helper()
	server, client := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Agent(t, "sensor")
	shown := client.TLS()
	sc := pki.ServerConfig(&certificate{server.TLS()}, ALPN)
	cc := pki.ClientConfig(pki.PinTo(server.Fingerprint()), &shown)
	cc.NextProtos = []string{ALPN}
	sc.MinVersion, cc.MinVersion = tls.VersionTLS13, tls.VersionTLS13
	sc.DynamicRecordSizingDisabled, cc.DynamicRecordSizingDisabled = true, true
	return func(t testing.TB) (net.Conn, net.Conn) {
		t.Helper()
		c, s := overTCP(t)
		tc, ts := tls.Client(c, cc), tls.Server(s, sc)
		done := make(chan error, 1)
		go func() { done <- ts.Handshake() }()
		if err := errors.Join(tc.Handshake(), <-done); err != nil {
			t.Fatal(err)
		}
		return tc, ts
	}
}

// rig is a link with both its ends.
type rig struct {
	t        testing.TB
	connect  transport
	dial     *Link
	acceptor *Acceptor
	accept   *Link

	mu    sync.Mutex
	lanes []*Lane // of the dialing end
}

func newRig(t testing.TB, connect transport, cfg Config, classes ...Class) *rig {
	t.Helper()
	r := &rig{t: t, connect: connect, dial: NewDialing(cfg), acceptor: NewAccepting(cfg, nil)}
	t.Cleanup(func() {
		r.dial.Close(CodeShutdown, "the test ends")
		r.acceptor.Close(CodeShutdown, "the test ends")
		if r.accept != nil {
			r.accept.Wait()
		}
	})
	for _, c := range classes {
		if err := r.add(c); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// add adds a lane at both ends.
func (r *rig) add(class Class) error {
	c, s := r.connect(r.t)
	type joined struct {
		lane *Lane
		err  error
	}
	done := make(chan joined, 1)
	go func() {
		lane, err := r.acceptor.Join(context.Background(), s, "sensor")
		done <- joined{lane, err}
	}()
	lane, err := r.dial.AddLane(context.Background(), c, class)
	j := <-done
	if err := errors.Join(err, j.err); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lanes = append(r.lanes, lane)
	if r.accept == nil {
		r.accept = j.lane.Link()
	} else if j.lane.Link() != r.accept {
		return errors.New("the lane joined another link")
	}
	return nil
}

// open opens a stream and returns both its ends.
func (r *rig) open(meta Meta) (*Stream, *Stream) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	a, err := r.dial.Open(ctx, meta)
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := r.accept.Accept(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return a, b
}

// eventually polls a condition, without a pause of its own.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

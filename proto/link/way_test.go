package link

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/scripts/emulink"
	"vedette/scripts/emulink/emulinktest"
)

// overWay connects over an emulated way, in segments of a size, 0 for any.
func overWay(t testing.TB, way emulink.Options) (l *emulink.Link, connect func(size int) transport) {
	t.Helper()
	l = emulinktest.New(t, emulink.New, way)
	ln, err := l.B.Listen("tcp", net.JoinHostPort(l.B.Address.String(), "443"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	server, client := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Agent(t, "sensor")
	shown := client.TLS()
	sc := pki.ServerConfig(&certificate{server.TLS()}, ALPN)
	cc := pki.ClientConfig(pki.PinTo(server.Fingerprint()), &shown)
	cc.NextProtos = []string{ALPN}
	sc.MinVersion, cc.MinVersion = tls.VersionTLS13, tls.VersionTLS13
	return l, func(size int) transport {
		return func(t testing.TB) (net.Conn, net.Conn) {
			t.Helper()
			dialer := net.Dialer{Control: Clamp(size)}
			var c net.Conn
			err := l.A.Do(func() (err error) { c, err = dialer.Dial("tcp", ln.Addr().String()); return err })
			if err != nil {
				t.Fatal(err)
			}
			s, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			tc, ts := tls.Client(NewWhole(c), cc), tls.Server(NewWhole(s), sc)
			done := make(chan error, 1)
			go func() { done <- ts.Handshake() }()
			if err := errors.Join(tc.Handshake(), <-done); err != nil {
				t.Fatal(err)
			}
			return tc, ts
		}
	}
}

// slowest asks for n small answers, one after the other, and returns how long the slowest took.
func slowest(t *testing.T, ask, answer *Stream, n int) (most time.Duration) {
	t.Helper()
	b := make([]byte, 20) // so few that they stay interactive
	for range n {
		began := time.Now()
		if _, err := ask.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(answer, b); err != nil {
			t.Fatal(err)
		}
		most = max(most, time.Since(began))
	}
	return most
}

func TestALaneWhoseLargePacketsVanishIsReplacedAndSmallFramesGoOn(t *testing.T) {
	clean := emulink.Options{Forth: emulink.Direction{Delay: 5 * time.Millisecond}, Back: emulink.Direction{Delay: 5 * time.Millisecond}}
	way, connect := overWay(t, clean)
	r := newRig(t, connect(0), Config{}, Small, Small, Bulk, Bulk)
	small, smallPeer := r.open(Meta{})
	large, largePeer := r.open(Meta{})
	slowest(t, small, smallPeer, 5)
	eventually(t, "the lane of its OPEN is not the only one for its bulk", func() bool {
		r.dial.mu.Lock()
		defer r.dial.mu.Unlock()
		return large.s.confirmed
	})
	hole := clean
	hole.Forth.MTU = 1400 // as when a tunnel takes the place of a line
	if err := way.Set(hole); err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte("bulk"), 1<<18)
	sent := make(chan error, 1)
	go func() {
		_, err := large.Write(block)
		sent <- errors.Join(err, large.CloseWrite())
	}()
	began := time.Now()
	var stuck *StuckError
	var worst time.Duration
	for stuck == nil {
		worst = max(worst, slowest(t, small, smallPeer, 5))
		if time.Since(began) > 15*time.Second {
			t.Fatal("the lane is not given up")
		}
		for _, lane := range r.lanes {
			select {
			case <-lane.Done():
				if !errors.As(lane.Err(), &stuck) {
					t.Fatalf("a lane died: %v", lane.Err())
				}
			default:
			}
		}
	}
	after := time.Since(began)
	t.Logf("given up after %v, the slowest small frame took %v", after, worst)
	if worst > after/2 { // one that waits for the lane takes as long as the lane
		t.Errorf("a small frame took %v beside stuck bulk", worst)
	}
	if stuck.TCP.UnderWay() < uint64(stuck.TCP.SegmentSize) || stuck.TCP.SegmentSize < 1400 {
		t.Errorf("what was stuck: %+v", stuck.TCP)
	}
	r.connect = connect(1220)
	if err := r.add(Bulk); err != nil {
		t.Fatal(err)
	}
	for _, lane := range r.lanes[:4] {
		lane.Abandon(stuck)
	}
	got, err := io.ReadAll(largePeer)
	if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, block) {
		t.Errorf("%d of %d bytes came: %v", len(got), len(block), err)
	}
}

func TestSmallFramesAreCopiedOnceTheWayLosesPackets(t *testing.T) {
	clean := emulink.Options{Forth: emulink.Direction{Delay: 5 * time.Millisecond}, Back: emulink.Direction{Delay: 5 * time.Millisecond}}
	way, connect := overWay(t, clean)
	r := newRig(t, connect(0), Config{}, Small, Small)
	ask, answer := r.open(Meta{})
	slowest(t, ask, answer, 50)
	if s := r.dial.Stats(); s.Copying || s.CopiedBytes > 0 {
		t.Errorf("copies on a clean way: %+v", s)
	}
	lossy := clean
	lossy.Forth.Loss, lossy.Forth.Seed = 0.10, 1
	if err := way.Set(lossy); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); r.dial.Stats().CopiedBytes == 0; {
		if slowest(t, ask, answer, 10); time.Since(began) > 20*time.Second {
			t.Fatal("nothing is copied at 10 % loss")
		}
	}
	if s := r.accept.Stats(); s.Copying || s.CopiedBytes > 0 {
		t.Errorf("the other end, whose way is clean, copies: %+v", s)
	}
}

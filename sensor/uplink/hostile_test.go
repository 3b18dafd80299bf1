package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/uplink/uplinktest"
)

// silent is a server that goes along up to a point and then says nothing.
func silent(t *testing.T, greet func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveAll(l, func(c net.Conn) {
			greet(c)
			_, _ = io.Copy(io.Discard, c) // until the Sensor gives up
		})
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestBlackHoleIsUnreachableWithinItsDeadline(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	times := quick
	times.dial, times.authorise = 100*time.Millisecond, 100*time.Millisecond
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: says()})
	for name, address := range map[string]string{
		"before TLS":           silent(t, func(net.Conn) {}),
		"within TLS":           silent(t, func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 3, 0, 200}) }),
		"after the first lane": n.Addr(),
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Target{Address: address, Pin: pair.Fingerprint()}, options{times: times})
			if s := r.awaitDetail(acts.LinkUnreachable, "did not answer in time"); s.Next == "" {
				t.Errorf("state %+v", s)
			}
			r.refuses(problem.LinkDown, 5*time.Second)
		})
	}
}

// A server that finishes TLS and keeps silent is left to the link's handshake,
// which has 5 s; the uplink must not wait for it when it is pointed elsewhere.
func TestPointEndsWhateverIsUnderWay(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	config := pki.ServerConfig(pki.NewHolder(pair), link.ALPN)
	waiting := make(chan struct{}, 64)
	note := func() {
		select {
		case waiting <- struct{}{}:
		default:
		}
	}
	lost := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(*uplinktest.Sensor) { note() }})
	good := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	closed := newImpostor(t, "127.0.0.1:0", pair)
	closed.close()
	for name, address := range map[string]string{
		"in TLS":                       silent(t, func(net.Conn) { note() }),
		"in the handshake of the link": silent(t, func(c net.Conn) { _ = tls.Server(c, config).Handshake(); note() }),
		"waiting for Authorisation":    lost.Addr(),
		"in a pause":                   closed.listener.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			times := quick
			times.dial, times.authorise, times.link = time.Hour, time.Hour, backoff{time.Hour, time.Hour}
			r := run(t, Target{Address: address, Pin: pair.Fingerprint()}, options{times: times})
			if name == "in a pause" {
				r.awaitDetail(acts.LinkUnreachable, "nothing listens")
			} else {
				<-waiting
			}
			began := time.Now()
			r.Point(target(good, pair))
			if s := r.State(); !strings.Contains(s.Detail, good.Addr()) || strings.Contains(s.Detail, address) {
				t.Errorf("state %+v", s)
			}
			r.await(acts.LinkAccepted)
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("took %v", took)
			}
			r.ask()
		})
	}
}

func TestRunEndsAtAnyMoment(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	identity := pkitest.Agent(t, "sensor")
	for range 60 {
		r := run(t, target(n, pair), options{identity: identity})
		for range rand.N(2000) { // from the dial to lanes and reports
			runtime.Gosched()
		}
		if rand.N(4) == 0 {
			r.await(acts.LinkAccepted)
		}
		if rand.N(4) == 0 {
			r.Point(target(n, pair))
		}
		r.stop()
		if p := r.Refusal(); p == nil {
			t.Fatal("agents are carried by nobody")
		}
		if _, err := r.Open(t.Context(), meta); err == nil {
			t.Fatal("a stream was opened")
		}
	}
}

func TestCopiedIdentityShowsOnBothMachines(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	identity := pkitest.Agent(t, "sensor")
	a := run(t, target(n, pair), options{identity: identity})
	a.await(acts.LinkAccepted)
	b := run(t, target(n, pair), options{identity: identity})
	for _, r := range []*rig{a, b} {
		r.until("the other machine", func(s State) bool { return strings.Contains(s.Detail, "two machines use one identity") })
	}
}

func TestAnnouncementThatIsNotKeptIsAcceptedAllTheSame(t *testing.T) {
	turn := newTurn(Target{Pin: pki.Fingerprint{1}})
	turn.meet(pki.Fingerprint{1})
	log := &lines{}
	u := newUplink(Config{Identity: pkitest.Agent(t, "sensor"), Logger: logger(log), Now: time.Now,
		Announce: func(context.Context, pki.Fingerprint, pki.Fingerprint) error { return errors.New("disk is full") }}, Target{}, quick)
	l := &life{up: u, turn: turn}
	next := pki.Fingerprint{2}
	if err := l.announced(t.Context(), next[:]); err != nil {
		t.Error(err)
	}
	if turn.pins() != (pins{pki.Fingerprint{1}, next}) || !strings.Contains(log.String(), "disk is full") {
		t.Errorf("accepts %v; log: %s", turn.pins(), log)
	}
}

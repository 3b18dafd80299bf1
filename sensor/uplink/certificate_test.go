package uplink

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/uplink/uplinktest"
)

// impostor shows a certificate and counts what it is told after its handshake.
type impostor struct {
	listener net.Listener
	visits   atomic.Int32
	told     atomic.Int64 // bytes of application data
	shown    atomic.Int32 // client certificates
	done     chan struct{}
}

func newImpostor(t *testing.T, address string, p *pki.Pair, protocols ...string) *impostor {
	t.Helper()
	config := pki.ServerConfig(pki.NewHolder(p), protocols...)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	i := &impostor{listener: listener, done: make(chan struct{})}
	go func() {
		defer close(i.done)
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			i.visit(tls.Server(raw, config))
		}
	}()
	t.Cleanup(i.close)
	return i
}

func (i *impostor) close() {
	_ = i.listener.Close() // it may be closed
	<-i.done
}

func (i *impostor) visit(conn *tls.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_ = conn.Handshake() // it may fail, and should
	n, _ := io.Copy(io.Discard, conn)
	i.told.Add(n)
	i.shown.Add(int32(len(conn.ConnectionState().PeerCertificates)))
	i.visits.Add(1)
}

func TestReplacedCertificateIsToldAndNothingIsSent(t *testing.T) {
	pair, other := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	to := target(n, pair)
	r := run(t, to, options{})
	r.await(acts.LinkAccepted)
	n.Stop()
	i := newImpostor(t, to.Address, other, link.ALPN)
	s := r.await(acts.LinkCertificateChanged)
	if s.Expected != pair.Fingerprint() || s.Met != other.Fingerprint() || !strings.Contains(s.Next, "sensor central-node set "+to.Address) {
		t.Errorf("state %+v", s)
	}
	r.refuses(problem.CentralNodeChanged, retryLater)
	poll(t, func() bool { return i.visits.Load() >= 3 })
	if now := r.State(); now != s {
		t.Errorf("state went from %+v to %+v", s, now)
	}
	i.close()
	if i.told.Load() != 0 || i.shown.Load() != 0 {
		t.Errorf("%d bytes and %d identities were sent to another server", i.told.Load(), i.shown.Load())
	}

	// Away is not back: what a person has to do stays.
	poll(t, func() bool {
		_, since, _ := strings.Cut(r.log.String(), "another certificate")
		return strings.Contains(since, "connection refused")
	})
	if now := r.State(); now != s {
		t.Errorf("state went from %+v to %+v", s, now)
	}
	uplinktest.Listen(t, uplinktest.Options{Address: to.Address, Certificate: pair, Server: there})
	if s = r.await(acts.LinkAccepted); !s.Met.IsZero() {
		t.Errorf("state %+v", s)
	}
}

func TestServerWithoutTheLinkIsNoCentralNode(t *testing.T) {
	for name, protocols := range map[string][]string{"without ALPN": nil, "with another ALPN": {"http/1.1"}} {
		t.Run(name, func(t *testing.T) {
			pair := pkitest.Pair(t, pki.KeyECDSAP256)
			i := newImpostor(t, "127.0.0.1:0", pair, protocols...)
			address := i.listener.Addr().String()
			r := run(t, Target{Address: address, Pin: pair.Fingerprint()}, options{})
			if s := r.awaitDetail(acts.LinkUnreachable, "takes no Sensors"); s.Next == "" {
				t.Errorf("state %+v", s)
			}
			r.stop()
			i.close()
			if i.told.Load() != 0 {
				t.Errorf("%d bytes were sent to it", i.told.Load())
			}
		})
	}
}

func TestAnnouncedCertificateIsAcceptedWhenItIsShown(t *testing.T) {
	first, second, third := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)
	announce := func(next []byte) *controlv1.FromCentralNode {
		return &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_NextPin{NextPin: &controlv1.NextPin{Fingerprint: next}}}
	}
	listen := func(address string, p *pki.Pair) *uplinktest.CentralNode {
		return uplinktest.Listen(t, uplinktest.Options{Address: address, Certificate: p, Server: there})
	}
	n := listen("", first)
	to := target(n, first)
	r := run(t, to, options{})
	s := n.Sensor()
	is := func(pin, next pki.Fingerprint) {
		t.Helper()
		select {
		case got := <-r.announced:
			if got != [2]pki.Fingerprint{pin, next} {
				t.Errorf("kept %v, want %v and %v", got, pin, next)
			}
		case <-time.After(patience):
			t.Fatal("no announcement was kept")
		}
	}
	f1, f2, f3 := first.Fingerprint(), second.Fingerprint(), third.Fingerprint()
	s.Say(announce(f3[:]))
	is(f1, f3)
	s.Say(announce(nil)) // taken back
	is(f1, pki.Fingerprint{})
	s.Say(announce(f2[:]), announce(f2[:]))
	is(f1, f2)

	n.Stop()
	n = listen(to.Address, second)
	s = n.Sensor()
	r.await(acts.LinkAccepted)
	s.Say(announce(nil), announce(f1[:])) // neither may shut the Sensor out
	s.Say(announce(f3[:]))
	is(f2, f3)
	r.ask()

	n.Stop()
	n = listen(to.Address, first)
	if st := r.await(acts.LinkCertificateChanged); st.Met != f1 || st.Expected != f2 {
		t.Errorf("state %+v", st)
	}
	n.Stop()
	listen(to.Address, third)
	r.await(acts.LinkAccepted)
	if len(r.announced) != 0 {
		t.Errorf("kept %v", <-r.announced)
	}
}

func TestProbeShowsTheCertificateAndSendsNothing(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	i := newImpostor(t, "127.0.0.1:0", pair, "http/1.1", link.ALPN)
	leaf, err := Probe(t.Context(), i.listener.Addr().String())
	if err != nil || pki.FingerprintOf(leaf.Raw) != pair.Fingerprint() {
		t.Fatalf("met %v, %v", leaf, err)
	}
	i.close()
	if i.visits.Load() != 1 || i.told.Load() != 0 || i.shown.Load() != 0 {
		t.Errorf("%d visits, %d bytes, %d identities", i.visits.Load(), i.told.Load(), i.shown.Load())
	}
}

func TestProbeExplainsWhyThereIsNoCertificate(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	closed := newImpostor(t, "127.0.0.1:0", pair)
	closed.close()
	old, err := tls.Listen("tcp", "127.0.0.1:0", oldTLS(pair))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	go serveAll(old, func(c net.Conn) { _ = c.(*tls.Conn).Handshake() })
	plain := answering(t, "SSH-2.0-OpenSSH_9.9\r\n")
	cutting := answering(t, "")
	for name, c := range map[string]struct{ address, words string }{
		"nobody":             {closed.listener.Addr().String(), "nothing listens"},
		"no TLS 1.3":         {old.Addr().String(), "does not speak TLS 1.3"},
		"no TLS":             {plain, "does not speak TLS."},
		"no link":            {newImpostor(t, "127.0.0.1:0", pair).listener.Addr().String(), "no Central Node"},
		"no link, with ALPN": {newImpostor(t, "127.0.0.1:0", pair, "h2").listener.Addr().String(), "no Central Node"},
		"cut":                {cutting, "cut the connection"},
		"no name":            {"nobody.invalid:443", "cannot be resolved"},
		"no port":            {"127.0.0.1", "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Probe(t.Context(), c.address)
			var p *ProbeError
			if !errors.As(err, &p) || !strings.Contains(p.Text, c.words) || !strings.Contains(p.Text, c.address) || p.Hint == "" || p.Err == nil {
				t.Errorf("says %v (%#v)", err, p)
			}
		})
	}
}

func oldTLS(p *pki.Pair) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{p.TLS()}, MaxVersion: tls.VersionTLS12}
}

func serveAll(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		serve(c)
		_ = c.Close()
	}
}

// answering is a server that reads a little, says something and closes.
func answering(t *testing.T, greeting string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveAll(l, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, greeting)
			if greeting == "" {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
		})
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

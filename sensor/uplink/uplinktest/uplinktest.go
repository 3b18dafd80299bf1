// Package uplinktest is the Central Node's end of Sensor links for tests: real
// TLS on loopback, real lanes, and control messages that the test decides on.
package uplinktest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/internal/machine"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// Options say what a CentralNode is like.
type Options struct {
	Address     string    // empty: a free port of 127.0.0.1
	Certificate *pki.Pair // that it shows
	Server      machine.Digest
	// Answer is called for each link after its Introduction, on a goroutine of
	// its own; nil accepts at once, with a policy without validation.
	Answer func(*Sensor)
	// Serve is called for each stream, on a goroutine of its own; nil sends back
	// what comes.
	Serve func(*link.Stream)
	// TLS changes the configuration, for servers that are no Central Node.
	TLS func(*tls.Config)
}

// CentralNode lets Sensors in.
type CentralNode struct {
	t        testing.TB
	o        Options
	listener net.Listener
	acceptor *link.Acceptor
	sensors  chan *Sensor
	running  sync.WaitGroup
	stop     context.CancelFunc

	mu    sync.Mutex
	conns []net.Conn // that are open, the raw ones
	fault []error    // of handshakes and joins
}

// Sensor is a link of one.
type Sensor struct {
	t            testing.TB
	node         *CentralNode
	Link         *link.Link
	Identity     pki.Fingerprint
	Introduction *controlv1.Introduction
	// Said gets what comes after the Introduction.
	Said chan *controlv1.FromSensor
}

// Listen starts a CentralNode, which is stopped with the test.
func Listen(t testing.TB, o Options) *CentralNode {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		t.Fatalf("uplinktest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &CentralNode{t: t, o: o, listener: listener, acceptor: link.NewAccepting(link.Config{}, nil), sensors: make(chan *Sensor, 64), stop: cancel}
	config := pki.ServerConfig(pki.NewHolder(o.Certificate), link.ALPN, "http/1.1")
	config.MinVersion = tls.VersionTLS13
	config.DynamicRecordSizingDisabled = true
	if o.TLS != nil {
		o.TLS(config)
	}
	n.running.Go(func() { n.accept(ctx, config) })
	t.Cleanup(n.Stop)
	return n
}

// Addr is where it listens.
func (n *CentralNode) Addr() string { return n.listener.Addr().String() }

// Stop ends all links in order and waits for everything. Stopping twice is
// allowed.
func (n *CentralNode) Stop() {
	n.acceptor.Close(link.CodeShutdown, "the Central Node stops")
	n.Kill()
}

// Kill ends everything without a word, as kill -9 does.
func (n *CentralNode) Kill() {
	n.stop()
	_ = n.listener.Close() // it may be closed
	n.KillLanes()
	n.acceptor.Close(link.CodeShutdown, "")
	n.running.Wait()
}

// KillLanes cuts all connections and returns how many there were.
func (n *CentralNode) KillLanes() int {
	n.mu.Lock()
	conns := slices.Clone(n.conns)
	n.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // it is cut
	}
	return len(conns)
}

// KillOldest cuts the oldest connection; false means that there is none.
func (n *CentralNode) KillOldest() bool {
	n.mu.Lock()
	conns := slices.Clone(n.conns)
	n.mu.Unlock()
	if len(conns) == 0 {
		return false
	}
	_ = conns[0].Close() // it is cut
	return true
}

// Connections is how many there are.
func (n *CentralNode) Connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// Faults are the errors of handshakes and joins so far.
func (n *CentralNode) Faults() []error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]error(nil), n.fault...)
}

// Sensor waits for the next link and its Introduction.
func (n *CentralNode) Sensor() *Sensor {
	n.t.Helper()
	select {
	case s := <-n.sensors:
		return s
	case <-time.After(patience):
		n.t.Fatal("uplinktest: no Sensor came")
		return nil
	}
}

// NoSensor checks that no link came that was not asked for.
func (n *CentralNode) NoSensor() {
	n.t.Helper()
	select {
	case <-n.sensors:
		n.t.Error("uplinktest: a Sensor came")
	default:
	}
}

func (n *CentralNode) accept(ctx context.Context, config *tls.Config) {
	for {
		raw, err := n.listener.Accept()
		if err != nil {
			return
		}
		noted := &conn{Conn: raw, node: n}
		n.mu.Lock()
		n.conns = append(n.conns, noted)
		n.mu.Unlock()
		if ctx.Err() != nil {
			_ = noted.Close()
		}
		n.running.Go(func() {
			if err := n.join(ctx, noted, config); err != nil {
				_ = noted.Close()
				n.mu.Lock()
				n.fault = append(n.fault, err)
				n.mu.Unlock()
			}
		})
	}
}

func (n *CentralNode) join(ctx context.Context, raw net.Conn, config *tls.Config) error {
	secured := tls.Server(raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	certs := secured.ConnectionState().PeerCertificates
	if len(certs) == 0 || secured.ConnectionState().NegotiatedProtocol != link.ALPN {
		return io.ErrUnexpectedEOF // not a Sensor; a probe for example
	}
	identity := pki.FingerprintOf(certs[0].Raw)
	lane, err := n.acceptor.Join(ctx, secured, identity.String())
	if err != nil || !lane.First() {
		return err
	}
	s := &Sensor{t: n.t, node: n, Link: lane.Link(), Identity: identity, Said: make(chan *controlv1.FromSensor, 1024)}
	n.running.Go(func() { s.listen(ctx) })
	n.running.Go(func() { s.serve(ctx) })
	return nil
}

// listen reads what the Sensor says.
func (s *Sensor) listen(ctx context.Context) {
	for {
		raw, err := s.Link.Receive(ctx)
		if err != nil {
			return
		}
		m := new(controlv1.FromSensor)
		if err := proto.Unmarshal(raw, m); err != nil {
			s.t.Errorf("uplinktest: the Sensor said %x: %v", raw, err)
			return
		}
		if in := m.GetIntroduction(); in != nil && s.Introduction == nil {
			s.Introduction = in
			s.node.running.Go(func() { s.answer(ctx) })
			continue
		}
		if s.Introduction == nil {
			s.t.Errorf("uplinktest: the Sensor said %v before its Introduction", m)
		}
		select {
		case s.Said <- m:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Sensor) answer(ctx context.Context) {
	if answer := s.node.o.Answer; answer != nil {
		answer(s)
	} else {
		s.Accept(&controlv1.Policy{StoreID: "store", Revision: 1})
	}
	select {
	case s.node.sensors <- s:
	case <-ctx.Done():
	}
}

func (s *Sensor) serve(ctx context.Context) {
	serve := s.node.o.Serve
	if serve == nil {
		serve = echo
	}
	for {
		stream, err := s.Link.Accept(ctx)
		if err != nil {
			return
		}
		s.node.running.Go(func() { serve(stream) })
	}
}

func echo(stream *link.Stream) {
	if _, err := io.Copy(stream, stream); err != nil {
		stream.Reset(link.CodeCancel, "")
		return
	}
	_ = stream.Close() // the other end sees whether everything came
}

// Say sends control messages; a link that has ended takes none.
func (s *Sensor) Say(messages ...*controlv1.FromCentralNode) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, m := range messages {
		raw, err := proto.Marshal(m)
		if err != nil {
			s.t.Errorf("uplinktest: %v", err)
			return
		}
		if s.Link.Send(ctx, raw) != nil {
			return
		}
	}
}

// Authorise sends the state of the Sensor's request.
func (s *Sensor) Authorise(state controlv1.Authorisation_State) {
	s.Say(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Authorisation{
		Authorisation: &controlv1.Authorisation{State: state, Server: s.node.o.Server[:]},
	}})
}

// Accept sends Accepted and a policy.
func (s *Sensor) Accept(p *controlv1.Policy) {
	s.Authorise(controlv1.Authorisation_STATE_ACCEPTED)
	s.Say(p.Split()...)
}

// Taken waits for a PolicyTaken.
func (s *Sensor) Taken() *controlv1.PolicyTaken {
	s.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case m := <-s.Said:
			if taken := m.GetPolicyTaken(); taken != nil {
				return taken
			}
		case <-deadline:
			s.t.Fatal("uplinktest: no PolicyTaken came")
			return nil
		}
	}
}

// conn takes itself off the list when it is closed.
type conn struct {
	net.Conn
	node *CentralNode
}

func (c *conn) Close() error {
	c.node.mu.Lock()
	c.node.conns = slices.DeleteFunc(c.node.conns, func(o net.Conn) bool { return o == net.Conn(c) })
	c.node.mu.Unlock()
	return c.Conn.Close()
}

// Package sensortest is a Sensor for tests of the Central Node: the real link
// over real TLS, without agents, policy or manners of its own. It does what a
// test says, also what an orderly Sensor never would.
package sensortest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/internal/machine"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// patience is how long a test waits for what should come soon.
const patience = 20 * time.Second

// Sensor is one Sensor. Its fields are set before Connect.
type Sensor struct {
	Address  string          // of the Central Node
	Pin      pki.Fingerprint // its server certificate
	Identity *pki.Pair
	Name     string
	Server   machine.Digest // where the Sensor says that it runs
	Request  [16]byte
	// ServerCertificate is what its agents are said to pin.
	ServerCertificate pki.Fingerprint
	// From is the address that its agents are said to have.
	From netip.AddrPort
	// Source is the local address that it connects from, if any.
	Source string

	// Silent leaves the Introduction out, Deaf reads no control messages, and
	// Mute takes policies without saying so.
	Silent, Deaf, Mute bool

	t       testing.TB
	reading sync.WaitGroup
	link    *link.Link

	mu     sync.Mutex // guards what follows
	states []controlv1.Authorisation_State
	policy *controlv1.Policy // the last whole one
	count  int               // of whole policies
	given  []*controlv1.Measure
	drain  bool
	broken error
	moved  chan struct{}
}

// New makes a Sensor with an identity of its own, on another server.
func New(t testing.TB, address string, pin pki.Fingerprint, name string) *Sensor {
	t.Helper()
	s := &Sensor{Address: address, Pin: pin, Identity: pkitest.Agent(t, name), Name: name, From: netip.MustParseAddrPort("192.0.2.7:4711"), t: t, moved: make(chan struct{})}
	_, _ = rand.Read(s.Request[:]) // never fails (crypto/rand)
	_, _ = rand.Read(s.Server[:])
	t.Cleanup(s.Close)
	return s
}

// Dial makes a TLS connection that speaks the link.
func (s *Sensor) Dial() (*tls.Conn, error) {
	c := s.Identity.TLS()
	config := pki.ClientConfig(pki.PinTo(s.Pin), &c)
	config.NextProtos = []string{link.ALPN}
	dialer := net.Dialer{Timeout: patience}
	if s.Source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(s.Source)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := (&tls.Dialer{NetDialer: &dialer, Config: config}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// Connect begins a link with one lane and introduces the Sensor.
func (s *Sensor) Connect() error {
	s.Close()
	s.mu.Lock()
	s.states, s.policy, s.count, s.given, s.drain, s.broken = nil, nil, 0, nil, false, nil
	s.mu.Unlock()
	s.link = link.NewDialing(link.Config{})
	if _, err := s.AddLane(link.Small); err != nil {
		s.link = nil
		return err
	}
	if !s.Deaf {
		l := s.link
		s.reading.Go(func() { s.read(l) })
	}
	if s.Silent {
		return nil
	}
	return s.Introduce()
}

// AddLane adds a lane to the link.
func (s *Sensor) AddLane(class link.Class) (*link.Lane, error) {
	conn, err := s.Dial()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.link.AddLane(ctx, conn, class)
}

// Introduce says who the Sensor is.
func (s *Sensor) Introduce() error {
	return s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_Introduction{Introduction: &controlv1.Introduction{
		Name: s.Name, Version: "test", Addresses: []string{"192.0.2.10"}, Server: s.Server[:], Request: s.Request[:], ServerCertificate: s.ServerCertificate[:],
	}}})
}

// Say sends a control message.
func (s *Sensor) Say(m *controlv1.FromSensor) error {
	raw, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.link.Send(ctx, raw)
}

// Link is the link of the last Connect.
func (s *Sensor) Link() *link.Link { return s.link }

// Close ends the link.
func (s *Sensor) Close() {
	if s.link != nil {
		s.link.Close(link.CodeShutdown, "")
		s.reading.Wait()
	}
}

// read takes control messages until the link ends.
func (s *Sensor) read(l *link.Link) {
	var assembler controlv1.Assembler
	for {
		raw, err := l.Receive(context.Background())
		if err != nil {
			s.note(func() {}) // whoever waits finds the link ended
			return
		}
		m := new(controlv1.FromCentralNode)
		if err := proto.Unmarshal(raw, m); err != nil {
			s.note(func() { s.broken = err })
			return
		}
		switch m := m.GetMessage().(type) {
		case *controlv1.FromCentralNode_Authorisation:
			s.note(func() { s.states = append(s.states, m.Authorisation.GetState()) })
		case *controlv1.FromCentralNode_PolicyBegin:
			err = assembler.Begin(m.PolicyBegin)
		case *controlv1.FromCentralNode_PolicyChunk:
			err = assembler.Chunk(m.PolicyChunk)
		case *controlv1.FromCentralNode_PolicyEnd:
			var p *controlv1.Policy
			if p, err = assembler.End(m.PolicyEnd); err == nil {
				s.note(func() { s.policy = p; s.count++ })
				if !s.Mute {
					_ = s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_PolicyTaken{PolicyTaken: &controlv1.PolicyTaken{
						Version: &controlv1.PolicyVersion{StoreId: p.StoreID, Revision: p.Revision}}}}) // the link may have ended
				}
			}
		case *controlv1.FromCentralNode_Measure:
			s.note(func() { s.given = append(s.given, m.Measure) })
		case *controlv1.FromCentralNode_Drain:
			s.note(func() { s.drain = true })
		}
		if err != nil {
			s.note(func() { s.broken = err })
			return
		}
	}
}

func (s *Sensor) note(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.moved)
	s.moved = make(chan struct{})
}

// until waits until ok holds; it is asked with mu locked.
func (s *Sensor) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		done, broken, moved, states := ok(), s.broken, s.moved, slices.Clone(s.states)
		s.mu.Unlock()
		if done {
			return
		}
		if broken != nil {
			s.t.Fatalf("%s: the Central Node broke the protocol: %v", s.Name, broken)
		}
		select {
		case <-moved:
		case <-deadline.C:
			s.t.Fatalf("%s: %s: not within %s; it was told %v, link: %v", s.Name, what, patience, states, s.link.Err())
		}
	}
}

// AwaitState waits until the last Authorisation says state.
func (s *Sensor) AwaitState(state controlv1.Authorisation_State) {
	s.t.Helper()
	s.until("state "+state.String(), func() bool { return len(s.states) > 0 && s.states[len(s.states)-1] == state })
}

// AwaitPolicy waits for a policy of at least a revision.
func (s *Sensor) AwaitPolicy(revision uint64) *controlv1.Policy {
	s.t.Helper()
	s.until(fmt.Sprintf("policy %d", revision), func() bool { return s.policy != nil && s.policy.Revision >= revision })
	return s.Policy()
}

// AwaitMeasure waits for the nth Measure of this link, from 1 on.
func (s *Sensor) AwaitMeasure(nth int) *controlv1.Measure {
	s.t.Helper()
	s.until(fmt.Sprintf("%d times what to measure with", nth), func() bool { return len(s.given) >= nth })
	return s.Measures()[nth-1]
}

// Measures are all that the Sensor was given to measure with on this link.
func (s *Sensor) Measures() []*controlv1.Measure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.given)
}

// AwaitDrain waits for the announcement that the node stops.
func (s *Sensor) AwaitDrain() {
	s.t.Helper()
	s.until("drain", func() bool { return s.drain })
}

// AwaitEnd waits for the end of the link and returns why it ended.
func (s *Sensor) AwaitEnd() *link.Error {
	s.t.Helper()
	select {
	case <-s.link.Done():
	case <-time.After(patience):
		s.t.Fatalf("%s: the link does not end", s.Name)
	}
	var e *link.Error
	if !errors.As(s.link.Err(), &e) {
		s.t.Fatalf("%s: the link ended with %v", s.Name, s.link.Err())
	}
	return e
}

// Policy is the last whole policy, nil when there was none.
func (s *Sensor) Policy() *controlv1.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy
}

// States are all that the Sensor was told on this link.
func (s *Sensor) States() []controlv1.Authorisation_State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

// Open opens a stream for an agent with some leaf, or none.
func (s *Sensor) Open(leaf []byte) (*link.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.link.Open(ctx, link.Meta{Address: s.From, TLSVersion: tls.VersionTLS13, Leaf: leaf})
}

// Client is an HTTP client of one agent behind the Sensor: each of its
// connections is a stream. Its URLs begin with http.
func (s *Sensor) Client(leaf *pki.Pair) *http.Client {
	var der []byte
	if leaf != nil {
		der = leaf.Leaf().Raw
	}
	return s.client(func() (*link.Stream, error) { return s.Open(der) })
}

// HTTP is an HTTP client whose one connection is a stream.
func (s *Sensor) HTTP(stream *link.Stream) *http.Client {
	return s.client(sync.OnceValues(func() (*link.Stream, error) { return stream, nil }))
}

func (s *Sensor) client(open func() (*link.Stream, error)) *http.Client {
	transport := &http.Transport{MaxConnsPerHost: 1, DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		stream, err := open()
		if err != nil {
			return nil, err
		}
		return stream, nil
	}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

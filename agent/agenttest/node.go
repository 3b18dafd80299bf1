// Package agenttest is a Central Node for tests of agents, or a Sensor in front
// of one: real TLS, the real agent service, and switches for everything that
// can go wrong.
package agenttest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/about"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
	"vedette/proto/problem"
)

// Node is a fake Central Node. The fields are set before agents connect, or
// under Set.
type Node struct {
	Address string
	Pair    *pki.Pair
	Service http.Handler // the agent service, for a Handler that passes some requests on

	listener net.Listener
	holder   *pki.Holder
	server   *http.Server

	mu sync.Mutex
	Rules
	syncs    []*agentv1.SyncRequest
	highest  map[[2]string]uint64
	ids      map[string]int
	packages int
	conns    map[net.Conn]struct{}
	peers    map[pki.Fingerprint]int // requests by client certificate; zero: none
}

// Rules say how a node answers.
type Rules struct {
	Refuse   *problem.Problem                       // answers everything, when set
	SendWith func(*agentv1.SendEventsRequest) error // before a package is taken; http.ErrAbortHandler cuts the connection
	SendThen func(*agentv1.SendEventsRequest) error // after it was taken, likewise
	NextPin  []byte
	Settings *agentv1.Settings
	Clock    func() time.Time
	Handler  http.Handler   // instead of the service, when set
	About    func(net.Conn) // has connections that ask about the server; nil: it does not know how
}

// Says answers those who ask about the server: its role, and what some pins are there.
func Says(role string, pins map[pki.Fingerprint]string) func(net.Conn) {
	return func(c net.Conn) {
		// An asker that is gone is a test's own business.
		_ = about.Serve(c, func(asked [32]byte) about.Answer { return about.Answer{Role: role, Pin: pins[asked]} })
	}
}

// Start runs a node until the test ends.
func Start(t testing.TB) *Node {
	t.Helper()
	return StartWith(t, pkitest.Pair(t, pki.KeyECDSAP256))
}

// StartWith is Start with a server certificate.
func StartWith(t testing.TB, pair *pki.Pair) *Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{
		Address: l.Addr().String(), Pair: pair, listener: l, holder: pki.NewHolder(pair),
		highest: make(map[[2]string]uint64), ids: make(map[string]int), conns: make(map[net.Conn]struct{}), peers: make(map[pki.Fingerprint]int),
	}
	path, service := agentv1connect.NewAgentServiceHandler(n, connect.WithCompression("zstd", newDecompressor, newCompressor))
	mux := http.NewServeMux()
	mux.Handle(path, service)
	n.Service = mux
	n.server = &http.Server{
		Handler:   n.gate(),
		ErrorLog:  log.New(io.Discard, "", 0),
		ConnState: n.connState,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){
			about.ALPN: func(_ *http.Server, c *tls.Conn, _ http.Handler) { n.about(c) },
		},
	}
	done := make(chan error, 1)
	go func() { done <- n.server.Serve(tls.NewListener(l, n.tls())) }()
	t.Cleanup(func() {
		_ = n.server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("node ended: %v", err)
		}
	})
	return n
}

// tls offers what the rules say at the moment.
func (n *Node) tls() *tls.Config {
	config := pki.ServerConfig(n.holder, "http/1.1")
	asked := pki.ServerConfig(n.holder, "http/1.1", about.ALPN)
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.About != nil {
			return asked, nil
		}
		return config, nil
	}
	return config
}

func (n *Node) about(c net.Conn) {
	defer c.Close()
	n.mu.Lock()
	f := n.About
	n.mu.Unlock()
	if f != nil {
		f(c)
	}
}

func newDecompressor() connect.Decompressor {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return decompressor{d}
}

type decompressor struct{ *zstd.Decoder }

// Close leaves the decoder usable: Connect keeps it.
func (d decompressor) Close() error { return nil }

func newCompressor() connect.Compressor {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return e
}

// Set changes the rules.
func (n *Node) Set(f func(*Rules)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(&n.Rules)
}

// Swap changes the server certificate.
func (n *Node) Swap(p *pki.Pair) { n.holder.Swap(p) }

// Cut ends all connections, as a withdrawal does.
func (n *Node) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		_ = c.Close()
	}
}

func (n *Node) connState(c net.Conn, s http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch s {
	case http.StateNew:
		n.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(n.conns, c)
	}
}

func (n *Node) gate() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		var peer pki.Fingerprint
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			peer = pki.FingerprintOf(certs[0].Raw)
		}
		n.peers[peer]++
		refuse, handler := n.Refuse, n.Handler
		n.mu.Unlock()
		switch {
		case handler != nil:
			handler.ServeHTTP(w, r)
		case refuse != nil:
			problem.Write(w, refuse)
		default:
			n.Service.ServeHTTP(w, r)
		}
	})
}

// Sync implements the service.
func (n *Node) Sync(_ context.Context, r *agentv1.SyncRequest) (*agentv1.SyncResponse, error) {
	if len(r.GetAgentId()) != 32 || len(r.GetQueueId()) != 32 {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("no agent_id"))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.syncs = append(n.syncs, r)
	now := time.Now
	if n.Clock != nil {
		now = n.Clock
	}
	return &agentv1.SyncResponse{Settings: n.Settings, NextPin: n.NextPin, Clock: timestamppb.New(now())}, nil
}

// SendEvents implements the service.
func (n *Node) SendEvents(_ context.Context, r *agentv1.SendEventsRequest) (*agentv1.SendEventsResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := obey(n.SendWith, r); err != nil {
		return nil, err
	}
	key := [2]string{r.GetAgentId(), r.GetQueueId()}
	if r.GetSeq() > n.highest[key] {
		n.highest[key] = r.GetSeq()
		n.packages++
		for _, e := range r.GetEvents() {
			n.ids[e.GetId()]++
		}
	}
	if err := obey(n.SendThen, r); err != nil {
		return nil, err
	}
	return &agentv1.SendEventsResponse{DurableSeq: n.highest[key]}, nil
}

func obey(rule func(*agentv1.SendEventsRequest) error, r *agentv1.SendEventsRequest) error {
	if rule == nil {
		return nil
	}
	err := rule(r)
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler) // how net/http is told to cut
	}
	return err
}

// Syncs are all Syncs so far.
func (n *Node) Syncs() []*agentv1.SyncRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.syncs[:len(n.syncs):len(n.syncs)]
}

// Events counts each event id that had an effect.
func (n *Node) Events() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := make(map[string]int, len(n.ids))
	for id, c := range n.ids {
		ids[id] = c
	}
	return ids
}

// Packages is how many packages had an effect.
func (n *Node) Packages() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.packages
}

// Requests counts requests by client certificate; zero stands for none.
func (n *Node) Requests(f pki.Fingerprint) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.peers[f]
}

// Eventually waits until f is true.
func Eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

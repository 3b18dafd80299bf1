package pki_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
)

// server accepts TLS connections with a configuration and reports each handshake. It answers one octet with one octet.
type server struct {
	addr    string
	results chan result
}

type result struct {
	state tls.ConnectionState
	err   error
}

// serve starts a server that ends with the test.
func serve(t testing.TB, cfg *tls.Config) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: listener.Addr().String(), results: make(chan result, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			s.results <- s.handle(tls.Server(raw, cfg))
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		for {
			select {
			case <-s.results:
			case <-done:
				return
			}
		}
	})
	return s
}

func (s *server) handle(conn *tls.Conn) result {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := conn.Handshake(); err != nil {
		return result{err: err}
	}
	octet := make([]byte, 1)
	if _, err := io.ReadFull(conn, octet); err != nil {
		return result{state: conn.ConnectionState(), err: err}
	}
	_, err := conn.Write(octet)
	return result{state: conn.ConnectionState(), err: err}
}

// visit connects, exchanges an octet and returns what both sides saw.
func (s *server) visit(t testing.TB, cfg *tls.Config) (client tls.ConnectionState, server result, clientErr error) {
	t.Helper()
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, cfg)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	clientErr = func() error {
		if err := conn.Handshake(); err != nil {
			return err
		}
		if _, err := conn.Write([]byte{1}); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, 1)) // a session ticket would arrive before this
		return err
	}()
	client = conn.ConnectionState()
	conn.Close()
	return client, <-s.results, clientErr
}

func tlsOf(p *pki.Pair) *tls.Certificate {
	c := p.TLS()
	return &c
}

func anyPin(pki.Fingerprint) error { return nil }

var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// A1: a resumed session would carry an identity past its withdrawal, so none is ever resumed, across certificate
// changes and server names.
func TestServerNeverResumesASession(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			pairs := []*pki.Pair{pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)}
			holder := pki.NewHolder(pairs[0])
			srv := serve(t, pki.ServerConfig(holder))
			agent := pkitest.Agent(t, "agent")
			cache := tls.NewLRUClientSessionCache(64)
			for i := range 500 { // 1,000 over both versions
				holder.Swap(pairs[i/100%2])
				cfg := pki.ClientConfig(anyPin, tlsOf(agent))
				cfg.ClientSessionCache = cache
				cfg.MaxVersion = version
				cfg.ServerName = []string{"localhost", "other.test"}[i%2]
				client, server, err := srv.visit(t, cfg)
				if err != nil || server.err != nil {
					t.Fatalf("visit %d: %v, %v", i, err, server.err)
				}
				if client.DidResume || server.state.DidResume {
					t.Fatalf("visit %d resumed a session", i)
				}
				if client.Version != version || len(server.state.PeerCertificates) != 1 {
					t.Fatalf("visit %d: version %x, %d certificates", i, client.Version, len(server.state.PeerCertificates))
				}
			}
		})
	}
}

// The control of the test above: with tickets, the same client does resume, and its pin is checked all the same.
func TestClientChecksItsPinOnResumedSessions(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			pair := pkitest.Pair(t, pki.KeyECDSAP256)
			cfg := pki.ServerConfig(pki.NewHolder(pair))
			cfg.SessionTicketsDisabled = false
			srv := serve(t, cfg)
			calls := 0
			client := pki.ClientConfig(func(f pki.Fingerprint) error {
				if calls++; calls == 3 {
					return pki.PinTo()(f)
				}
				return pki.PinTo(pair.Fingerprint())(f)
			}, nil)
			client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			client.ServerName = "localhost"
			client.MaxVersion = version
			for visit := 1; visit <= 3; visit++ {
				state, _, err := srv.visit(t, client)
				if visit == 2 && !state.DidResume {
					t.Error("the control did not resume")
				}
				mismatch := (*pki.PinMismatch)(nil)
				if refused := errors.As(err, &mismatch); refused != (visit == 3) {
					t.Errorf("visit %d: %v", visit, err)
				}
			}
			if calls != 3 {
				t.Errorf("the pin was checked %d times in 3 visits", calls)
			}
		})
	}
}

// A2: the identity is the first certificate alone, and its key must be there.
func TestIdentityIsTheFirstCertificateWhoseKeyIsProved(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))))
			allowed, foreign := pkitest.Agent(t, "allowed"), pkitest.Agent(t, "foreign")

			behind := foreign.TLS()
			behind.Certificate = append(behind.Certificate, allowed.Leaf().Raw)
			cfg := pki.ClientConfig(anyPin, &behind)
			cfg.MaxVersion = version
			_, server, err := srv.visit(t, cfg)
			if err != nil || server.err != nil {
				t.Fatal(err, server.err)
			}
			if got := pki.FingerprintOf(server.state.PeerCertificates[0].Raw); got != foreign.Fingerprint() {
				t.Errorf("identity is %s, want that of the key's owner", got)
			}

			stolen := tls.Certificate{Certificate: allowed.Chain(), PrivateKey: foreign.TLS().PrivateKey}
			cfg = pki.ClientConfig(anyPin, &stolen)
			cfg.MaxVersion = version
			if _, server, _ = srv.visit(t, cfg); server.err == nil {
				t.Error("a certificate without its key was accepted")
			}
		})
	}
}

func TestServerTakesPeersWithoutCertificate(t *testing.T) {
	srv := serve(t, pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256)), "vedette-link/1", "http/1.1"))
	cfg := pki.ClientConfig(anyPin, nil)
	cfg.NextProtos = []string{"h2", "http/1.1"}
	state, server, err := srv.visit(t, cfg)
	if err != nil || server.err != nil {
		t.Fatal(err, server.err)
	}
	if len(server.state.PeerCertificates) != 0 || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("%d certificates, protocol %q", len(server.state.PeerCertificates), state.NegotiatedProtocol)
	}
}

func TestServerRefusesOldTLSAndUnfitPeers(t *testing.T) {
	srv := serve(t, pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))))
	shown := func(key crypto.Signer, more [][]byte, edits ...func(*x509.Certificate)) *tls.Config {
		chain := append([][]byte{pkitest.SelfSigned(t, key, edits...)}, more...)
		return pki.ClientConfig(anyPin, &tls.Certificate{Certificate: chain, PrivateKey: key})
	}
	filler := pkitest.Pair(t, pki.KeyECDSAP256).Leaf().Raw
	long := make([][]byte, 10)
	for i := range long {
		long[i] = filler
	}
	old := pki.ClientConfig(anyPin, nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for name, cfg := range map[string]*tls.Config{
		"RSA 1024":   shown(pkitest.Key(t, "rsa1024"), nil),
		"huge leaf":  shown(pkitest.ECDSAKey(t), nil, pkitest.Huge),
		"long chain": shown(pkitest.ECDSAKey(t), long),
		"TLS 1.1":    old,
	} {
		if _, server, _ := srv.visit(t, cfg); server.err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for name, cfg := range map[string]*tls.Config{
		"RSA 2048": shown(pkitest.Key(t, "rsa2048"), nil),
		"RSA 8192": shown(pkitest.Key(t, "rsa8192"), nil),
		"expired":  shown(pkitest.ECDSAKey(t), nil, pkitest.Expired),
		"hostile":  shown(pkitest.ECDSAKey(t), nil, pkitest.Hostile),
		"issuers":  shown(pkitest.ECDSAKey(t), long[:9]),
	} {
		if _, server, err := srv.visit(t, cfg); err != nil || server.err != nil {
			t.Errorf("%s was refused: %v, %v", name, err, server.err)
		}
	}
}

func TestServerWithoutCertificateRefuses(t *testing.T) {
	srv := serve(t, pki.ServerConfig(&pki.Holder{}))
	if _, server, err := srv.visit(t, pki.ClientConfig(anyPin, nil)); err == nil || !errors.Is(server.err, pki.ErrNoCertificate) {
		t.Errorf("got %v, %v", err, server.err)
	}
}

// A7: same names, same key, another certificate.
func TestClientRefusesAnyOtherCertificate(t *testing.T) {
	key := pkitest.ECDSAKey(t)
	genuine, twin := pkitest.PairFor(t, key), pkitest.PairFor(t, key)
	srv := serve(t, pki.ServerConfig(pki.NewHolder(twin)))
	for name, version := range versions {
		cfg := pki.ClientConfig(pki.PinTo(genuine.Fingerprint()), tlsOf(pkitest.Agent(t, "agent")))
		cfg.MaxVersion = version
		_, server, err := srv.visit(t, cfg)
		var mismatch *pki.PinMismatch
		if !errors.As(err, &mismatch) {
			t.Fatalf("%s: got %v", name, err)
		}
		if len(mismatch.Expected) != 1 || mismatch.Expected[0] != genuine.Fingerprint() ||
			mismatch.Met != twin.Fingerprint() || !mismatch.Cert.Equal(twin.Leaf()) {
			t.Errorf("%s: the error tells %+v", name, mismatch)
		}
		if text := mismatch.Error(); !strings.Contains(text, genuine.Fingerprint().String()) || !strings.Contains(text, twin.Fingerprint().String()) {
			t.Errorf("%s: the error says %q", name, text)
		}
		if server.err == nil || len(server.state.PeerCertificates) != 0 {
			t.Errorf("%s: the impostor went on to talk", name)
		}
	}
	if _, _, err := srv.visit(t, pki.ClientConfig(pki.PinTo(genuine.Fingerprint(), twin.Fingerprint()), nil)); err != nil {
		t.Errorf("the announced next pin is refused: %v", err)
	}
	for name, pins := range map[string]pki.PinCheck{"no pins": pki.PinTo(), "nil": nil, "zero pin": pki.PinTo(pki.Fingerprint{})} {
		if _, _, err := srv.visit(t, pki.ClientConfig(pins, nil)); err == nil || !strings.Contains(err.Error(), "pinned") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPinMismatchComesThroughHTTP(t *testing.T) {
	srv := serve(t, pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))))
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(pki.FingerprintOf([]byte("another"))), nil)}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+srv.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	<-srv.results
	var mismatch *pki.PinMismatch
	if !errors.As(err, &mismatch) || mismatch.Cert == nil {
		t.Errorf("got %v, %v", response, err)
	}
}

// A8: dates and clocks cut nobody.
func TestPinnedPeersStayWhateverTheDate(t *testing.T) {
	for _, edit := range []func(*x509.Certificate){pkitest.Expired, pkitest.Future} {
		serverPair := pkitest.PairFor(t, pkitest.ECDSAKey(t), edit)
		agent := pkitest.PairFor(t, pkitest.ECDSAKey(t), edit)
		srv := serve(t, pki.ServerConfig(pki.NewHolder(serverPair)))
		for _, years := range []int{-10, 0, 10} {
			at := func() time.Time { return time.Now().AddDate(years, 0, 0) }
			serverClock := pki.ServerConfig(pki.NewHolder(serverPair))
			serverClock.Time = at
			for _, s := range []*server{srv, serve(t, serverClock)} {
				cfg := pki.ClientConfig(pki.PinTo(serverPair.Fingerprint()), tlsOf(agent))
				cfg.Time = at
				_, server, err := s.visit(t, cfg)
				if err != nil || server.err != nil {
					t.Errorf("%+d years: %v, %v", years, err, server.err)
				}
				if got := server.state.PeerCertificates; len(got) != 1 || !got[0].Equal(agent.Leaf()) {
					t.Errorf("%+d years: the agent's identity is lost", years)
				}
			}
		}
	}
}

// A3: certificates with damage of every sort, shown in real handshakes, harm nobody.
func TestServerSurvivesMutatedCertificates(t *testing.T) {
	srv := serve(t, pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))))
	agent := pkitest.Agent(t, "agent")
	der := agent.Leaf().Raw
	accepted := 0
	for i := 0; i < len(der); i++ {
		for _, mutate := range []func([]byte) []byte{
			func(b []byte) []byte { b[i] ^= 0xff; return b },
			func(b []byte) []byte { b[i]++; return b },
			func(b []byte) []byte { return b[:i] },
		} {
			if i%3 != 0 { // every octet once, every third in all ways
				mutate = func(b []byte) []byte { b[i] ^= 1 << (i % 8); return b }
			}
			changed := mutate(append([]byte(nil), der...))
			cfg := pki.ClientConfig(anyPin, &tls.Certificate{Certificate: [][]byte{changed}, PrivateKey: agent.TLS().PrivateKey})
			_, server, _ := srv.visit(t, cfg)
			if server.err == nil {
				accepted++
				if pki.FingerprintOf(server.state.PeerCertificates[0].Raw) == agent.Fingerprint() {
					t.Fatalf("octet %d: a changed certificate has the old identity", i)
				}
			}
			if i%3 != 0 {
				break
			}
		}
	}
	if accepted == 0 {
		t.Error("nothing reached the end of a handshake: the mutations test the client only")
	}
	if _, server, err := srv.visit(t, pki.ClientConfig(anyPin, tlsOf(agent))); err != nil || server.err != nil {
		t.Errorf("the server does not go on: %v, %v", err, server.err)
	}
}

// A10: a client that wants to renegotiate is cut off.
func TestServerRefusesRenegotiation(t *testing.T) {
	srv := serve(t, pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))))
	for command, want := range map[string]bool{"R\n": false, "x\n": true} { // s_client renegotiates on R; x is the control
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		client := exec.CommandContext(ctx, "openssl", "s_client", "-connect", srv.addr, "-tls1_2", "-legacy_renegotiation")
		client.Stdin = strings.NewReader(command)
		out, _ := client.CombinedOutput() // its status tells nothing
		r := <-srv.results
		if (r.err == nil) != want || errors.Is(r.err, io.EOF) || bytes.Contains(out, []byte("RENEGOTIATING")) == want {
			t.Errorf("%q: %v\n%s", command, r.err, out)
		}
	}
}

package proxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/about"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/proxy"
)

func TestMain(m *testing.M) {
	if os.Getenv(othersVariable) != "" {
		if err := others(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const patience = 20 * time.Second

// life is how long a caller's connection may be used by a test. On a busy machine
// hundreds of handshakes take longer than anything that is waited for.
const life = 6 * patience

// rig is a proxy with a real link to a Central Node in the test.
type rig struct {
	*proxy.Proxy
	t      testing.TB
	server *pki.Pair
	holder *pki.Holder
	logs   *lockedBuffer
	dial   *link.Link // the Sensor's end
	accept *link.Link // the Central Node's
	opened atomic.Int64
	end    func() // ends Run and waits for it

	version uint16 // the highest of agents; 0: the newest
	panics  atomic.Bool

	mu  sync.Mutex
	why *problem.Problem
}

// Open is what the proxy opens streams with.
func (r *rig) Open(ctx context.Context, meta link.Meta) (*link.Stream, error) {
	s, err := r.dial.Open(ctx, meta)
	if err == nil {
		r.opened.Add(1)
	}
	if r.panics.Load() {
		panic("boom")
	}
	return s, err
}

// Refusal is what a test has set.
func (r *rig) Refusal() *problem.Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

func (r *rig) refuse(p *problem.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = p
}

// options are what a test wants otherwise.
type options struct {
	limits    proxy.Limits
	ingress   uint64
	secure    bool            // lanes over TLS
	version   uint16          // the highest TLS version of agents; 0: the newest
	unlimited bool            // without a limit on ingress
	central   string          // where a Central Node in another process takes lanes
	pin       pki.Fingerprint // of its certificate
	link      link.Config
	times     proxy.Times
}

// open starts a proxy without policy whose streams the Central Node hands to
// serve.
func open(t testing.TB, o options, serve func(*link.Stream)) *rig {
	t.Helper()
	r := &rig{t: t, version: o.version, server: pkitest.Pair(t, pki.KeyECDSAP256), logs: new(lockedBuffer)}
	r.holder = pki.NewHolder(r.server)
	r.join(o, serve)
	p, err := proxy.New(proxy.Config{
		Address: "127.0.0.1:0", Certificate: r.holder, Limits: o.limits, IngressLimit: o.ingress, Link: r,
		About: func(pin pki.Fingerprint) about.Answer {
			if pin == r.server.Fingerprint() {
				return about.Answer{Role: about.RoleSensor, Pin: about.PinOwn}
			}
			return about.Answer{Role: about.RoleSensor}
		},
		Logger: slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Proxy = p
	if o.times.Drain == 0 {
		o.times.Drain = 100 * time.Millisecond
	}
	p.Hurry(o.times)
	if o.unlimited {
		p.Unlimited()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	r.end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the proxy ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the proxy does not end")
		}
	})
	t.Cleanup(r.end)
	return r
}

// join makes the link and serves its streams until the test ends.
func (r *rig) join(o options, serve func(*link.Stream)) {
	r.t.Helper()
	r.dial = link.NewDialing(o.link)
	r.t.Cleanup(func() { r.dial.Close(link.CodeShutdown, "the test ends") })
	if o.central != "" {
		for _, class := range lanes {
			c, err := tls.Dial("tcp", o.central, r.laneConfig(o.pin))
			if err == nil {
				_, err = r.dial.AddLane(context.Background(), c, class)
			}
			if err != nil {
				r.t.Fatal(err)
			}
		}
		return
	}
	acceptor := link.NewAccepting(o.link, nil)
	r.t.Cleanup(func() { acceptor.Close(link.CodeShutdown, "the test ends") })
	for _, class := range lanes {
		c, s := r.lane(o.secure)
		joined := make(chan error, 1)
		go func() {
			lane, err := acceptor.Join(context.Background(), s, "sensor")
			if err == nil {
				r.accept = lane.Link()
			}
			joined <- err
		}()
		_, err := r.dial.AddLane(context.Background(), c, class)
		if err := errors.Join(err, <-joined); err != nil {
			r.t.Fatal(err)
		}
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveStreams(r.accept, serve)
	}()
	r.t.Cleanup(func() {
		r.dial.Close(link.CodeShutdown, "the test ends")
		<-served
		r.accept.Wait()
	})
}

var lanes = [...]link.Class{link.Small, link.Small, link.Bulk, link.Bulk}

// serveStreams serves the streams of a link until it ends, and waits for them.
func serveStreams(l *link.Link, serve func(*link.Stream)) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		s, err := l.Accept(context.Background())
		if err != nil {
			return
		}
		all.Go(func() { serve(s) })
	}
}

// lane is a connected pair, plain or with mutual TLS 1.3 as the real ones.
func (r *rig) lane(secure bool) (net.Conn, net.Conn) {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	if !secure {
		return c, s
	}
	ours, theirs := r.laneConfig(r.server.Fingerprint()), acceptConfig(r.holder)
	tc, ts := tls.Client(c, ours), tls.Server(s, theirs)
	done := make(chan error, 1)
	go func() { done <- ts.Handshake() }()
	if err := errors.Join(tc.Handshake(), <-done); err != nil {
		r.t.Fatal(err)
	}
	return tc, ts
}

// laneConfig is that of the Sensor's lanes.
func (r *rig) laneConfig(pin pki.Fingerprint) *tls.Config {
	shown := pkitest.Agent(r.t, "sensor").TLS()
	c := pki.ClientConfig(pki.PinTo(pin), &shown)
	c.NextProtos, c.MinVersion, c.DynamicRecordSizingDisabled = []string{link.ALPN}, tls.VersionTLS13, true
	return c
}

// acceptConfig is that of the Central Node's lanes.
func acceptConfig(s pki.Source) *tls.Config {
	c := pki.ServerConfig(s, link.ALPN)
	c.MinVersion, c.DynamicRecordSizingDisabled = tls.VersionTLS13, true
	return c
}

// echo sends back what comes, and its end.
func echo(s *link.Stream) {
	if _, err := io.Copy(s, s); err == nil {
		_ = s.CloseWrite()
	}
}

func listing(revision uint64, validation bool, listed, withdrawn []*pki.Pair) *controlv1.Policy {
	p := &controlv1.Policy{StoreID: "s", Revision: revision, Validation: validation}
	for _, a := range listed {
		p.Listed = append(p.Listed, a.Fingerprint())
	}
	for _, a := range withdrawn {
		p.Withdrawn = append(p.Withdrawn, a.Fingerprint())
	}
	return p
}

// caller is an agent's connection that knows how it ended.
type caller struct {
	*tls.Conn
	raw *watched
}

type watched struct {
	net.Conn
	ended atomic.Bool
	slow  atomic.Int64 // pause within each write, a time.Duration
}

func (w *watched) Write(p []byte) (int, error) {
	pause := time.Duration(w.slow.Load())
	if pause == 0 {
		return w.Conn.Write(p)
	}
	n, err := w.Conn.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	<-time.After(pause)
	m, err := w.Conn.Write(p[n:])
	return n + m, err
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil {
		w.ended.Store(true)
	}
	return n, err
}

// call connects as an agent with a certificate, or without one.
func (r *rig) call(p *pki.Pair, alpn ...string) *caller {
	r.t.Helper()
	c, err := r.try(p, "127.0.0.1", alpn...)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) try(p *pki.Pair, source string, alpn ...string) (*caller, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: patience}
	raw, err := dialer.Dial("tcp", r.Address().String())
	if err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(life))
	config := r.config(p)
	config.NextProtos = alpn
	w := &watched{Conn: raw}
	c := &caller{Conn: tls.Client(w, config), raw: w}
	return c, c.Handshake()
}

func (r *rig) config(p *pki.Pair) *tls.Config {
	var shown *tls.Certificate
	if p != nil {
		c := p.TLS()
		shown = &c
	}
	config := pki.ClientConfig(pki.PinTo(r.server.Fingerprint()), shown)
	config.MaxVersion = r.version
	return config
}

// says sends a word and reads it back.
func (c *caller) says(t testing.TB, word string) {
	t.Helper()
	if err := c.exchange(word); err != nil {
		t.Fatal(err)
	}
}

func (c *caller) exchange(word string) error {
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	got := make([]byte, len(word))
	_, err := io.ReadFull(c, got)
	if err == nil && string(got) != word {
		return errors.New("another word came back")
	}
	return err
}

// wasCut reads to the end and reports whether that came without close_notify.
func (c *caller) wasCut() bool {
	_, err := io.Copy(io.Discard, c)
	return err != nil || c.raw.ended.Load()
}

// client is an HTTP client of one kept connection.
func (r *rig) client(p *pki.Pair) *http.Client {
	transport := &http.Transport{TLSClientConfig: r.config(p), MaxConnsPerHost: 1, DisableCompression: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func (r *rig) url() string { return "https://" + r.Address().String() + "/package" }

// eventually polls until ok, for a bounded time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in time", what)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

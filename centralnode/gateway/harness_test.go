package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/gateway"
	"vedette/centralnode/trust"
	doors "vedette/internal/door"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// takePath is served by a handler that takes the request's body, as the agent
// service does with a package.
const takePath = "/take"

// otherProtocol is an ALPN name beside HTTP's.
const otherProtocol = "other/1"

// taken is one thing that a handler made durable.
type taken struct {
	leaf     pki.Fingerprint
	revision uint64
	order    int // place among everything that was taken or changed
}

// door is a running gateway with lists that tests change.
type door struct {
	*gateway.Gateway
	t      testing.TB
	server *pki.Pair
	holder *pki.Holder
	logs   *lockedBuffer

	mu         sync.Mutex
	order      int
	all        []taken
	changes    map[uint64]change // by revision
	revision   uint64
	validation bool
	listed     map[pki.Fingerprint]bool
	withdrawn  map[pki.Fingerprint]bool
	sensors    map[pki.Fingerprint]trust.Request
	others     chan *doors.Conn // that speak otherProtocol
	// slow, when set, is called while something is being taken.
	slow func(pki.Fingerprint)
}

type change struct {
	order      int
	validation bool
	listed     map[pki.Fingerprint]bool
}

func open(t testing.TB, limits gateway.Limits, listed ...*pki.Pair) *door {
	t.Helper()
	return openWith(t, limits, func(*door) {}, listed...)
}

// openWith opens a door that serves more: handle is called before it runs.
func openWith(t testing.TB, limits gateway.Limits, handle func(*door), listed ...*pki.Pair) *door {
	t.Helper()
	d := &door{
		t: t, server: pkitest.Pair(t, pki.KeyECDSAP256), logs: new(lockedBuffer), revision: 1, validation: true,
		listed: make(map[pki.Fingerprint]bool), withdrawn: make(map[pki.Fingerprint]bool), changes: make(map[uint64]change), sensors: make(map[pki.Fingerprint]trust.Request), others: make(chan *doors.Conn, 1),
	}
	for _, p := range listed {
		d.listed[p.Fingerprint()] = true
	}
	d.holder = pki.NewHolder(d.server)
	g, err := gateway.New(gateway.Config{
		Address: "127.0.0.1:0", Certificate: d.holder, Trust: d.snapshot(), Limits: limits, Protocols: []string{otherProtocol},
		Logger: slog.New(slog.NewTextHandler(d.logs, nil)), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Gateway = g
	g.Speak(otherProtocol, func(c *doors.Conn) { d.others <- c })
	g.Handle(trust.AgentService, takePath, http.HandlerFunc(d.take))
	handle(d)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("gateway ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the gateway does not end")
		}
	})
	return d
}

// snapshot needs mu, or nobody else yet.
func (d *door) snapshot() *trust.Snapshot {
	keys := func(m map[pki.Fingerprint]bool) (out []pki.Fingerprint) {
		for f := range m {
			out = append(out, f)
		}
		return out
	}
	set := make(map[pki.Fingerprint]bool, len(d.listed))
	for f := range d.listed {
		set[f] = true
	}
	d.order++
	d.changes[d.revision] = change{order: d.order, validation: d.validation, listed: set}
	return trust.NewSnapshot(trust.Lists{Revision: d.revision, Validation: d.validation, Listed: keys(d.listed), Withdrawn: keys(d.withdrawn), Sensors: maps.Clone(d.sensors)})
}

func (d *door) take(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	a, err := d.Admit(r.Context(), trust.AgentService)
	if err != nil {
		return
	}
	defer a.Release()
	d.mu.Lock()
	slow := d.slow
	d.mu.Unlock()
	if slow != nil {
		slow(a.Caller.Leaf)
	}
	d.mu.Lock()
	d.order++
	d.all = append(d.all, taken{leaf: a.Caller.Leaf, revision: a.Revision, order: d.order})
	d.mu.Unlock()
	_, _ = io.WriteString(w, "taken")
}

// withdraw takes leaves off the list, as an administrator does.
func (d *door) withdraw(leaves ...pki.Fingerprint) trust.Changed {
	d.t.Helper()
	return d.change(trust.Scope{Leaves: leaves}, func() {
		for _, f := range leaves {
			delete(d.listed, f)
			d.withdrawn[f] = true
		}
	})
}

func (d *door) validate(on bool) trust.Changed {
	d.t.Helper()
	return d.change(trust.Scope{Everybody: true}, func() { d.validation = on })
}

func (d *door) change(scope trust.Scope, edit func()) trust.Changed {
	d.t.Helper()
	done, err := d.Change(context.Background(), scope, func() (*trust.Snapshot, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		edit()
		d.revision++
		return d.snapshot(), nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return done
}

// check holds everything that was taken against the lists of its revision.
func (d *door) check() (n int) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.all {
		c, ok := d.changes[x.revision]
		if !ok || c.validation && !c.listed[x.leaf] {
			d.t.Errorf("taken under revision %d, which refuses its caller (known revision: %v)", x.revision, ok)
		}
		if next, ok := d.changes[x.revision+1]; ok && next.validation && !next.listed[x.leaf] && x.order > next.order {
			d.t.Errorf("taken under revision %d, but after revision %d had refused its caller", x.revision, x.revision+1)
		}
	}
	return len(d.all)
}

// client returns an HTTP client of one connection, with a cache of TLS
// sessions like any browser's.
func (d *door) client(p *pki.Pair) *http.Client {
	var certificate *tls.Certificate
	if p != nil {
		c := p.TLS()
		certificate = &c
	}
	config := pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), certificate)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	transport := &http.Transport{TLSClientConfig: config, MaxConnsPerHost: 1, DisableCompression: true}
	d.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// post asks to take something. The code is empty when it was taken.
func (d *door) post(c *http.Client) (problem.Code, error) {
	r, err := c.Post("https://"+d.Address().String()+takePath, "text/plain", bytes.NewReader([]byte("package")))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); ok {
		return p.Code, nil
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && string(body) != "taken" {
		d.t.Errorf("answer %d %q", r.StatusCode, body)
	}
	return "", err
}

// mustPost fails the test when the answer is another code.
func (d *door) mustPost(c *http.Client, want problem.Code) {
	d.t.Helper()
	if code, err := d.post(c); err != nil || code != want {
		d.t.Fatalf("answer %q, %v; want %q", code, err, want)
	}
}

// eventually polls until ok, for a bounded time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 30 s", what)
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

func dial(t testing.TB, d *door, source string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 10 * time.Second}
	c, err := dialer.Dial("tcp", d.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

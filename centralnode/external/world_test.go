package external_test

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
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/external"
	"vedette/centralnode/gateway"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// What the world serves beside what the room does itself.
const (
	scansPattern = "POST /kata/scanner/v1/sensors/{system}/scans"
	agentPath    = "/agent"
	openapiPath  = "/kata/openapi.yaml"
)

// world is a room at a running gateway over a state file.
type world struct {
	t      testing.TB
	path   string
	now    *clock
	server *pki.Pair
	logs   *lockedBuffer

	state   *kv.Store
	store   *store.Store
	trail   *audit.Trail
	gateway *gateway.Gateway
	room    *external.Room
	stop    func()

	mu    sync.Mutex
	order int
	taken []taken
	cut   int // objects that were not admitted
	// decided is the place of the last decision about a system among what was
	// taken, and the revision of it.
	decided map[trust.System]taken
	// When set, arrived is called when a body begins, whole when it has been read,
	// slow while it is being taken.
	arrived, whole, slow func()
	fail                 *problem.Problem // when set, the answer to uploads
}

// taken is one thing that was made durable, or one decision.
type taken struct {
	who      trust.System
	revision uint64
	order    int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "state", "state.db"), now: &clock{at: time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)},
		server: pkitest.Pair(t, pki.KeyECDSAP256), logs: new(lockedBuffer), decided: make(map[trust.System]taken),
	}
	t.Cleanup(func() { w.stop() })
	return w
}

func open(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.start()
	return w
}

// start opens the state file and serves.
func (w *world) start() {
	w.t.Helper()
	w.assemble()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	ended := make(chan error, 2)
	running.Go(func() { ended <- w.gateway.Run(ctx) })
	running.Go(func() { ended <- w.room.Run(ctx) })
	state := w.state
	w.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := errors.Join(<-ended, <-ended, state.Check(), state.Close()); err != nil {
			w.t.Error(err)
		}
	})
}

// assemble makes what start runs.
func (w *world) assemble() {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	logger := slog.New(slog.NewTextHandler(w.logs, nil))
	var err error
	w.state, err = kv.Open(w.path, kv.Options{Program: store.Program, Migrations: store.Migrations()})
	must(err)
	w.store, w.trail = store.New(w.state), audit.New(w.state, w.now.Now)
	snapshot, err := w.store.Trust(w.t.Context())
	must(err)
	holder := pki.NewHolder(w.server)
	w.gateway, err = gateway.New(gateway.Config{
		Address: "127.0.0.1:0", Certificate: holder, Trust: snapshot, Limits: gateway.Limits{StrangersPerAddress: 2000}, Logger: logger, Now: time.Now,
	})
	must(err)
	w.room, err = external.New(w.t.Context(), external.Config{
		Door: w.gateway, Store: w.store, Trail: w.trail, Certificate: holder, Version: "1.2.3", Logger: logger, Now: w.now.Now,
	})
	must(err)
	w.room.Handle(scansPattern, http.HandlerFunc(w.upload))
	w.gateway.Handle(trust.AgentService, agentPath, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "OK") }))
	w.gateway.Handle(trust.Description, "GET "+openapiPath, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "OK") }))
	w.stop = func() {
		if err := errors.Join(w.gateway.Close(), w.state.Close()); err != nil {
			w.t.Error(err)
		}
	}
}

// upload takes an object, as the scanner API does.
func (w *world) upload(rw http.ResponseWriter, r *http.Request) {
	call := external.Of(r.Context())
	w.mu.Lock()
	slow, arrived, whole := w.slow, w.arrived, w.whole
	w.mu.Unlock()
	if arrived != nil {
		arrived()
	}
	if w.fail != nil {
		call.Fail(rw, w.fail)
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	if whole != nil {
		whole()
	}
	admission, err := call.Admit(r.Context())
	if errors.Is(err, gateway.ErrCut) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cut++
		return
	}
	if err != nil {
		if r.Context().Err() == nil {
			w.t.Errorf("not admitted: %v", err)
		}
		return
	}
	defer admission.Release()
	if slow != nil {
		slow()
	}
	w.mu.Lock()
	w.order++
	w.taken = append(w.taken, taken{call.System, admission.Revision, w.order})
	w.mu.Unlock()
	call.Submitted()
	_, _ = io.WriteString(rw, "OK")
}

// decide does what an administrator does. Pending stands for none, Unknown for
// a deletion.
func (w *world) decide(who trust.System, state trust.Request, kind acts.SystemType) trust.Changed {
	w.t.Helper()
	kept, found, err := w.store.ExternalSystem(w.t.Context(), who)
	if err != nil || !found {
		w.t.Fatalf("%s is not there: %v", who.ID, err)
	}
	var change store.Change
	switch state {
	case trust.Accepted:
		kept.State, kept.Type, kept.Confirmed = store.Accepted, kind, true
		change.PutExternalSystem(kept)
	case trust.Rejected:
		kept.State = store.Rejected
		change.PutExternalSystem(kept)
	default:
		change.DeleteExternalSystem(kept)
	}
	done, err := w.gateway.Change(w.t.Context(), trust.Scope{Systems: []trust.System{who}}, func() (*trust.Snapshot, error) {
		revision, err := w.trail.Commit(w.t.Context(), audit.Record{Account: "admin", Act: "decide"}, change.Ops, change.Expect)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.order++
		w.decided[who] = taken{who, uint64(revision), w.order}
		return w.gateway.Trust().WithSystem(who, state).At(uint64(revision), false), err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.room.Changed(w.t.Context(), who)
	return done
}

// accepted asks and is accepted.
func (w *world) accepted(id string, p *pki.Pair, kind acts.SystemType) trust.System {
	w.t.Helper()
	who := trust.System{ID: id, Leaf: p.Fingerprint()}
	if code := w.check(w.client(p), id).Code; code != problem.Pending && code != problem.CertificateChanged {
		w.t.Fatalf("a new system reads %q", code)
	}
	w.decide(who, trust.Accepted, kind)
	return who
}

// client is an HTTP client of one connection.
func (w *world) client(p *pki.Pair) *http.Client {
	var certificate *tls.Certificate
	if p != nil {
		c := p.TLS()
		certificate = &c
	}
	return w.clientOf(certificate)
}

func (w *world) clientOf(certificate *tls.Certificate) *http.Client {
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(w.server.Fingerprint()), certificate), MaxConnsPerHost: 1, DisableCompression: true}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func (w *world) url(path string) string { return "https://" + w.gateway.Address().String() + path }

func connection(id string) string { return "/kata/scanner/v1/sensors/" + id + "/connection" }
func scans(id string) string      { return "/kata/scanner/v1/sensors/" + id + "/scans" }

// do sends a request; the problem has an empty code when the answer was none.
func (w *world) do(c *http.Client, method, path string, body io.Reader) (problem.Problem, []byte, error) {
	req, err := http.NewRequest(method, w.url(path), body)
	if err != nil {
		return problem.Problem{}, nil, err
	}
	r, err := c.Do(req)
	if err != nil {
		return problem.Problem{}, nil, err
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); ok {
		return *p, nil, nil
	}
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("answer %s %q", r.Status, text)
	}
	return problem.Problem{}, text, err
}

// check makes the check of the connection.
func (w *world) check(c *http.Client, id string) problem.Problem {
	w.t.Helper()
	p, _, err := w.do(c, http.MethodGet, connection(id), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// submit uploads something.
func (w *world) submit(c *http.Client, id string) (problem.Code, error) {
	p, body, err := w.do(c, http.MethodPost, scans(id), strings.NewReader("object"))
	if err == nil && p.Code == "" && string(body) != "OK" {
		err = fmt.Errorf("answer %q", body)
	}
	return p.Code, err
}

func (w *world) revision() kv.Revision { return w.state.Revision() }

// clock is what the room knows of time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
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

// from makes a client's connections come from an address of this machine.
func from(c *http.Client, address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
	c.Transport.(*http.Transport).DialContext = dialer.DialContext
	return c
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func auditOf(act string) audit.Filter { return audit.Filter{Act: act} }

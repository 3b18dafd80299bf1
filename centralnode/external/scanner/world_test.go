package scanner_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/alerts"
	"vedette/centralnode/external"
	"vedette/centralnode/external/scanner"
	"vedette/centralnode/gateway"
	"vedette/centralnode/scan"
	"vedette/centralnode/scan/engine"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/audit"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/openapi/openapitest"
	"vedette/proto/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// evil is what the engine of the tests finds.
const evil = "EVIL"

// world is the API at a running gateway, over real rooms.
type world struct {
	t         testing.TB
	exchanges *openapitest.Exchanges
	server    *pki.Pair
	logs      *lockedBuffer
	spool     string

	gateway *gateway.Gateway
	room    *external.Room
	scans   *scan.Room
	alerts  *alerts.Room
	store   *store.Store
	trail   *audit.Trail

	scanning *gate
}

// options change a world.
type options struct {
	limits scan.Limits
	// unjudged leaves the exchanges alone, to measure.
	unjudged bool
	api      func(*scanner.API)
	alerts   func(alertsAfter) alertsAfter
	scans    func(scanner.Scans) scanner.Scans
	wrap     func(http.Handler) http.Handler
}

// alertsAfter is what the API needs of alerts.
type alertsAfter = scanner.Alerts

// waiting alerts answer once held is closed.
type waiting struct {
	next alertsAfter
	held <-chan struct{}
}

func (a waiting) After(ctx context.Context, after int64, technologies []string, limit int) ([]alerts.Alert, error) {
	select {
	case <-a.held:
	case <-ctx.Done():
	}
	return a.next.After(ctx, after, technologies, limit)
}

func open(t testing.TB, o options) *world {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	w := &world{
		t: t, exchanges: openapitest.New(t), server: pkitest.Pair(t, pki.KeyECDSAP256), logs: new(lockedBuffer),
		spool: filepath.Join(folder, "scan", "spool"), scanning: newGate(),
	}
	logger := slog.New(slog.NewTextHandler(w.logs, nil))
	state, err := kv.Open(filepath.Join(folder, "state", "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	must(err)
	w.store, w.trail = store.New(state), audit.New(state, time.Now)
	snapshot, err := w.store.Trust(t.Context())
	must(err)
	holder := pki.NewHolder(w.server)
	w.gateway, err = gateway.New(gateway.Config{Address: "127.0.0.1:0", Certificate: holder, Trust: snapshot, Logger: logger, Now: time.Now})
	must(err)
	w.room, err = external.New(t.Context(), external.Config{
		Door: w.gateway, Store: w.store, Trail: w.trail, Certificate: holder, Version: "1.2.3", Logger: logger, Now: time.Now,
	})
	must(err)
	w.alerts, err = alerts.Open(t.Context(), alerts.Config{Store: state, Logger: logger, Now: time.Now})
	must(err)
	w.scans, err = scan.Open(t.Context(), scan.Config{
		Dir: filepath.Dir(w.spool), Engines: []engine.Engine{finder{w.scanning}}, Alerts: keeper{w.alerts}, Limits: o.limits, Logger: logger, Now: time.Now,
	})
	must(err)
	var found alertsAfter = w.alerts
	if o.alerts != nil {
		found = o.alerts(found)
	}
	var scans scanner.Scans = w.scans
	if o.scans != nil {
		scans = o.scans(scans)
	}
	api := scanner.New(scanner.Config{Scans: scans, Alerts: found, Version: "1.2.3", Logger: logger})
	if o.api != nil {
		o.api(api)
	}
	api.Register(func(pattern string, h http.Handler) {
		if o.wrap != nil {
			h = o.wrap(h)
		}
		if !o.unjudged {
			h = w.exchanges.Handler(t, h)
		}
		w.room.Handle(pattern, h)
	})
	w.run(state)
	return w
}

// run serves until the test ends.
func (w *world) run(state *kv.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	outer, cancelOuter := context.WithCancel(context.Background())
	var serving, rooms sync.WaitGroup
	ended := make(chan error, 4)
	serving.Go(func() { ended <- w.gateway.Run(ctx) })
	for _, run := range []func(context.Context) error{w.room.Run, w.scans.Run, w.alerts.Run} {
		rooms.Go(func() { ended <- run(outer) })
	}
	w.t.Cleanup(func() {
		w.scanning.open()
		cancel()
		serving.Wait()
		cancelOuter()
		rooms.Wait()
		if err := errors.Join(<-ended, <-ended, <-ended, <-ended, w.scans.Close(), state.Check(), state.Close()); err != nil {
			w.t.Error(err)
		}
	})
}

// finder is an engine that finds evil, when it is let.
type finder struct{ *gate }

func (finder) Name() string                         { return "finder" }
func (finder) Technology() engine.Technology        { return engine.AntiMalware }
func (finder) Health(context.Context) engine.Health { return engine.Health{} }
func (finder) Close() error                         { return nil }
func (f finder) Scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	if err := f.pass(ctx); err != nil {
		return engine.Result{}, err
	}
	content, err := os.ReadFile(o.Path)
	r := engine.Result{Type: "text/plain", DataBaseVersion: 202611221030}
	if bytes.Contains(content, []byte(evil)) {
		r.Detections = []engine.Detection{{Name: "Test.Evil", Importance: engine.High}}
	}
	return r, err
}

// keeper gives findings to alerts.
type keeper struct{ room *alerts.Room }

func (k keeper) Detected(ctx context.Context, f scan.Finding) error {
	source := "external"
	if f.Mail {
		source = "mail"
	}
	var names []string
	for _, d := range f.Result.Detections {
		names = append(names, d.Name)
	}
	_, err := k.room.Add(ctx, alerts.Alert{
		Origin: f.Origin, Importance: string(engine.High), Technology: string(f.Technology), Source: source, Submitted: f.Submitted,
		ObjectName: f.Name, ObjectType: f.Type, ObjectSize: f.Size, MD5: f.MD5, SHA256: f.SHA256, Detections: names, Engine: f.Engine,
		DataBaseVersion: f.Result.DataBaseVersion, System: f.Key.System, SystemName: f.SystemName, Fingerprint: f.Leaf,
		Instance: f.Key.Instance, ScanID: f.Key.ScanID, Remote: f.Remote,
	})
	return err
}

// gate lets nobody pass while it is shut.
type gate struct {
	mu  sync.Mutex
	way chan struct{} // closed while it is open
}

func newGate() *gate {
	g := &gate{way: make(chan struct{})}
	close(g.way)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.way = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.way:
	default:
		close(g.way)
	}
}

func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	way := g.way
	g.mu.Unlock()
	select {
	case <-way:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// system is an external system with a connection of its own.
type system struct {
	w      *world
	id     string
	pair   *pki.Pair
	client *http.Client
}

// system asks, and is accepted.
func (w *world) system(id string) *system {
	w.t.Helper()
	s := w.stranger(id)
	if p := s.get("connection").problem; p == nil || p.Code != problem.Pending {
		w.t.Fatalf("a new system reads %v", p)
	}
	s.decide(trust.Accepted)
	return s
}

// stranger is one that has not asked.
func (w *world) stranger(id string) *system {
	w.t.Helper()
	s := &system{w: w, id: id, pair: pkitest.PairFor(w.t, pkitest.ECDSAKey(w.t))}
	transport := &http.Transport{TLSClientConfig: s.tlsConfig(), DisableCompression: true, ExpectContinueTimeout: 20 * time.Second}
	w.t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: w.exchanges.Transport(w.t, transport), Timeout: 60 * time.Second}
	return s
}

func (s *system) tlsConfig() *tls.Config {
	certificate := s.pair.TLS()
	return pki.ClientConfig(pki.PinTo(s.w.server.Fingerprint()), &certificate)
}

// decide does what an administrator does.
func (s *system) decide(state trust.Request) {
	w := s.w
	w.t.Helper()
	who := trust.System{ID: s.id, Leaf: s.pair.Fingerprint()}
	kept, found, err := w.store.ExternalSystem(w.t.Context(), who)
	if err != nil || !found {
		w.t.Fatalf("%s is not there: %v", s.id, err)
	}
	kept.State, kept.Confirmed = store.Rejected, true
	if state == trust.Accepted {
		kept.State = store.Accepted
	}
	var change store.Change
	change.PutExternalSystem(kept)
	_, err = w.gateway.Change(w.t.Context(), trust.Scope{Systems: []trust.System{who}}, func() (*trust.Snapshot, error) {
		revision, err := w.trail.Commit(w.t.Context(), audit.Record{Account: "admin", Act: "decide"}, change.Ops, change.Expect)
		return w.gateway.Trust().WithSystem(who, state).At(uint64(revision), false), err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.room.Changed(w.t.Context(), who)
}

// look is what the administrator sees of it.
func (s *system) look() external.Look {
	return s.w.room.Look(trust.System{ID: s.id, Leaf: s.pair.Fingerprint()})
}

func (s *system) url(path string) string {
	return "https://" + s.w.gateway.Address().String() + "/kata/scanner/v1/sensors/" + s.id + "/" + path
}

// answer is what came back. problem is nil when it was none.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem *problem.Problem
}

func (s *system) do(r *http.Request) (answer, error) {
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	if p, ok := problem.Read(res); ok {
		return answer{status: res.StatusCode, header: res.Header, problem: p}, nil
	}
	body, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(body)}, err
}

func (s *system) call(method, path string) answer {
	s.w.t.Helper()
	r, err := http.NewRequestWithContext(s.w.t.Context(), method, s.url(path), nil)
	if err != nil {
		s.w.t.Fatal(err)
	}
	a, err := s.do(r)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return a
}

func (s *system) get(path string) answer { s.w.t.Helper(); return s.call(http.MethodGet, path) }

// part is a part of a form; file when it has a file name.
type part struct{ name, file, value string }

// formOf writes a form.
func formOf(t testing.TB, parts ...part) (contentType, body string) {
	t.Helper()
	var b strings.Builder
	form := multipart.NewWriter(&b)
	for _, p := range parts {
		var err error
		var w io.Writer
		if p.file != "" {
			w, err = form.CreateFormFile(p.name, p.file)
		} else {
			w, err = form.CreateFormField(p.name)
		}
		if err == nil {
			_, err = io.WriteString(w, p.value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return form.FormDataContentType(), b.String()
}

// post submits a body to scans with a query.
func (s *system) post(query, contentType string, body io.Reader) answer {
	s.w.t.Helper()
	a, err := s.tryPost(query, contentType, body)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return a
}

func (s *system) tryPost(query, contentType string, body io.Reader) (answer, error) {
	r, err := http.NewRequestWithContext(s.w.t.Context(), http.MethodPost, s.url("scans"+query), body)
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return s.do(r)
}

// submit submits a small object.
func (s *system) submit(query string, parts ...part) answer {
	s.w.t.Helper()
	contentType, body := formOf(s.w.t, parts...)
	return s.post(query, contentType, strings.NewReader(body))
}

// taken submits a small object, which has to be taken.
func (s *system) taken(query string, parts ...part) {
	s.w.t.Helper()
	a := s.submit(query, parts...)
	if a.status != 200 || a.body != "OK" || a.header.Get("Content-Type") != "text/plain" {
		s.w.t.Fatalf("answered %d %q %v", a.status, a.body, a.problem)
	}
}

// states waits until no scan is processing, and returns the list.
func (s *system) settled(query string) string {
	s.w.t.Helper()
	eventually(s.w.t, "verdicts of "+s.id, func() bool { return s.w.scans.Waiting(s.id) == 0 })
	return strings.TrimSpace(s.get("scans/state" + query).body)
}

// kept are the files of the spool.
func (w *world) kept() []string {
	w.t.Helper()
	var files []string
	err := filepath.WalkDir(w.spool, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// nothingLeft checks that no upload has left anything.
func (w *world) nothingLeft() {
	w.t.Helper()
	eventually(w.t, "the end of uploads", func() bool { return w.scans.Status(w.t.Context()).Uploading == 0 })
	if st := w.scans.Status(w.t.Context()); st.SpoolBytes != 0 || st.Waiting != 0 {
		w.t.Errorf("something is left: %+v", st)
	}
	if files := w.kept(); len(files) > 0 {
		w.t.Errorf("files are left: %q", files)
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

// eventually polls until ok, for a bounded time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

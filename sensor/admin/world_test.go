package admin_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/firststart"
	"vedette/internal/kv"
	"vedette/internal/servercert"
	"vedette/internal/sessions"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/capacity"
	"vedette/sensor/admin"
	"vedette/sensor/proxy"
	"vedette/sensor/store"
	"vedette/sensor/uplink"
)

var (
	local   = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}
	auditor = acts.Actor{Account: "eve\x1b[31m", Role: acts.SecurityAuditor, Face: acts.FaceCommand, From: "192.0.2.1"}
	officer = acts.Actor{Account: "bob", Role: acts.SecurityOfficer, Face: acts.FaceMenu, From: "192.0.2.2"}

	identity = pki.Fingerprint{0xAA}
)

// world is the Sensor's acts over a real state file. The link, the agents' door
// and the network are played.
type world struct {
	*admin.Admin
	state    *kv.Store
	entities *store.Store
	trail    *audit.Trail
	sessions *sessions.Table
	link     *played
	now      time.Time // when it began

	mu     sync.Mutex // guards what follows
	counts proxy.Counts
	agents []netip.Addr
	cut    int
	found  quality
	passed time.Duration                // since it began
	shown  map[string]*x509.Certificate // by host:port
	probed []string
	asked  func() // at each probe
	reason string // why the state takes no writes
}

// played is the link: tests set what it says.
type played struct {
	mu      sync.Mutex // guards what follows
	state   uplink.State
	look    uplink.Look
	targets []uplink.Target
	changed chan struct{}
	test    func(context.Context, capacity.Spec) (capacity.Result, error)
	agents  func() uint64 // as the last test was told
}

func (l *played) Test(ctx context.Context, s capacity.Spec, agents func() uint64) (capacity.Result, error) {
	l.mu.Lock()
	test := l.test
	l.agents = agents
	l.mu.Unlock()
	return test(ctx, s)
}

// quality is what was measured: tests set what it says.
type quality struct {
	mu       sync.Mutex // guards what follows
	look     acts.LinkQuality
	minutes  []acts.QualityMinute
	tested   []acts.LinkTest
	forgot   int
	warnings []string
	asked    [][2]time.Time
}

func (q *quality) Look() acts.LinkQuality { q.mu.Lock(); defer q.mu.Unlock(); return q.look }

func (q *quality) History(from, to time.Time) []acts.QualityMinute {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, [2]time.Time{from, to})
	return q.minutes
}

func (q *quality) RoundTrip(from, to time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, [2]time.Time{from, to})
	return time.Duration(len(q.asked)) * time.Millisecond
}

func (q *quality) Tested(t acts.LinkTest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tested = append(q.tested, t)
}

func (q *quality) Repointed() { q.mu.Lock(); defer q.mu.Unlock(); q.forgot++ }

func (q *quality) Warnings() []string { q.mu.Lock(); defer q.mu.Unlock(); return q.warnings }

func (q *quality) set(l acts.LinkQuality) { q.mu.Lock(); defer q.mu.Unlock(); q.look = l }

func (l *played) Point(t uplink.Target) {
	l.mu.Lock()
	l.targets = append(l.targets, t)
	l.mu.Unlock()
	l.say(uplink.State{Link: acts.LinkUnreachable, Detail: "It is being made.", Expected: t.Pin})
}

func (l *played) say(s uplink.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *played) State() uplink.State      { l.mu.Lock(); defer l.mu.Unlock(); return l.state }
func (l *played) Look() uplink.Look        { l.mu.Lock(); defer l.mu.Unlock(); return l.look }
func (l *played) Changed() <-chan struct{} { l.mu.Lock(); defer l.mu.Unlock(); return l.changed }

func (l *played) pointed() []uplink.Target {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.targets)
}

func (w *world) CutAll() int { w.mu.Lock(); defer w.mu.Unlock(); w.cut++; return w.counts.Agents }

func (w *world) Counts() proxy.Counts { w.mu.Lock(); defer w.mu.Unlock(); return w.counts }

func (w *world) Agents() []netip.Addr { w.mu.Lock(); defer w.mu.Unlock(); return w.agents }

func (w *world) time() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now.Add(w.passed) }

func (w *world) pass(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.passed += d }

func (w *world) count(c proxy.Counts) { w.mu.Lock(); defer w.mu.Unlock(); w.counts = c }

var errNobody = errors.New("connection refused")

func (w *world) probe(_ context.Context, address string) (*x509.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked != nil {
		w.asked()
	}
	w.probed = append(w.probed, address)
	if c := w.shown[address]; c != nil {
		return c, nil
	}
	return nil, &uplink.ProbeError{Text: "Nobody answers at " + address + ".", Hint: "Look there.", Err: errNobody}
}

// show lets a server show a certificate; nil: it is down.
func (w *world) show(address string, c *x509.Certificate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown[address] = c
}

func start(t *testing.T) *world {
	t.Helper()
	now := time.Now()
	state, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: store.Program, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(state.Check(), state.Close()); err != nil {
			t.Error(err)
		}
	})
	w := &world{state: state, entities: store.New(state), trail: audit.New(state, time.Now), now: now, shown: map[string]*x509.Certificate{}}
	w.link = &played{changed: make(chan struct{}), state: uplink.State{Link: acts.LinkUnconfigured, Detail: "No Central Node is configured.", Next: "Configure one."}}
	commit := func(ctx context.Context, subject []string, c entity.Change) error {
		_, err := w.trail.Commit(ctx, audit.Record{Account: "sensor", Face: string(acts.FaceFirstStart), From: "local", Act: servercert.ActGenerate, Subject: subject}, c.Ops, c.Expect)
		return err
	}
	serving, _, err := servercert.Open(t.Context(), servercert.Config{State: state, Names: []string{"sensor.example"}, Now: time.Now}, commit)
	if err != nil {
		t.Fatal(err)
	}
	w.sessions = sessions.NewTable()
	base := &firststart.Base{
		State: state, Trail: w.trail, Accounts: accounts.New(state, time.Now), Sessions: w.sessions, Serving: serving,
		HostKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
	}
	w.Admin = admin.New(admin.Config{
		Base: base, Store: w.entities, Uplink: w.link, Door: w, Quality: &w.found, Probe: w.probe, LinkIdentity: identity, IngressLimit: 1e9,
		StateDegraded: func() string { w.mu.Lock(); defer w.mu.Unlock(); return w.reason },
		Address:       "192.0.2.7:443", SSHAddress: "192.0.2.7:22", Version: "test", Logger: slog.New(slog.DiscardHandler), Now: w.time,
	})
	return w
}

// certificate is one that a Central Node may show.
func certificate(t *testing.T, edits ...func(*x509.Certificate)) (*x509.Certificate, pki.Fingerprint) {
	t.Helper()
	pair := pkitest.PairFor(t, pkitest.ECDSAKey(t), edits...)
	return pair.Leaf(), pair.Fingerprint()
}

// refusedAs fails the test unless err is an acts.Error of the code.
func refusedAs(t *testing.T, err error, code acts.Code) *acts.Error {
	t.Helper()
	e, ok := err.(*acts.Error)
	if !ok || e.Code != code || e.Text == "" || e.Hint == "" {
		t.Fatalf("error %#v, want code %q with a next step", err, code)
	}
	return e
}

// records are the acts that were recorded, the oldest first.
func (w *world) records(t *testing.T, act string) []audit.Record {
	t.Helper()
	all, err := w.trail.List(t.Context(), audit.Filter{Act: act})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

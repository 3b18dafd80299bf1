package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/eventlog"
	"vedette/centralnode/external"
	"vedette/centralnode/external/events"
	"vedette/centralnode/gateway"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/openapi/openapitest"
	"vedette/proto/problem"

	agentv1 "vedette/proto/agent/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checkpoints keeps the event log's memory in memory.
type checkpoints struct {
	mu     sync.Mutex // guards what follows
	queues map[eventlog.QueueKey]eventlog.QueueState
	at     eventlog.Position
}

func (c *checkpoints) Load(_ context.Context, k eventlog.QueueKey) (eventlog.QueueState, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.queues[k]
	return s, ok, nil
}

func (c *checkpoints) Position(context.Context) (eventlog.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, nil
}

func (c *checkpoints) Save(_ context.Context, changed map[eventlog.QueueKey]eventlog.QueueState, at eventlog.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues == nil {
		c.queues = make(map[eventlog.QueueKey]eventlog.QueueState)
	}
	maps.Copy(c.queues, changed)
	c.at = at
	return nil
}

// disk is what stays across restarts of a node.
type disk struct {
	events      string
	checkpoints *checkpoints
	server      *pki.Pair
	systems     []*system
	limits      events.Limits
	now         func() time.Time
}

func newDisk(t testing.TB, systems int) *disk {
	t.Helper()
	d := &disk{events: filepath.Join(t.TempDir(), "events"), checkpoints: new(checkpoints), server: pkitest.Pair(t, pki.KeyECDSAP256), now: time.Now}
	for i := range systems {
		d.systems = append(d.systems, &system{id: fmt.Sprintf("system-%d", i), pair: pkitest.Agent(t, fmt.Sprintf("external %d", i))})
	}
	return d
}

// system is an external system.
type system struct {
	id     string
	pair   *pki.Pair
	client *http.Client // judged by the description
	plain  *http.Client
	node   *node
}

func (s *system) who() trust.System { return trust.System{ID: s.id, Leaf: s.pair.Fingerprint()} }

// node is a running Central Node with what this package stands on, all real.
type node struct {
	t       testing.TB
	disk    *disk
	log     *eventlog.Log
	gateway *gateway.Gateway
	room    *external.Room
	end     func() // stops it as a daemon does, once
	// parked has a value for each time that a call waits for more.
	parked chan struct{}
}

// watchedLog tells when a call waits.
type watchedLog struct {
	*eventlog.Log
	parked chan<- struct{}
}

func (l watchedLog) Ready(c eventlog.Cursor) <-chan struct{} {
	ready := l.Log.Ready(c)
	select {
	case l.parked <- struct{}{}:
	default: // nobody counts
	}
	return ready
}

// start runs a node on a disk; its systems are accepted.
func (d *disk) start(t testing.TB) *node {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	n := &node{t: t, disk: d, parked: make(chan struct{}, 1000)}
	state, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	must(t, err)
	entities := store.New(state)
	var change store.Change
	for _, s := range d.systems {
		change.PutExternalSystem(store.ExternalSystem{ID: s.id, Fingerprint: s.pair.Fingerprint(), State: store.Accepted, Type: acts.OtherSystem})
	}
	_, err = state.Apply(t.Context(), change.Ops, change.Expect)
	must(t, err)
	snapshot, err := entities.Trust(t.Context())
	must(t, err)
	n.log, err = eventlog.Open(t.Context(), eventlog.Config{Dir: d.events, Checkpoints: d.checkpoints, MaxAge: 4 * time.Hour, Logger: logger, Now: d.now})
	must(t, err)
	n.gateway, err = gateway.New(gateway.Config{Address: "127.0.0.1:0", Certificate: pki.NewHolder(d.server), Trust: snapshot, Logger: logger, Now: time.Now})
	must(t, err)
	n.room, err = external.New(t.Context(), external.Config{
		Door: n.gateway, Store: entities, Trail: audit.New(state, time.Now), Certificate: pki.NewHolder(d.server), Logger: logger, Now: time.Now,
	})
	must(t, err)
	api := events.New(events.Config{Log: watchedLog{n.log, n.parked}, Describe: describe, Limits: d.limits, Logger: logger, Now: d.now})
	api.Register(n.room.Handle)

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	keeping, release := context.WithCancel(context.WithoutCancel(t.Context()))
	var doors, keepers sync.WaitGroup
	run := func(g *sync.WaitGroup, ctx context.Context, part func(context.Context) error) {
		g.Go(func() {
			if err := part(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	run(&doors, ctx, n.gateway.Run)
	run(&doors, ctx, n.room.Run)
	run(&doors, ctx, api.Run)
	run(&keepers, keeping, n.log.Run)
	n.end = sync.OnceFunc(func() {
		cancel()
		doors.Wait()
		release()
		keepers.Wait()
		if err := errors.Join(n.log.Close(), state.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(n.end)
	for _, s := range d.systems {
		s.connect(n)
	}
	return n
}

func (s *system) connect(n *node) {
	certificate := s.pair.TLS()
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(n.disk.server.Fingerprint()), &certificate), MaxIdleConnsPerHost: 300}
	n.t.Cleanup(transport.CloseIdleConnections)
	s.node = n
	s.plain = &http.Client{Transport: transport}
	s.client = &http.Client{Transport: openapitest.Transport(n.t, transport)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bigHost is a host whose events are described at length.
const bigHost = "big"

// describe is a small form of what the daemon gives.
func describe(r eventlog.Record) acts.Event {
	message := ""
	if r.Host == bigHost {
		message = strings.Repeat("x", 4<<10)
	}
	return acts.Event{
		Message: message,
		Time:    r.Event.GetTime().AsTime(), Agent: acts.EventAgent{ID: r.AgentID},
		Event:   acts.EventMeta{ID: r.Event.GetId(), Kind: "event"},
		Vedette: acts.EventWay{Way: r.Way, Seq: r.PackageSeq, Skipped: r.Skipped},
	}
}

// pack makes a package with events that are called by their numbers: the seq
// and the place in the package.
func pack(seq uint64, count int) eventlog.Package {
	p := eventlog.Package{AgentID: fmt.Sprintf("%032x", 1), QueueID: fmt.Sprintf("%032x", 2), Seq: seq, Way: "direct", Host: "host"}
	for i := range count {
		p.Events = append(p.Events, &agentv1.Event{Id: name(seq, i), Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Pid: uint32(i)}}})
	}
	return p
}

func name(seq uint64, index int) string { return fmt.Sprintf("%d.%d", seq, index) }

func (n *node) append(seq uint64, count int) {
	n.t.Helper()
	if _, err := n.log.Append(n.t.Context(), pack(seq, count)); err != nil {
		n.t.Fatal(err)
	}
}

// answer is what a call for events reads.
type answer struct {
	Events []struct {
		Timestamp int64
		Event     struct{ ID string }
		Vedette   struct {
			Skipped uint64 `json:"skipped_packages"`
		}
	}
	ContinuationToken string
}

func (a answer) names() []string {
	names := []string{}
	for _, e := range a.Events {
		names = append(names, e.Event.ID)
	}
	return names
}

// get calls a path below the system's own and returns what came back.
func (s *system) get(ctx context.Context, client *http.Client, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.node.gateway.Address().String()+"/kata/events_api/v1/"+s.id+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(r)
}

// poll asks for events with parameters, given as name and value.
func (s *system) poll(t testing.TB, parameters ...string) answer {
	t.Helper()
	values := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	a, err := s.try(t.Context(), s.client, "/events?"+values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try asks for events; a problem is an error.
func (s *system) try(ctx context.Context, client *http.Client, path string) (answer, error) {
	var a answer
	res, err := s.get(ctx, client, path)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		if p, ok := problem.Read(res); ok {
			return a, p
		}
		return a, fmt.Errorf("status %s without a problem", res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("answer %q: %w", body, err)
	}
	if a.Events == nil || a.ContinuationToken == "" {
		return a, fmt.Errorf("answer without list or token: %s", body)
	}
	return a, nil
}

// refused asks for events and wants a problem with a code.
func (s *system) refused(t testing.TB, path string, code problem.Code) *problem.Problem {
	t.Helper()
	_, err := s.try(t.Context(), s.plain, path)
	var p *problem.Problem
	if !errors.As(err, &p) || p.Code != code {
		t.Fatalf("%s: %v, want %s", path, err, code)
	}
	return p
}

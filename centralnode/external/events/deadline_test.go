package events_test

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"vedette/centralnode/eventlog"
	"vedette/centralnode/external"
	"vedette/centralnode/external/events"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/audit"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// openDoor lets everybody in; its server has a deadline for answers of its own.
type openDoor struct{ mux http.ServeMux }

func (d *openDoor) Trust() *trust.Snapshot { return trust.NewSnapshot(trust.Lists{}) }

func (d *openDoor) Change(context.Context, trust.Scope, func() (*trust.Snapshot, error)) (trust.Changed, error) {
	return trust.Changed{}, errors.New("nothing changes")
}

func (d *openDoor) HandleSystem(pattern string, h http.Handler, _ func(*http.Request, trust.Caller, string, trust.Verdict) *problem.Problem) {
	d.mux.Handle(pattern, h)
}

func (d *openDoor) Admit(context.Context, trust.Door) (trust.Admission, error) {
	return trust.Admission{}, errors.New("nothing is taken")
}

func (d *openDoor) Caller(context.Context) trust.Caller {
	return trust.Caller{Remote: netip.MustParseAddrPort("192.0.2.1:1")}
}

func (d *openDoor) Certificate(context.Context) *x509.Certificate { return nil }

func (d *openDoor) ConnectedSystem(trust.System) int { return 0 }

// slowLog is a log in which nothing is until a fault ends the wait.
type slowLog struct{ fault chan struct{} }

func (l slowLog) Start(context.Context, time.Time) (eventlog.Cursor, error) {
	return eventlog.Cursor{Store: "x", Place: 1}, nil
}

func (l slowLog) Read(_ context.Context, c eventlog.Cursor, _ time.Time, _ func(eventlog.Record) bool) (eventlog.Cursor, error) {
	select {
	case <-l.fault:
		return c, eventlog.ErrUnavailable
	default:
		return c, nil
	}
}

func (l slowLog) Ready(eventlog.Cursor) <-chan struct{} { return l.fault }

// TestLongWaitOutlivesTheDoorsDeadline is about a door that gives an answer less
// time than a call may wait.
func TestLongWaitOutlivesTheDoorsDeadline(t *testing.T) {
	state, err := kv.Open(filepath.Join(t.TempDir(), "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	must(t, err)
	t.Cleanup(func() { must(t, state.Close()) })
	door, logger := new(openDoor), slog.New(slog.NewTextHandler(t.Output(), nil))
	room, err := external.New(t.Context(), external.Config{
		Door: door, Store: store.New(state), Trail: audit.New(state, time.Now), Certificate: pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256)), Logger: logger, Now: time.Now,
	})
	must(t, err)
	log := slowLog{make(chan struct{})}
	events.New(events.Config{Log: log, Describe: describe, Logger: logger, Now: time.Now}).Register(room.Handle)
	server := httptest.NewUnstartedServer(&door.mux)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()

	get := func(timeout string) *http.Response {
		t.Helper()
		res, err := client.Get(server.URL + "/kata/events_api/v1/x/events?max_timeout=" + timeout)
		must(t, err)
		res.Body.Close()
		return res
	}
	if res := get("PT0.3S"); res.StatusCode != http.StatusOK {
		t.Errorf("a wait that ended: %s", res.Status)
	}
	time.AfterFunc(300*time.Millisecond, func() { close(log.fault) })
	if res := get("PT1H"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a wait that a fault ended: %s", res.Status)
	}
}

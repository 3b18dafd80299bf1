package response_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/agents"
	"vedette/centralnode/external"
	"vedette/centralnode/external/response"
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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// systemID is what the external system of the tests calls itself.
const systemID = "15301050-0490-4A41-81EA-B0391CF21EF3"

// table is a table of hosts.
type table func() []agents.Host

func (t table) Hosts() []agents.Host { return t() }

// world is a door with this API behind it, and an accepted external system.
type world struct {
	room *external.Room
	who  trust.System
	base string
	// client is judged by the description.
	client, plain *http.Client
}

func open(t *testing.T, hosts table) *world {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	state, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	must(t, err)
	server, own := pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256)), pkitest.Agent(t, "external")
	entities := store.New(state)
	var change store.Change
	change.PutExternalSystem(store.ExternalSystem{ID: systemID, Fingerprint: own.Fingerprint(), State: store.Accepted, Type: acts.OtherSystem})
	_, err = state.Apply(t.Context(), change.Ops, change.Expect)
	must(t, err)
	snapshot, err := entities.Trust(t.Context())
	must(t, err)
	door, err := gateway.New(gateway.Config{Address: "127.0.0.1:0", Certificate: server, Trust: snapshot, Logger: logger, Now: time.Now})
	must(t, err)
	w := &world{who: trust.System{ID: systemID, Leaf: own.Fingerprint()}, base: "https://" + door.Address().String() + "/kata/response_api/v1/" + systemID + "/"}
	w.room, err = external.New(t.Context(), external.Config{Door: door, Store: entities, Trail: audit.New(state, time.Now), Certificate: server, Logger: logger, Now: time.Now})
	must(t, err)
	response.New(response.Config{Hosts: hosts, Version: "1.2.3"}).Register(w.room.Handle)

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{door.Run, w.room.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	certificate := own.TLS()
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(pki.FingerprintOf(server.Current().Certificate[0])), &certificate)}
	t.Cleanup(transport.CloseIdleConnections)
	w.plain = &http.Client{Transport: transport}
	w.client = &http.Client{Transport: openapitest.Transport(t, transport)}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call makes a request and returns the answer, its body read.
func (w *world) call(t testing.TB, client *http.Client, method, path, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.base+path, strings.NewReader(body))
	must(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(r)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return res, string(text)
}

// refused makes a request and wants a problem.
func (w *world) refused(t testing.TB, client *http.Client, method, path, body string) problem.Problem {
	t.Helper()
	res, text := w.call(t, client, method, path, body)
	var p problem.Problem
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Status != res.StatusCode || res.Header.Get("Content-Type") != problem.ContentType {
		t.Fatalf("%s %s: %s, %q is no problem: %v", method, path, res.Status, text, errors.Join(err))
	}
	if last := w.room.Look(w.who).LastError; !strings.Contains(last, string(p.Code)) {
		t.Errorf("%s %s: the last error is noted as %q", method, path, last)
	}
	return p
}

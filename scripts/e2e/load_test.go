package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
)

// acked remembers what was acknowledged, as lines of simulate.Config.Acks.
type acked struct {
	mu    sync.Mutex
	lines map[ackKey]int // events of the package
	bad   []string
}

type ackKey struct {
	agent string
	seq   uint64
}

func (a *acked) Write(p []byte) (int, error) {
	var agent, queue string
	var seq uint64
	var events int
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := fmt.Sscan(string(p), &agent, &queue, &seq, &events); err != nil {
		a.bad = append(a.bad, string(p))
	} else {
		a.lines[ackKey{agent, seq}] = events
	}
	return len(p), nil
}

func (a *acked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.lines)
}

// stored reads all events that the Central Node has, by package.
func stored(n *node) (packages map[ackKey]int, ids map[string]int) {
	n.t.Helper()
	packages, ids = make(map[ackKey]int), make(map[string]int)
	for line := range strings.Lines(n.must("event", "list", "--limit", "10000000", "--output", "jsonl")) {
		var e acts.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			n.t.Fatalf("%v in %s", err, line)
		}
		packages[ackKey{e.Agent.ID, e.Vedette.Seq}]++
		ids[e.Event.ID]++
	}
	return packages, ids
}

// holdAgainst fails the test for every acknowledged package that is not there,
// or not whole, and for every event that is there twice.
func (a *acked) holdAgainst(n *node) (lost, events int) {
	n.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.bad) > 0 {
		n.t.Fatalf("unreadable acknowledgements %q", a.bad)
	}
	packages, ids := stored(n)
	for k, events := range a.lines {
		if got := packages[k]; got != events {
			if lost++; lost < 10 {
				n.t.Errorf("package %d of %s was acknowledged with %d events; %d are there", k.seq, k.agent, events, got)
			}
		}
	}
	for id, times := range ids {
		if times != 1 {
			n.t.Errorf("event %s is there %d times", id, times)
		}
	}
	return lost, len(ids)
}

// load runs simulated agents until stop, and returns what was acknowledged.
func load(t *testing.T, n *node, agents int, rate float64) (acks *acked, stop func() *simulate.Summary) {
	t.Helper()
	return loadWith(t, n.daemon, simulate.Config{Agents: agents, Rate: rate, EventsPerPackage: 16, Timeout: 5 * time.Second, Backoff: 500 * time.Millisecond})
}

// loadWith is load through either daemon, with agents of any kind.
func loadWith(t *testing.T, through *daemon, c simulate.Config) (acks *acked, stop func() *simulate.Summary) {
	t.Helper()
	acks = &acked{lines: make(map[ackKey]int)}
	c.Servers, c.Pin = []string{through.address}, read[acts.ServerCertificate](through, "certificate", "show").Fingerprint
	c.Acks, c.Log = acks, slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	type result struct {
		s   *simulate.Summary
		err error
	}
	done := make(chan result, 1)
	go func() {
		s, err := simulate.Run(ctx, c)
		done <- result{s, err}
	}()
	return acks, func() *simulate.Summary {
		t.Helper()
		cancel()
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.s
	}
}

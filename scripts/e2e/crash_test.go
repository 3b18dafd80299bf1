package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
	"vedette/pki"
)

// The rounds of the kill test, and what makes a round count.
const (
	killRounds   = 50
	minAcked     = 20 // packages acknowledged between two kills
	loadAgents   = 20
	loadPerEvent = 8 // events in a package
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

// TestKillAtRandomMomentsLosesNothingAndCountsNothingTwice kills the Central
// Node and a real agent, in turn and together, while simulated agents and real
// processes make events.
func TestKillAtRandomMomentsLosesNothingAndCountsNothingTwice(t *testing.T) {
	n := newNode(t)
	served := read[acts.ServerCertificate](n, "certificate", "show")
	real := newAgent(t, `package_period = "200ms"`)
	real.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate(), "--timeout=3")
	real.start()

	acks := &acked{lines: make(map[ackKey]int)}
	ctx, cancel := context.WithCancel(t.Context())
	load := make(chan error, 1)
	go func() {
		_, err := simulate.Run(ctx, simulate.Config{
			Agents: loadAgents, Servers: []string{n.address}, Pin: served.Fingerprint, Rate: 200, EventsPerPackage: loadPerEvent,
			Timeout: 3 * time.Second, Backoff: 200 * time.Millisecond, Acks: acks, Log: slog.New(slog.DiscardHandler),
		})
		load <- err
	}()

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range killRounds {
		before := acks.count()
		eventually(t, 60*time.Second, fmt.Sprintf("round %d has its acknowledged packages", round), func() bool { return acks.count() >= before+minAcked })
		marked(t, fmt.Sprintf("kill-round-%d", round))
		pause := time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond)
		<-pause.C
		switch round % 5 {
		case 0, 1, 2:
			n.kill()
			n.start()
		case 3:
			real.kill()
			real.start()
		case 4:
			real.kill()
			n.kill()
			n.start()
			real.start()
		}
	}
	before := acks.count()
	eventually(t, 60*time.Second, "the load goes on after the last kill", func() bool { return acks.count() >= before+minAcked })
	cancel()
	if err := <-load; err != nil {
		t.Fatal(err)
	}
	acks.mu.Lock()
	defer acks.mu.Unlock()
	if len(acks.bad) > 0 {
		t.Fatalf("unreadable acknowledgements %q", acks.bad)
	}
	packages, ids := stored(n)
	lost := 0
	for k, events := range acks.lines {
		if got := packages[k]; got != events {
			if lost++; lost < 10 {
				t.Errorf("package %d of %s was acknowledged with %d events; %d are there", k.seq, k.agent, events, got)
			}
		}
	}
	for id, times := range ids {
		if times != 1 {
			t.Errorf("event %s is there %d times", id, times)
		}
	}
	t.Logf("%d rounds, %d acknowledged packages, %d lost, %d events", killRounds, len(acks.lines), lost, len(ids))
	n.must("audit", "verify")
	n.stop()
}

// TestWithdrawalUnderLoadTakesNothingAfterItsRevision withdraws one certificate
// that 1,000 live connections use, while 1,000 others go on.
func TestWithdrawalUnderLoadTakesNothingAfterItsRevision(t *testing.T) {
	const each = 1000
	n := newNode(t, "[limits]", "strangers_per_address = 4096")
	gone, stays := n.pfxPair("gone"), n.pfxPair("stays")
	n.must("agent-certificate", "validation", "on", "--yes")
	served := read[acts.ServerCertificate](n, "certificate", "show")
	type fleet struct {
		acks    *acked
		summary *simulate.Summary
		ready   chan struct{}
		done    chan error
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run := func(p *pki.Pair) *fleet {
		f := &fleet{acks: &acked{lines: make(map[ackKey]int)}, ready: make(chan struct{}), done: make(chan error, 1)}
		go func() {
			var err error
			f.summary, err = simulate.Run(ctx, simulate.Config{
				Agents: each, Servers: []string{n.address}, Pin: served.Fingerprint, Identities: []*pki.Pair{p},
				Rate: 0.5, EventsPerPackage: 1, Timeout: 30 * time.Second, Backoff: time.Second, Acks: f.acks,
				Log: slog.New(slog.DiscardHandler), Ready: func() { close(f.ready) },
			})
			f.done <- err
		}()
		return f
	}
	cut, kept := run(gone), run(stays)
	for _, f := range []*fleet{cut, kept} {
		select {
		case <-f.ready:
		case <-time.After(2 * time.Minute):
			t.Fatal("the agents do not connect")
		}
	}
	eventually(t, time.Minute, "both fleets deliver", func() bool { return cut.acks.count() > 200 && kept.acks.count() > 200 })
	done := read[acts.Withdrawal](n, "agent-certificate", "delete", gone.Fingerprint().String(), "--yes")
	t.Logf("%d connections cut in %v", done.Cut, done.Took)
	// Some of the thousand may be between two connections.
	if done.Cut < each*9/10 {
		t.Errorf("%d connections were cut, want about %d", done.Cut, each)
	}
	before := kept.acks.count()
	eventually(t, time.Minute, "the others go on", func() bool { return kept.acks.count() > before+500 })
	cancel()
	for _, f := range []*fleet{cut, kept} {
		if err := <-f.done; err != nil {
			t.Fatal(err)
		}
	}
	if len(kept.summary.Faults) != 0 || kept.summary.Reconnects != 0 {
		t.Errorf("the others were disturbed: %+v", kept.summary)
	}
	after := 0
	for line := range strings.Lines(n.must("event", "list", "--limit", "10000000", "--output", "jsonl")) {
		var e acts.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Vedette.Certificate == gone.Fingerprint().String() && e.Vedette.PolicyRevision >= done.Revision {
			after++
		}
	}
	if after != 0 {
		t.Errorf("%d events of the withdrawn certificate were taken after its revision", after)
	}
	n.stop()
}

// pfxPair generates an agent certificate and opens its PFX.
func (n *node) pfxPair(name string) *pki.Pair {
	n.t.Helper()
	raw, err := pki.ReadKeyFile(n.pfx(name))
	if err != nil {
		n.t.Fatal(err)
	}
	pair, err := pki.DecodePFX(raw, "")
	if err != nil {
		n.t.Fatalf("open %s: %v", filepath.Base(name), err)
	}
	return pair
}

package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/agent/simulate"
	"vedette/internal/acts"
	"vedette/pki"
)

// fleet is simulated agents that use one certificate.
type fleet struct {
	t       testing.TB
	acks    *acked
	summary *simulate.Summary
	ready   chan struct{}
	done    chan error
	cancel  context.CancelFunc
}

// newFleet runs agents, spread over some servers, until stop.
func newFleet(t testing.TB, agents int, identity *pki.Pair, servers ...string) *fleet {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	f := &fleet{t: t, acks: &acked{lines: make(map[ackKey]int)}, ready: make(chan struct{}), done: make(chan error, 1), cancel: cancel}
	go func() {
		var err error
		f.summary, err = simulate.Run(ctx, simulate.Config{
			Agents: agents, Servers: servers, Insecure: true, Identities: []*pki.Pair{identity},
			Rate: 0.2, EventsPerPackage: 1, Timeout: 30 * time.Second, Backoff: time.Second, Acks: f.acks,
			Log: slog.New(slog.DiscardHandler), Ready: func() { close(f.ready) },
		})
		f.done <- err
	}()
	return f
}

// delivers waits until all agents are connected and so many packages of theirs
// are acknowledged.
func (f *fleet) delivers(packages int) {
	f.t.Helper()
	select {
	case <-f.ready:
	case <-time.After(2 * time.Minute):
		f.t.Fatal("the agents do not connect")
	}
	eventually(f.t, time.Minute, "the fleet delivers", func() bool { return f.acks.count() > packages })
}

func (f *fleet) stop() *simulate.Summary {
	f.t.Helper()
	f.cancel()
	if err := <-f.done; err != nil {
		f.t.Fatal(err)
	}
	return f.summary
}

// undisturbed ends a fleet that must not have felt anything.
func (f *fleet) undisturbed() {
	f.t.Helper()
	if s := f.stop(); len(s.Faults) != 0 || s.Reconnects != 0 {
		f.t.Errorf("the others were disturbed: %+v", s)
	}
}

// withdraw deletes a certificate and checks that its connections were cut.
func (n *node) withdraw(p *pki.Pair, connections int) acts.Withdrawal {
	n.t.Helper()
	done := read[acts.Withdrawal](n, "agent-certificate", "delete", p.Fingerprint().String(), "--yes")
	n.t.Logf("%d connections cut in %v", done.Cut, done.Took)
	// Some may be between two connections.
	if done.Cut < connections*9/10 {
		n.t.Errorf("%d connections were cut, want about %d", done.Cut, connections)
	}
	return done
}

// nothingAfter fails the test for every event of a certificate that was taken
// after its withdrawal.
func (n *node) nothingAfter(p *pki.Pair, done acts.Withdrawal) {
	n.t.Helper()
	after := 0
	for line := range strings.Lines(n.must("event", "list", "--limit", "10000000", "--output", "jsonl")) {
		var e acts.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			n.t.Fatal(err)
		}
		if e.Vedette.Certificate == p.Fingerprint().String() && e.Vedette.PolicyRevision >= done.Revision {
			after++
		}
	}
	if after != 0 {
		n.t.Errorf("%d events of the withdrawn certificate were taken after its revision", after)
	}
}

// manyStrangers lets the agents of these tests, which are all at one address,
// connect at once.
const manyStrangers = "[limits]\nstrangers_per_address = 4096"

// TestWithdrawalUnderLoadTakesNothingAfterItsRevision withdraws one certificate
// that 1,000 live connections use, while 1,000 others go on.
func TestWithdrawalUnderLoadTakesNothingAfterItsRevision(t *testing.T) {
	const each = 1000
	n := newNode(t, manyStrangers)
	gone, stays := n.pfxPair("gone"), n.pfxPair("stays")
	n.must("agent-certificate", "validation", "on", "--yes")
	cut, kept := newFleet(t, each, gone, n.address), newFleet(t, each, stays, n.address)
	cut.delivers(200)
	kept.delivers(200)
	done := n.withdraw(gone, each)
	kept.delivers(kept.acks.count() + 500)
	kept.undisturbed()
	cut.stop()
	n.nothingAfter(gone, done)
	n.stop()
}

// TestWithdrawalReachesEverySensor is the same with the connections spread over
// three Sensors. When the command returns, the Sensors have cut the agents.
func TestWithdrawalReachesEverySensor(t *testing.T) {
	const each = 1000
	n := newNode(t, unsafeSameServer)
	var servers []string
	for range 3 {
		s := newSensor(t, manyStrangers)
		s.join(n)
		servers = append(servers, s.address)
	}
	gone, stays := n.pfxPair("gone"), n.pfxPair("stays")
	n.must("agent-certificate", "validation", "on", "--yes")
	cut, kept := newFleet(t, each, gone, servers...), newFleet(t, each, stays, servers...)
	cut.delivers(200)
	kept.delivers(200)
	done := n.withdraw(gone, each)
	if done.Sensors != 3 || len(done.Late) != 0 {
		t.Errorf("%d Sensors have the policy, late: %v", done.Sensors, done.Late)
	}
	kept.delivers(kept.acks.count() + 500)
	kept.undisturbed()
	cut.stop()
	n.nothingAfter(gone, done)
	n.stop()
}

// TestWithdrawalWhileTheLinkIsDownHoldsWhenItIsBack withdraws while a Sensor
// cannot hear of it.
func TestWithdrawalWhileTheLinkIsDownHoldsWhenItIsBack(t *testing.T) {
	const each = 50
	n, s := newNode(t, unsafeSameServer), newSensor(t, manyStrangers)
	line := newRelay(t, n.address)
	s.point(line.address(), n)
	s.accept(n)
	gone, stays := n.pfxPair("gone"), n.pfxPair("stays")
	n.must("agent-certificate", "validation", "on", "--yes")
	cut, kept := newFleet(t, each, gone, s.address), newFleet(t, each, stays, s.address)
	cut.delivers(50)
	kept.delivers(50)
	line.dark.Store(true)
	done := read[acts.Withdrawal](n, "agent-certificate", "delete", gone.Fingerprint().String(), "--yes")
	line.cutAll()
	s.becomes(acts.LinkUnreachable)
	before := cut.acks.count()
	line.dark.Store(false)
	s.becomes(acts.LinkAccepted)
	kept.delivers(kept.acks.count() + 50)
	if after := cut.acks.count(); after != before {
		t.Errorf("%d packages of the withdrawn certificate were acknowledged after the link was back", after-before)
	}
	kept.stop()
	if f := cut.stop().Faults; f["withdrawn"] == 0 {
		t.Errorf("the withdrawn agents were not told: %v", f)
	}
	n.nothingAfter(gone, done)
	s.stop()
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

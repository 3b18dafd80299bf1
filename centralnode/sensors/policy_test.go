package sensors_test

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// manyWithdrawn fills a new state file with so many withdrawn leaves that a
// policy is larger than what a control stream holds unread.
func manyWithdrawn(t *testing.T, c *centralnode.Config) {
	t.Helper()
	state, err := kv.Open(filepath.Join(c.StateDir, "state.db"), kv.Options{Program: "centralnode"})
	if err != nil {
		t.Fatal(err)
	}
	ops := make([]kv.Op, 12_000)
	for i := range ops {
		var f [32]byte
		_, _ = rand.Read(f[:]) // never fails (crypto/rand)
		ops[i] = kv.Op{Key: "withdrawn/" + hex.EncodeToString(f[:]), Value: []byte(`{"v":1}`)}
	}
	if _, err := state.Apply(t.Context(), ops, nil); err != nil {
		t.Fatal(err)
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWithdrawalReachesSensorsBeforeTheActReturns(t *testing.T) {
	t.Parallel()
	w := start(t)
	gone, stays := w.generate("gone"), w.generate("stays")
	w.validation(true)
	s, other := w.joined("branch"), w.joined("other")
	const streams = 20
	var all []*agent
	for i := range streams {
		all = append(all, behind(s, gone, byte(i+1)))
	}
	kept := behind(s, stays, 100)
	for _, a := range append(all, kept) {
		if err := a.send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	done := w.delete(gone)
	for _, x := range []*controlv1.Policy{s.Policy(), other.Policy()} {
		if x.Revision != done.Revision || len(x.Listed) != 1 || len(x.Withdrawn) != 1 || x.Withdrawn[0] != controlv1.Fingerprint(gone.Fingerprint()) {
			t.Errorf("when the act returned the policy was %+v", x)
		}
	}
	if done.Cut != streams || done.Sensors != 2 || len(done.Late) != 0 {
		t.Errorf("%+v", done)
	}
	for _, a := range all {
		if err := a.send(t.Context()); !refused(err) {
			t.Fatalf("after the withdrawal: %v", err)
		}
	}
	if err := kept.send(t.Context()); err != nil {
		t.Errorf("with the other certificate: %v", err)
	}
	if n := len(w.events()); n != streams+2 {
		t.Errorf("%d events", n)
	}
	added := w.generate("added")
	if !slices.Contains(s.Policy().Listed, controlv1.Fingerprint(added.Fingerprint())) {
		t.Error("an added certificate is not at the Sensor when the act returns")
	}
}

func TestSensorThatTakesNoPolicyHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *centralnode.Config) { manyWithdrawn(t, c) })
	good, mute, deaf := w.joined("good"), w.joined("mute"), w.joined("deaf")
	if n := len(good.Policy().Withdrawn); n != 10_000 {
		t.Errorf("%d withdrawn leaves at the Sensor", n)
	}
	mute.Close()
	mute.Mute = true
	deaf.Close()
	deaf.Deaf = true
	w.connect(mute)
	w.connect(deaf)
	mute.AwaitState(accepted)
	mute.AwaitPolicy(0)
	eventually(t, "the deaf one is connected", func() bool { return w.row(deaf).Connected })
	started := time.Now()
	done := w.validation(true)
	if took := time.Since(started); took > 20*time.Second { // 5 s, and a busy machine; the links of those two would end after 30
		t.Errorf("the act took %s", took)
	}
	slices.Sort(done.Late)
	if done.Sensors != 1 || len(done.Late) != 2 || !strings.HasPrefix(done.Late[0], "deaf (") || !strings.HasPrefix(done.Late[1], "mute (") {
		t.Errorf("%+v", done)
	}
	if good.Policy().Revision != done.Revision || good.Link().Err() != nil {
		t.Error("the orderly Sensor was held up")
	}
	for _, s := range []*sensortest.Sensor{mute, deaf} {
		if row := w.row(s); !row.Connected || !strings.Contains(row.Problem, "has not taken the policy in force yet") {
			t.Errorf("row %+v", row)
		}
	}
	mute.Close()
	mute.Mute = false
	w.connect(mute)
	mute.AwaitPolicy(done.Revision)
	eventually(t, "the problem is gone", func() bool { return !strings.Contains(w.row(mute).Problem, "policy") })
}

// TestPoliciesDoNotMix has two administrators change the lists at once; the
// Sensor's assembler refuses whatever does not fit together.
func TestPoliciesDoNotMix(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *centralnode.Config) { manyWithdrawn(t, c) })
	s := w.joined("branch")
	var both sync.WaitGroup
	both.Go(func() {
		for i := range 10 {
			_, _ = w.Admin().SetValidation(t.Context(), local, acts.SetValidation{On: i%2 == 0}) // one may be faster than the other
		}
	})
	for range 5 {
		pair := w.generate("agent")
		if done := w.delete(pair); done.Sensors != 1 {
			t.Errorf("%+v", done)
		}
	}
	both.Wait()
	last := w.validation(!currentValidation(w))
	if p := s.AwaitPolicy(last.Revision); p.Validation != currentValidation(w) || len(p.Listed) != 0 {
		t.Errorf("policy %+v", p)
	}
	eventually(t, "the table shows it", func() bool { return w.row(s).PolicyRevision == last.Revision })
}

func currentValidation(w *world) bool {
	list, err := w.Admin().AgentCertificates(w.t.Context(), local, acts.AgentCertificateFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list.Validation
}

func TestWithdrawalWhileTheLinkIsDownHoldsWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	gone := w.generate("gone")
	w.validation(true)
	s := w.joined("branch")
	if err := behind(s, gone, 1).send(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	eventually(t, "the link is down", func() bool { return !w.row(s).Connected })
	done := w.delete(gone)
	if done.Sensors != 0 || len(done.Late) != 0 {
		t.Errorf("%+v", done)
	}
	w.connect(s)
	s.AwaitState(accepted)
	if err := behind(s, gone, 1).send(t.Context()); !refused(err) {
		t.Errorf("after the link is back: %v", err)
	}
	s.AwaitPolicy(done.Revision)
}

// TestWithdrawalCutsAThousandStreamsOverThreeSensors has half of two thousand
// streams of one certificate, most of them silent, some under load.
func TestWithdrawalCutsAThousandStreamsOverThreeSensors(t *testing.T) {
	t.Parallel()
	const each, busyEach = 333, 5
	w := start(t)
	gone, stays := w.generate("gone"), w.generate("stays")
	w.validation(true)
	sensors := []*sensortest.Sensor{w.joined("one"), w.joined("two"), w.joined("three")}
	var kept []*agent
	for i := range 30 {
		a := behind(sensors[i%3], stays, byte(100+i))
		if err := a.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, a)
	}
	var busy sync.WaitGroup
	var taken atomic.Int64
	for i := range 3 * busyEach {
		a := behind(sensors[i%3], gone, byte(i))
		busy.Go(func() {
			for a.send(t.Context()) == nil {
				taken.Add(1)
			}
		})
	}
	eventually(t, "all are at work", func() bool { return taken.Load() > 100 })
	var silent []*link.Stream
	for i := range 3 * each {
		for _, leaf := range []*pki.Pair{gone, stays} {
			stream, err := sensors[i%3].Open(leaf.Leaf().Raw)
			if err != nil {
				t.Fatal(err)
			}
			if leaf == gone {
				silent = append(silent, stream)
			}
		}
	}
	eventually(t, "all streams are known", func() bool {
		n := 0
		for _, row := range w.rows() {
			n += row.Agents
		}
		return n == 30+3*busyEach+2*3*each
	})
	done := w.delete(gone)
	atOnce := len(w.events())
	if done.Cut != 3*each+3*busyEach || done.Sensors != 3 {
		t.Errorf("%+v", done)
	}
	busy.Wait()
	for _, stream := range silent {
		resetBy(t, stream, controlv1.CodeWithdrawn)
	}
	for _, e := range w.events() {
		if e.Vedette.Certificate == gone.Fingerprint().String() && e.Vedette.PolicyRevision >= done.Revision {
			t.Fatalf("taken under revision %d, the withdrawal has %d", e.Vedette.PolicyRevision, done.Revision)
		}
	}
	if later := len(w.events()); later != atOnce {
		t.Errorf("%d events when the act returned, %d later", atOnce, later)
	}
	for _, a := range kept {
		if err := a.send(t.Context()); err != nil || a.seq != 2 {
			t.Errorf("with the other certificate: %v", err)
		}
	}
}

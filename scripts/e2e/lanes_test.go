package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/agent/uplink"
	"vedette/internal/acts"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
)

// sender is one connection that sends packages whose content it remembers.
type sender struct {
	client *uplink.Client
	agent  string
	acked  map[string]string // argument by event id
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// send sends packages of about 30 KB, five a second, until ctx ends.
func (s *sender) send(ctx context.Context) error {
	queue := randomHex(16)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for seq := uint64(1); ctx.Err() == nil; seq++ {
		<-tick.C
		r := &agentv1.SendEventsRequest{AgentId: s.agent, QueueId: queue, Seq: seq}
		sent := make(map[string]string)
		for range 8 {
			id, argument := randomHex(16), randomHex(1800)
			sent[id] = argument
			r.Events = append(r.Events, &agentv1.Event{Id: id, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{
				ProcessStart: &agentv1.ProcessStart{Pid: 1, Executable: "/bin/x", Args: []string{argument}},
			}})
		}
		// The context ends the loop, not a package that is under way.
		if _, err := s.client.SendEvents(context.WithoutCancel(ctx), r); err != nil {
			return fmt.Errorf("package %d: %w", seq, err)
		}
		maps.Copy(s.acked, sent)
	}
	return nil
}

// TestLaneKilledEverySecondLosesNoStreamAndNoByte cuts one lane a second, at
// random, under load. No connection of an agent may notice it.
func TestLaneKilledEverySecondLosesNoStreamAndNoByte(t *testing.T) {
	const senders, seconds = 20, 12
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	line := newRelay(t, n.address)
	s.point(line.address(), n)
	s.accept(n)
	eventually(t, 30*time.Second, "all lanes are there", func() bool { return line.lanes() == 4 })
	served := read[acts.ServerCertificate](s, "certificate", "show")
	ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
	defer cancel()
	var sending sync.WaitGroup
	all := make([]*sender, senders)
	for i := range all {
		all[i] = &sender{agent: randomHex(16), acked: make(map[string]string), client: uplink.NewClient(uplink.ClientOptions{
			Address: s.address, Pins: pki.PinTo(served.Fingerprint), Timeout: 30 * time.Second,
		})}
		defer all[i].client.Close()
		sending.Go(func() {
			if err := all[i].send(ctx); err != nil {
				t.Errorf("sender %d: %v", i, err)
			}
		})
	}
	random := mrand.New(mrand.NewPCG(1, 2))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			line.cutOne(random)
		case <-ctx.Done():
		}
	}
	sending.Wait()
	want := make(map[string]string)
	for i, s := range all {
		if d := s.client.Dials(); d != 1 {
			t.Errorf("sender %d needed %d connections", i, d)
		}
		maps.Copy(want, s.acked)
	}
	if line.cuts < seconds/2 || len(want) == 0 {
		t.Fatalf("%d lanes were cut, %d events acknowledged: that proves nothing", line.cuts, len(want))
	}
	for lines := range strings.Lines(n.must("event", "list", "--limit", "10000000", "--output", "jsonl")) {
		var e acts.Event
		if err := json.Unmarshal([]byte(lines), &e); err != nil {
			t.Fatal(err)
		}
		if argument, ok := want[e.Event.ID]; ok {
			if !slices.Equal(e.Process.Args, []string{argument}) {
				t.Errorf("event %s came changed", e.Event.ID)
			}
			delete(want, e.Event.ID)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d acknowledged events are not there", len(want))
	}
	t.Logf("%d lanes cut", line.cuts)
	s.becomes(acts.LinkAccepted)
	s.stop()
	n.stop()
}

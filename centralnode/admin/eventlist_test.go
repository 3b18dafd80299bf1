package admin_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/internal/acts"
	agentv1 "vedette/proto/agent/v1"
)

// TestALongListIsTheNewestEventsInTheirOrder lists more than is held in memory
// at a time.
func TestALongListIsTheNewestEventsInTheirOrder(t *testing.T) {
	w := start(t)
	agent := w.agent(w.generate("web-1"))
	const packages, each = 45, 1000
	for p := range packages {
		events := make([]*agentv1.Event, each)
		for i := range events {
			kind := &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Executable: fmt.Sprint(p*each + i)}}
			events[i] = &agentv1.Event{Id: agentID, Time: timestamppb.Now(), Kind: kind}
		}
		if _, err := agent.SendEvents(t.Context(), &agentv1.SendEventsRequest{AgentId: agentID, QueueId: queueID, Seq: uint64(p + 1), Events: events}); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 19_999, 20_000, 20_001, 43_210, packages * each, packages*each + 5} {
		next := max(0, packages*each-limit)
		if err := w.Events(t.Context(), local, acts.EventFilter{Limit: limit}, func(e acts.Event) bool {
			if e.Process.Executable != fmt.Sprint(next) {
				t.Fatalf("the newest %d: %s where %d belongs", limit, e.Process.Executable, next)
			}
			next++
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if next != packages*each {
			t.Errorf("the newest %d end at %d", limit, next)
		}
	}
	shown := 0
	if err := w.Events(t.Context(), local, acts.EventFilter{Limit: 30_000, Text: "99"}, func(acts.Event) bool {
		shown++
		return shown < 25_000
	}); err != nil || shown != 1215 {
		t.Errorf("%d with a text, %v", shown, err)
	}
}

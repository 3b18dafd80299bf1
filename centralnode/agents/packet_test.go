package agents

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	agentv1 "vedette/proto/agent/v1"
)

// request is one with n events.
func request(n int) *agentv1.SendEventsRequest {
	r := &agentv1.SendEventsRequest{AgentId: "a", QueueId: "q", Seq: 1 << 60, Signature: []byte("s")}
	for range n {
		r.Events = append(r.Events, &agentv1.Event{Id: "e", Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Pid: 7}}})
	}
	return r
}

func TestPacketOutlivesTheBytesThatItWasReadFrom(t *testing.T) {
	b, err := proto.Marshal(request(3))
	if err != nil {
		t.Fatal(err)
	}
	event, err := proto.Marshal(request(1).Events[0])
	if err != nil {
		t.Fatal(err)
	}
	var p packet
	if err := (packetCodec{}).Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if p.agentID != "a" || p.queueID != "q" || p.seq != 1<<60 || p.count != 3 || len(p.events) != 3 {
		t.Fatalf("read %+v", p)
	}
	for _, e := range p.events {
		if !bytes.Equal(e, event) {
			t.Errorf("event %x, want %x", e, event)
		}
	}
}

func TestPacketCountsMoreEventsThanItKeeps(t *testing.T) {
	b, err := proto.Marshal(request(3 * maxEvents))
	if err != nil {
		t.Fatal(err)
	}
	var p packet
	if err := p.read(b); err != nil || p.count != 3*maxEvents || len(p.events) != maxEvents {
		t.Errorf("%v: %d counted, %d kept", err, p.count, len(p.events))
	}
}

// FuzzPacketAgreesWithProtobuf: what a packet says of bytes that protobuf takes
// is what protobuf says.
func FuzzPacketAgreesWithProtobuf(f *testing.F) {
	b, err := proto.Marshal(request(2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(b, b...))                                  // each field twice
	f.Add([]byte{0x08, 1, 0x18, 5, 0x1a, 1, 7, 0x22, 0})    // other wire types
	f.Add([]byte{0x1b, 0x18, 9, 0x1c, 0x23, 0x24, 0x18, 3}) // groups
	f.Fuzz(func(t *testing.T, b []byte) {
		var want agentv1.SendEventsRequest
		if proto.Unmarshal(b, &want) != nil || len(want.Events) > maxEvents {
			return
		}
		var p packet
		if err := p.read(b); err != nil {
			t.Fatal(err)
		}
		if p.agentID != want.AgentId || p.queueID != want.QueueId || p.seq != want.Seq || p.count != len(want.Events) {
			t.Fatalf("read %+v, protobuf %v", p, &want)
		}
		for i, raw := range p.events {
			var e agentv1.Event
			if err := proto.Unmarshal(raw, &e); err != nil || !proto.Equal(&e, want.Events[i]) {
				t.Errorf("event %d: %v, %v, protobuf %v", i, err, &e, want.Events[i])
			}
		}
	})
}

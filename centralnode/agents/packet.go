package agents

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"vedette/centralnode/eventlog"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

// packet is a SendEventsRequest whose events stay as they came. To decode them
// and to encode them again was 45 % of the processor time of a package of 1,024
// events (docs/benchmarks.md).
type packet struct {
	agentID, queueID string
	seq              uint64
	events           [][]byte // at most maxEvents
	count            int      // of all events
}

// packets serves packages in the binary encoding, which is that of all agents;
// next has the rest.
func (s *Service) packets(next http.Handler) http.Handler {
	binary := connect.NewUnaryHandlerSimple(agentv1connect.AgentServiceSendEventsProcedure, s.sendPacket,
		connect.WithSchema(agentv1.File_proto_agent_v1_agent_proto.Services().ByName("AgentService").Methods().ByName("SendEvents")),
		options(), connect.WithCodec(packetCodec{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == agentv1connect.AgentServiceSendEventsProcedure && r.Header.Get("Content-Type") == "application/proto" {
			binary.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) sendPacket(ctx context.Context, p *packet) (*agentv1.SendEventsResponse, error) {
	return s.take(ctx, p.count, eventlog.Package{AgentID: p.agentID, QueueID: p.queueID, Seq: p.seq, Encoded: p.events})
}

// packetCodec reads packets and writes any message.
type packetCodec struct{}

// Name implements connect.Codec.
func (packetCodec) Name() string { return "proto" }

// Marshal implements connect.Codec.
func (packetCodec) Marshal(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a message", message)
	}
	return proto.Marshal(m)
}

// Unmarshal implements connect.Codec. What it reads is copied.
func (packetCodec) Unmarshal(b []byte, message any) error {
	p, ok := message.(*packet)
	if !ok {
		return fmt.Errorf("%T is not a packet", message)
	}
	return p.read(bytes.Clone(b))
}

// read takes b apart and keeps it. Fields that it does not know, or that have
// another wire type than they should, are left out, as proto.Unmarshal does.
func (p *packet) read(b []byte) error {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
			return protowire.ParseError(n)
		}
		p.set(number, wire, b[:n])
		b = b[n:]
	}
	return nil
}

// set notes one field with its well-formed value; the last one counts.
func (p *packet) set(number protowire.Number, wire protowire.Type, value []byte) {
	if wire == protowire.VarintType && number == 3 {
		p.seq, _ = protowire.ConsumeVarint(value)
	}
	if wire != protowire.BytesType {
		return
	}
	value, _ = protowire.ConsumeBytes(value)
	switch number {
	case 1:
		p.agentID = string(value)
	case 2:
		p.queueID = string(value)
	case 4:
		if p.count++; p.count <= maxEvents {
			p.events = append(p.events, value)
		}
	}
}

package eventlog

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	agentv1 "vedette/proto/agent/v1"
)

// eventShape is what an encoded event is checked against.
var eventShape = shapeOf((*agentv1.Event)(nil).ProtoReflect().Descriptor())

// shape is a message as far as its encoding can be wrong: its fields by number.
type shape []field

// field is a known field. The zero value is one that is not known; whatever is
// well-formed may stand there.
type field struct {
	wire    protowire.Type
	known   bool
	text    bool  // has to be UTF-8
	message shape // nil: none
}

// shapeOf reads a message's descriptor. Messages must not contain themselves,
// and have no maps and no repeated numbers, which have two encodings.
func shapeOf(m protoreflect.MessageDescriptor) shape {
	var s shape
	for i := range m.Fields().Len() {
		d := m.Fields().Get(i)
		for len(s) <= int(d.Number()) {
			s = append(s, field{})
		}
		f := field{known: true}
		switch d.Kind() {
		case protoreflect.StringKind:
			f.wire, f.text = protowire.BytesType, true
		case protoreflect.BytesKind:
			f.wire = protowire.BytesType
		case protoreflect.MessageKind:
			f.wire, f.message = protowire.BytesType, shapeOf(d.Message())
		default:
			f = field{} // a number: being well-formed is all
		}
		s[d.Number()] = f
	}
	return s
}

var errText = errors.New("text is not UTF-8")

// check says why proto.Unmarshal would not take b as a message of this shape.
// It allocates nothing.
func (s shape) check(b []byte) error {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if number > protowire.MaxValidNumber {
			return fmt.Errorf("field number %d", number)
		}
		b = b[n:]
		var f field
		if int(number) < len(s) {
			f = s[number]
		}
		if !f.known || f.wire != wire {
			if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
				return protowire.ParseError(n)
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		switch {
		case n < 0:
			return protowire.ParseError(n)
		case f.text && !utf8.Valid(value):
			return errText
		case f.message != nil:
			if err := f.message.check(value); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}

// The fields of a stored body, which is a SendEventsRequest.
const (
	bodyAgent  protowire.Number = 1
	bodyQueue  protowire.Number = 2
	bodySeq    protowire.Number = 3
	bodyEvents protowire.Number = 4
)

// encodeBody makes what is stored of a package: the bytes that proto.Marshal
// makes, where events that came encoded stay as they are.
func encodeBody(p Package) ([]byte, error) {
	if p.Encoded == nil {
		return proto.MarshalOptions{Deterministic: true}.Marshal(&agentv1.SendEventsRequest{
			AgentId: p.AgentID, QueueId: p.QueueID, Seq: p.Seq, Events: p.Events,
		})
	}
	size := 64 + len(p.AgentID) + len(p.QueueID)
	for i, e := range p.Encoded {
		if err := eventShape.check(e); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		size += protowire.SizeTag(bodyEvents) + protowire.SizeBytes(len(e))
	}
	b := make([]byte, 0, size)
	b = protowire.AppendString(protowire.AppendTag(b, bodyAgent, protowire.BytesType), p.AgentID)
	b = protowire.AppendString(protowire.AppendTag(b, bodyQueue, protowire.BytesType), p.QueueID)
	if p.Seq != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, bodySeq, protowire.VarintType), p.Seq)
	}
	for _, e := range p.Encoded {
		b = protowire.AppendBytes(protowire.AppendTag(b, bodyEvents, protowire.BytesType), e)
	}
	return b, nil
}

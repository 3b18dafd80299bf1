package eventlog

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "vedette/proto/agent/v1"
)

// encoded gives a package the form in which agents send it.
func encoded(t testing.TB, p Package) Package {
	t.Helper()
	for _, e := range p.Events {
		b, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		p.Encoded = append(p.Encoded, b)
	}
	p.Events = nil
	return p
}

func TestEncodedEventsAreStoredLikeDecodedOnes(t *testing.T) {
	for _, seq := range []uint64{0, 1, 1 << 40} {
		p := newPackage(1, 1, 3000)
		p.Seq = seq
		want, err := encode(p, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		got, err := encode(encoded(t, p), time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.msg.Data, want.msg.Data) || got.digest != want.digest {
			t.Errorf("seq %d: another body", seq)
		}
	}
}

func TestTheSamePackageInTheOtherFormIsADuplicate(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	p := newPackage(1, 1, 3000)
	appendOK(t, l, encoded(t, p), Stored)
	appendOK(t, l, p, Duplicate)
	got := records(t, l, Filter{})
	if len(got) != len(p.Events) {
		t.Fatalf("%d records, want %d", len(got), len(p.Events))
	}
	for i, r := range got {
		if !proto.Equal(r.Event, p.Events[i]) {
			t.Errorf("event %d is %v, want %v", i, r.Event, p.Events[i])
		}
	}
}

func TestEncodedEventsThatNobodyCouldReadAreRefused(t *testing.T) {
	for name, event := range map[string][]byte{
		"rubbish":           []byte("\xff\xff\xff\xff"),
		"half a text":       {0x0a, 5, 'a'},
		"text not UTF-8":    {0x0a, 1, 0xff},
		"path not UTF-8":    {0x1a, 3, 0x1a, 1, 0xff},
		"half a message":    {0x1a, 3, 0x1a, 9, 'x'},
		"end of no group":   {0x0c},
		"field number 0":    {0x02, 0},
		"field number 2^29": {0x80, 0x80, 0x80, 0x80, 0x10, 0},
	} {
		p := newPackage(1, 1, 300)
		p.Events, p.Encoded = nil, [][]byte{event}
		if _, err := encode(p, time.Now()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := newPackage(1, 1, 300)
	p.Encoded = make([][]byte, MaxEvents+1)
	if _, err := encode(p, time.Now()); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many events: %v", err)
	}
}

// TestEventsHaveOnlyFieldsThatTheCheckKnows fails when the contract gets what
// has two encodings.
func TestEventsHaveOnlyFieldsThatTheCheckKnows(t *testing.T) {
	var look func(m protoreflect.MessageDescriptor)
	look = func(m protoreflect.MessageDescriptor) {
		for i := range m.Fields().Len() {
			d := m.Fields().Get(i)
			if d.IsMap() || d.Kind() == protoreflect.GroupKind || d.IsPacked() {
				t.Errorf("%s: teach shape.check to read it", d.FullName())
			}
			if d.Kind() == protoreflect.MessageKind {
				look(d.Message())
			}
		}
	}
	look((*agentv1.Event)(nil).ProtoReflect().Descriptor())
}

func TestCheckingAnEventAllocatesNothing(t *testing.T) {
	b := encoded(t, newPackage(1, 1, 300)).Encoded[0]
	if n := testing.AllocsPerRun(100, func() {
		if err := eventShape.check(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzCheckAgreesWithProtobuf holds the check against the library.
func FuzzCheckAgreesWithProtobuf(f *testing.F) {
	for _, e := range []*agentv1.Event{
		{Id: id(1), Time: &timestamppb.Timestamp{Seconds: 1, Nanos: 2}},
		{Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{Pid: 1, Executable: "/bin/ls", Args: []string{"", "ä"}, Incomplete: true}}},
		{Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{ExitCode: -1}}},
		{Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{Text: "x", Count: 1 << 60}}},
	} {
		b, err := proto.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x1b, 0x08, 0x01, 0x1c})             // a group where a message is known
	f.Add([]byte{0x08, 1, 0x12, 2, 0x0a, 0})          // known fields of other wire types
	f.Add([]byte{0x80, 0x80, 0x80, 0x80, 0x10, 0})    // a number too large
	f.Add([]byte{0xfa, 0xff, 0xff, 0xff, 0x0f, 1, 1}) // the largest one
	f.Add([]byte{0x12, 12, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		var e agentv1.Event
		want, got := proto.Unmarshal(b, &e), eventShape.check(b)
		if (want == nil) != (got == nil) {
			t.Errorf("%x: %v, protobuf says %v", b, got, want)
		}
	})
}

package controlv1_test

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	controlv1 "vedette/proto/control/v1"
	"vedette/proto/golden"
)

var _ = flag.Bool("update", false, "write the golden frames anew")

func fingerprints(from, n int) (out []controlv1.Fingerprint) {
	for i := range n {
		out = append(out, sha256.Sum256(fmt.Append(nil, from+i)))
	}
	return out
}

// feed gives messages to an assembler as a link would: over the wire.
func feed(a *controlv1.Assembler, messages []*controlv1.FromCentralNode) (got *controlv1.Policy, err error) {
	for _, m := range messages {
		raw, err := proto.Marshal(m)
		if err != nil {
			return nil, err
		}
		var back controlv1.FromCentralNode
		if err := proto.Unmarshal(raw, &back); err != nil {
			return nil, err
		}
		switch m := back.GetMessage().(type) {
		case *controlv1.FromCentralNode_PolicyBegin:
			err = a.Begin(m.PolicyBegin)
		case *controlv1.FromCentralNode_PolicyChunk:
			err = a.Chunk(m.PolicyChunk)
		case *controlv1.FromCentralNode_PolicyEnd:
			got, err = a.End(m.PolicyEnd)
		}
		if err != nil {
			return nil, err
		}
	}
	return got, nil
}

func TestPolicyArrivesWholeInSmallMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &controlv1.Policy{
			StoreID: "store", Revision: rapid.Uint64().Draw(t, "revision"), Validation: rapid.Bool().Draw(t, "validation"),
			Listed:    fingerprints(0, rapid.IntRange(0, 3000).Draw(t, "listed")),
			Withdrawn: fingerprints(10_000, rapid.IntRange(0, 3000).Draw(t, "withdrawn")),
		}
		messages := p.Split()
		for _, m := range messages {
			if n := proto.Size(m); n > 64<<10 {
				t.Fatalf("a message has %d bytes", n)
			}
		}
		var a controlv1.Assembler
		got, err := feed(&a, messages)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("%v; %d listed, %d withdrawn", err, len(got.Listed), len(got.Withdrawn))
		}
	})
}

func TestBrokenPolicyNeverTakesEffect(t *testing.T) {
	whole := func() []*controlv1.FromCentralNode {
		return (&controlv1.Policy{StoreID: "s", Revision: 7, Listed: fingerprints(0, 1500), Withdrawn: fingerprints(5000, 10)}).Split()
	}
	for name, breakIt := range map[string]func([]*controlv1.FromCentralNode) []*controlv1.FromCentralNode{
		"a chunk is missing":    func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode { return append(m[:1], m[2:]...) },
		"no beginning":          func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode { return m[1:] },
		"only an end":           func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode { return m[len(m)-1:] },
		"a chunk twice":         func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode { return append(m[:2], m[1:]...) },
		"chunks in other order": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode { m[1], m[2] = m[2], m[1]; return m },
		"one bit of another": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[1].GetPolicyChunk().Listed[5] ^= 1
			return m
		},
		"half a fingerprint": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			c := m[2].GetPolicyChunk()
			c.Withdrawn = c.Withdrawn[:40]
			return m
		},
		"another digest": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[3].GetPolicyEnd().Digest[0] ^= 1
			return m
		},
		"no digest": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[3].GetPolicyEnd().Digest = nil
			return m
		},
		"an empty chunk": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[1].GetPolicyChunk().Listed = nil
			return m
		},
		"a chunk of 2,000": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[1].GetPolicyChunk().Listed = make([]byte, 64_000)
			return m
		},
		"no store": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[0].GetPolicyBegin().Version = nil
			return m
		},
		"announces four billion": func(m []*controlv1.FromCentralNode) []*controlv1.FromCentralNode {
			m[0].GetPolicyBegin().Listed = 1<<32 - 1
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a controlv1.Assembler
			got, err := feed(&a, breakIt(whole()))
			if !errors.Is(err, controlv1.ErrPolicy) || got != nil {
				t.Fatalf("policy %v, error %v", got != nil, err)
			}
			// What comes afterwards is a policy of its own.
			if got, err := feed(&a, whole()); err != nil || len(got.Listed) != 1500 {
				t.Fatalf("the next policy: %v", err)
			}
		})
	}
}

func TestSecondBeginningForgetsTheFirst(t *testing.T) {
	first := (&controlv1.Policy{StoreID: "s", Revision: 1, Listed: fingerprints(0, 1500)}).Split()
	second := &controlv1.Policy{StoreID: "s", Revision: 2, Listed: fingerprints(9000, 3)}
	var a controlv1.Assembler
	got, err := feed(&a, append(first[:2], second.Split()...))
	if err != nil || !reflect.DeepEqual(got, second) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func FuzzAssembler(f *testing.F) {
	for _, m := range (&controlv1.Policy{StoreID: "s", Listed: fingerprints(0, 3), Withdrawn: fingerprints(9, 1)}).Split() {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m controlv1.FromCentralNode
		if proto.Unmarshal(raw, &m) != nil {
			return
		}
		var a controlv1.Assembler
		begin := &controlv1.PolicyBegin{Version: &controlv1.PolicyVersion{StoreId: "s"}, Listed: 3, Withdrawn: 1}
		if err := a.Begin(begin); err != nil {
			t.Fatal(err)
		}
		if p, err := feed(&a, []*controlv1.FromCentralNode{&m}); err == nil && p != nil && len(p.Listed)+len(p.Withdrawn) > 0 {
			t.Fatalf("one message made a policy of %d fingerprints", len(p.Listed)+len(p.Withdrawn))
		}
	})
}

// TestMessagesKeepTheirBytes holds the encoding of version 1.
func TestMessagesKeepTheirBytes(t *testing.T) {
	server := make([]byte, 32)
	messages := map[string]proto.Message{
		"introduction":  &controlv1.FromSensor{Message: &controlv1.FromSensor_Introduction{Introduction: &controlv1.Introduction{Name: "branch-1", Version: "0.2.0", Addresses: []string{"192.0.2.7"}, Server: server}}},
		"policy_taken":  &controlv1.FromSensor{Message: &controlv1.FromSensor_PolicyTaken{PolicyTaken: &controlv1.PolicyTaken{Version: &controlv1.PolicyVersion{StoreId: "s", Revision: 7}}}},
		"report":        &controlv1.FromSensor{Message: &controlv1.FromSensor_Report{Report: &controlv1.Report{Agents: 3, IngressBytes: 1 << 40, Refused: 2}}},
		"sensor_drain":  &controlv1.FromSensor{Message: &controlv1.FromSensor_Drain{Drain: &controlv1.Drain{}}},
		"authorisation": &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Authorisation{Authorisation: &controlv1.Authorisation{State: controlv1.Authorisation_STATE_ACCEPTED, Server: server}}},
		"next_pin":      &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_NextPin{NextPin: &controlv1.NextPin{Fingerprint: server}}},
		"node_drain":    &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Drain{Drain: &controlv1.Drain{}}},
	}
	for i, m := range (&controlv1.Policy{StoreID: "s", Revision: 7, Validation: true, Listed: fingerprints(0, 2), Withdrawn: fingerprints(5, 1)}).Split() {
		messages[fmt.Sprintf("policy_%d", i)] = m
	}
	golden.Check(t, messages)
}

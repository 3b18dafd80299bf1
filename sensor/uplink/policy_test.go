package uplink

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/uplink/uplinktest"
)

func many(revision uint64, n int) *controlv1.Policy {
	p := &controlv1.Policy{StoreID: "store", Revision: revision, Validation: true}
	for i := range n {
		p.Listed = append(p.Listed, controlv1.Fingerprint{byte(i), byte(i >> 8), 1})
		p.Withdrawn = append(p.Withdrawn, controlv1.Fingerprint{byte(i), byte(i >> 8), 2})
	}
	return p
}

func TestPolicyTakesEffectWholeAndBeforeAnyAgent(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: says(accepted)})
	r := run(t, Target{}, options{})
	applying, applied := make(chan *controlv1.Policy), make(chan int)
	r.onApply(func(p *controlv1.Policy) int {
		applying <- p
		return <-applied
	})
	r.Point(target(n, pair))
	s := n.Sensor()
	want := many(7, 2500)
	messages := want.Split()
	s.Say(messages[:len(messages)-1]...)
	r.awaitLanes(4)
	r.refuses(problem.LinkDown, 5*time.Second)
	select {
	case p := <-applying:
		t.Fatalf("a part took effect: %d listed", len(p.Listed))
	default:
	}
	s.Say(messages[len(messages)-1])
	got := <-applying
	if got.Revision != 7 || !got.Validation || len(got.Listed) != 2500 || len(got.Withdrawn) != 2500 || got.Listed[2499] != want.Listed[2499] {
		t.Errorf("applied %d listed, %d withdrawn of revision %d", len(got.Listed), len(got.Withdrawn), got.Revision)
	}
	r.refuses(problem.LinkDown, 5*time.Second) // it is not in force yet
	select {
	case m := <-s.Said:
		t.Errorf("the Sensor said %v before the policy was in force", m)
	default:
	}
	applied <- 11
	if taken := s.Taken(); taken.GetVersion().GetRevision() != 7 || taken.GetVersion().GetStoreId() != "store" || taken.GetCut() != 11 {
		t.Errorf("took %v", taken)
	}
	state := r.await(acts.LinkAccepted)
	if look := r.Look(); look.PolicyRevision != 7 || !look.Validation {
		t.Errorf("shows revision %d, validation %v", look.PolicyRevision, look.Validation)
	}

	// A later policy changes neither state nor link, and is answered in its turn.
	s.Say(many(8, 1).Split()...)
	s.Say(policy.Split()...)
	for _, revision := range []uint64{8, 1} {
		<-applying
		r.ask() // agents go on meanwhile
		applied <- 0
		if taken := s.Taken(); taken.GetVersion().GetRevision() != revision {
			t.Errorf("took %v, want revision %d", taken, revision)
		}
	}
	if now := r.State(); now != state {
		t.Errorf("state went from %+v to %+v", state, now)
	}
}

func TestSenselessControlMessageEndsTheLink(t *testing.T) {
	begin := &controlv1.PolicyBegin{Version: &controlv1.PolicyVersion{StoreId: "store", Revision: 2}, Listed: 1}
	one := func(m *controlv1.FromCentralNode) []*controlv1.FromCentralNode {
		return []*controlv1.FromCentralNode{m}
	}
	broken := many(2, 3).Split()
	broken[len(broken)-1].GetPolicyEnd().Digest[0]++
	for name, messages := range map[string][]*controlv1.FromCentralNode{
		"digest": broken,
		"a chunk without a beginning": one(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_PolicyChunk{
			PolicyChunk: &controlv1.PolicyChunk{Listed: make([]byte, 32)}}}),
		"an end too soon": {
			{Message: &controlv1.FromCentralNode_PolicyBegin{PolicyBegin: begin}},
			{Message: &controlv1.FromCentralNode_PolicyEnd{PolicyEnd: &controlv1.PolicyEnd{}}},
		},
		"no store": one(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_PolicyBegin{PolicyBegin: &controlv1.PolicyBegin{}}}),
		"no state": one(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Authorisation{Authorisation: &controlv1.Authorisation{}}}),
		"unknown state": one(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Authorisation{
			Authorisation: &controlv1.Authorisation{State: 77}}}),
		"digest of a server": one(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Authorisation{
			Authorisation: &controlv1.Authorisation{State: accepted, Server: []byte{1}}}}),
		"pin": one(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_NextPin{NextPin: &controlv1.NextPin{Fingerprint: []byte{1}}}}),
	} {
		t.Run(name, func(t *testing.T) {
			ends(t, func(s *uplinktest.Sensor) { s.Say(messages...) })
		})
	}
	t.Run("no protobuf", func(t *testing.T) {
		ends(t, func(s *uplinktest.Sensor) {
			if err := s.Link.Send(t.Context(), []byte{0xff}); err != nil {
				t.Error(err)
			}
		})
	})
}

// ends checks that what the Central Node says ends a link with the right code,
// that nothing of it took effect, and that another link follows.
func ends(t *testing.T, say func(*uplinktest.Sensor)) {
	t.Helper()
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{})
	s := n.Sensor()
	r.await(acts.LinkAccepted)
	r.onApply(func(p *controlv1.Policy) int {
		if p.Revision != 1 {
			t.Errorf("revision %d took effect", p.Revision)
		}
		return 0
	})
	say(s)
	select {
	case <-s.Link.Done():
	case <-time.After(patience):
		t.Fatal("the link goes on")
	}
	if e, ok := s.Link.Err().(*link.Error); !ok || e.Code != controlv1.CodeControl || !e.Remote || e.Reason == "" {
		t.Errorf("the Central Node hears %v", s.Link.Err())
	}
	poll(t, func() bool { return strings.Contains(r.log.String(), "control message that makes no sense") })
	n.Sensor()
	r.await(acts.LinkAccepted)
}

func TestUnknownControlMessagesAreSkipped(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(s *uplinktest.Sensor) {
		unknown := protowire.AppendBytes(protowire.AppendTag(nil, 500, protowire.BytesType), []byte("of a later version"))
		for _, raw := range [][]byte{unknown, nil} {
			if err := s.Link.Send(t.Context(), raw); err != nil {
				t.Error(err)
			}
		}
		s.Accept(policy)
	}})
	r := run(t, target(n, pair), options{})
	r.await(acts.LinkAccepted)
	n.Sensor()
	r.ask()
	n.NoSensor()
}

func TestPolicyThatNeverComesIsNotAwaitedForEver(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	times := quick
	times.policy = 50 * time.Millisecond
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: says(accepted)})
	r := run(t, target(n, pair), options{times: times})
	r.awaitDetail(acts.LinkUnreachable, "did not answer in time")
	for i := range 2 {
		s := n.Sensor()
		<-s.Link.Done()
		if e, ok := s.Link.Err().(*link.Error); !ok || e.Code != link.CodeTimeout {
			t.Errorf("link %d: the Central Node hears %v", i, s.Link.Err())
		}
	}
}

func TestEndsByTheCentralNodeAreExplained(t *testing.T) {
	for _, c := range []struct {
		code  link.Code
		words string
	}{
		{controlv1.CodeDeleted, "deleted this Sensor"},
		{controlv1.CodeStranger, `no request of this Sensor now: \u{1b}[31m.`},
		{link.CodeDuplicate, "two machines use one identity"},
		{link.CodeShutdown, `in order: \u{1b}[31m.`},
		{controlv1.CodeNotAccepted, "does not accept"},
		{controlv1.CodeControl, "made no sense"},
		{link.CodeVersion, "other versions"},
		{link.CodeFlood, `ended the link: flood, \u{1b}[31m`},
	} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			pair := pkitest.Pair(t, pki.KeyECDSAP256)
			back := make(chan struct{})
			letBack := sync.OnceFunc(func() { close(back) })
			first := true
			n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(s *uplinktest.Sensor) {
				if !first {
					<-back
				}
				first = false
				s.Accept(policy)
			}})
			t.Cleanup(letBack) // before n stops, which waits for its answers
			r := run(t, target(n, pair), options{})
			s := n.Sensor()
			r.await(acts.LinkAccepted)
			s.Link.Close(c.code, "\x1b[31m")
			if state := r.awaitDetail(acts.LinkUnreachable, c.words); state.Next == "" {
				t.Errorf("state %+v has no next step", state)
			}
			r.refuses(problem.LinkDown, 5*time.Second)
			letBack()
			state := r.await(acts.LinkAccepted)
			if told := strings.Contains(state.Detail, "took over at"); told != (c.code == link.CodeDuplicate) {
				t.Errorf("state %+v", state)
			}
		})
	}
}

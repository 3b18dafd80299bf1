package uplink

import (
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/uplink/uplinktest"
)

// refuses checks what agents hear in a state.
func (r *rig) refuses(code problem.Code, after time.Duration) {
	r.t.Helper()
	p := r.Refusal()
	if p == nil || p.Code != code || p.Status != 503 || p.RetryAfter != after || p.Title == "" || p.Detail == "" {
		r.t.Errorf("agents hear %+v, want %s", p, code)
	}
	if stream, err := r.Open(r.t.Context(), meta); err == nil {
		stream.Reset(link.CodeCancel, "")
		r.t.Error("a stream was opened")
	} else if refusal, ok := err.(*problem.Problem); !ok || refusal.Code != code {
		r.t.Errorf("open says %v, want %s", err, code)
	}
}

func TestAcceptedSensorIntroducesItselfAndCarriesAgents(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	to := target(n, pair)
	r := run(t, to, options{})
	s := n.Sensor()
	in := s.Introduction
	if s.Identity != r.identity.Fingerprint() || in.GetName() != "branch" || in.GetVersion() != "1.2" || len(in.GetAddresses()) != 1 ||
		string(in.GetServer()) != string(here[:]) || string(in.GetRequest()) != string(to.Request[:]) || in.GetServerCertificate()[0] != 9 {
		t.Errorf("introduced itself as %v with %v", s.Identity, in)
	}
	if taken := s.Taken(); taken.GetVersion().GetStoreId() != "store" || taken.GetVersion().GetRevision() != 1 {
		t.Errorf("took %v", taken)
	}
	state := r.await(acts.LinkAccepted)
	if state.Detail != "" || state.Next != "" || state.Expected != pair.Fingerprint() || state.Since.IsZero() {
		t.Errorf("state %+v", state)
	}
	if p := r.Refusal(); p != nil {
		t.Errorf("agents hear %v", p)
	}
	r.ask()
	for reports := 0; reports < 3; { // they come by themselves, what is known of the link's quality beside them
		select {
		case m := <-s.Said:
			if m.GetQuality() != nil {
				continue
			}
			if reports++; m.GetReport().GetAgents() != 3 {
				t.Errorf("the Sensor said %v", m)
			}
		case <-time.After(patience):
			t.Fatal("no report came")
		}
	}
}

func TestUnconfiguredSensorDialsNobodyUntilItIsPointed(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, Target{}, options{})
	before := r.await(acts.LinkUnconfigured)
	if before.Next == "" {
		t.Errorf("state %+v has no next step", before)
	}
	changed := r.Changed()
	r.Point(Target{})
	select {
	case <-changed: // it is news that nothing is configured, again
	default:
		t.Error("Point is not told")
	}
	if now := r.State(); !now.Since.After(before.Since) {
		t.Errorf("since %v, pointed after %v", now.Since, before.Since)
	}
	r.refuses(problem.SensorUnconfigured, retryLater)
	r.Point(target(n, pair))
	r.await(acts.LinkAccepted)
	n.Sensor()
	r.ask()

	r.Point(Target{})
	if s := r.State(); s.Link != acts.LinkUnconfigured { // at once
		t.Errorf("state %+v", s)
	}
	r.refuses(problem.SensorUnconfigured, retryLater)
	poll(t, func() bool { return n.Connections() == 0 })
	n.NoSensor()
}

func TestEveryAnswerIsAStateAndIsPushed(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: says(pending)})
	r := run(t, target(n, pair), options{})
	r.await(acts.LinkPending)
	r.refuses(problem.SensorPending, retrySoon)
	s := n.Sensor()

	s.Authorise(rejected)
	if state := r.await(acts.LinkRejected); state.Next == "" {
		t.Errorf("state %+v has no next step", state)
	}
	r.refuses(problem.SensorRejected, retryLater)
	s.Authorise(same)
	if state := r.await(acts.LinkSameServer); state.Detail != "You can only use the Sensor component as a proxy server if the Sensor and Central Node components are located on different servers." {
		t.Errorf("detail %q", state.Detail)
	}
	r.refuses(problem.SameServer, retryLater)
	if n.Connections() != 1 {
		t.Errorf("%d lanes for a Sensor that is not accepted", n.Connections())
	}
	s.Authorise(accepted)
	r.awaitDetail(acts.LinkUnreachable, "policy is on the way")
	r.refuses(problem.LinkDown, 5*time.Second)
	r.awaitLanes(4)
	s.Say(policy.Split()...)
	r.await(acts.LinkAccepted)
	r.ask()
	n.NoSensor() // all that on one link
}

func TestRejectedLiveSensorIsCutAndKeepsOneLane(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	answer := make(chan controlv1.Authorisation_State, 2)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(s *uplinktest.Sensor) {
		if state := <-answer; state == accepted {
			s.Accept(policy)
		} else {
			s.Authorise(state)
		}
	}})
	answer <- accepted
	r := run(t, target(n, pair), options{})
	first := n.Sensor()
	r.await(acts.LinkAccepted)
	r.awaitLanes(4)
	stream, err := r.Open(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	answer <- rejected
	first.Authorise(rejected)
	rejectedState := r.await(acts.LinkRejected)
	if _, err := stream.Read(make([]byte, 1)); err == nil {
		t.Error("a stream outlived the rejection")
	}
	n.Sensor() // it comes again, for news
	poll(t, func() bool { return n.Connections() == 1 })
	if now := r.State(); now != rejectedState {
		t.Errorf("state went from %+v to %+v", rejectedState, now)
	}
}

func TestNewRequestAsksAgainAfterARejection(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(s *uplinktest.Sensor) {
		if s.Introduction.GetRequest()[0] == 1 {
			s.Authorise(rejected)
			return
		}
		s.Authorise(pending)
	}})
	to := target(n, pair)
	r := run(t, to, options{})
	state := r.await(acts.LinkRejected)
	n.Sensor().Link.Close(controlv1.CodeNotAccepted, "") // it may, and need not keep the lane
	n.Sensor()                                           // asks for news
	if now := r.State(); now != state {
		t.Errorf("state went from %+v to %+v", state, now)
	}
	to.Request[0] = 2
	r.Point(to)
	r.await(acts.LinkPending)
}

func TestOneServerIsNoPlaceForBoth(t *testing.T) {
	for name, c := range map[string]struct {
		central bool // the Central Node finds out
		unsafe  bool
		state   controlv1.Authorisation_State
		want    acts.LinkState
	}{
		"the Sensor finds out":                    {state: accepted, want: acts.LinkSameServer},
		"the Sensor finds out while Pending":      {state: pending, want: acts.LinkSameServer},
		"a rejection counts more":                 {state: rejected, want: acts.LinkRejected},
		"the Central Node finds out":              {state: same, central: true, want: acts.LinkSameServer},
		"unsafe here, not at the Central Node":    {state: same, unsafe: true, want: acts.LinkSameServer},
		"unsafe on both, waits like all others":   {state: pending, unsafe: true, want: acts.LinkPending},
		"unsafe on both, is accepted like others": {state: accepted, unsafe: true, want: acts.LinkAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			server := here
			if c.central {
				server = there
			}
			pair := pkitest.Pair(t, pki.KeyECDSAP256)
			n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: server, Answer: func(s *uplinktest.Sensor) {
				s.Authorise(c.state)
				s.Say(policy.Split()...)
			}})
			r := run(t, target(n, pair), options{unsafe: c.unsafe})
			s := n.Sensor()
			s.Taken()
			r.await(c.want)
			if c.want == acts.LinkAccepted {
				r.ask()
				if w := r.Look().Warnings; len(w) != 1 {
					t.Errorf("warnings %q", w)
				}
				return
			}
			if p := r.Refusal(); p == nil {
				t.Error("agents are carried")
			}
		})
	}
}

func TestUnreachableSinceDoesNotMoveWithEachTry(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	to := target(n, pair)
	n.Stop()
	r := run(t, to, options{})
	first := r.awaitDetail(acts.LinkUnreachable, "nothing listens")
	r.refuses(problem.LinkDown, 5*time.Second)
	changed := r.Changed()
	select {
	case <-changed:
		t.Errorf("changed from %+v to %+v", first, r.State())
	case <-time.After(200 * time.Millisecond): // some tries
	}
	uplinktest.Listen(t, uplinktest.Options{Address: to.Address, Certificate: pair, Server: there})
	r.await(acts.LinkAccepted)
}

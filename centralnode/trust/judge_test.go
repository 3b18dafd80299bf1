package trust_test

import (
	"slices"
	"testing"

	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/proto/problem"
)

func TestJudgeAnswersEveryRoleAtEveryDoor(t *testing.T) {
	listed, withdrawn, again, unknown := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}, pki.Fingerprint{4}
	sensor := pki.Fingerprint{5}
	lists := trust.Lists{
		Revision: 7, Validation: true, Listed: []pki.Fingerprint{listed, again}, Withdrawn: []pki.Fingerprint{withdrawn, again},
		Sensors: map[pki.Fingerprint]trust.Request{sensor: trust.Accepted},
	}
	on := trust.NewSnapshot(lists)
	lists.Revision, lists.Validation = 8, false
	off := trust.NewSnapshot(lists)
	const allowed problem.Code = ""
	for _, c := range []struct {
		name    string
		leaf    pki.Fingerprint
		on, off problem.Code
	}{
		{"no certificate", pki.Fingerprint{}, problem.NoCertificate, allowed},
		{"listed", listed, allowed, allowed},
		{"listed again after withdrawal", again, allowed, allowed},
		{"withdrawn", withdrawn, problem.Withdrawn, allowed},
		{"unknown", unknown, problem.CertificateUnknown, allowed},
	} {
		for way, through := range map[string]pki.Fingerprint{trust.Direct: {}, trust.SensorID(sensor): sensor} {
			caller := trust.Caller{Way: way, Sensor: through, Leaf: c.leaf}
			for snapshot, want := range map[*trust.Snapshot]problem.Code{on: c.on, off: c.off} {
				v := snapshot.Judge(trust.AgentService, caller)
				if v.Code != want || v.Allowed != (want == allowed) || v.Revision != snapshot.Revision {
					t.Errorf("%s by way %q, validation %v: %+v, want code %q", c.name, way, snapshot.Validation, v, want)
				}
				if v := snapshot.Judge("no such door", caller); v.Allowed || v.Code != problem.WrongDoor {
					t.Errorf("%s at an unknown door: %+v", c.name, v)
				}
			}
		}
	}
}

func TestOnlyAcceptedSensorsCarryAgents(t *testing.T) {
	accepted, pending, rejected, unknown := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}, pki.Fingerprint{4}
	s := trust.NewSnapshot(trust.Lists{Revision: 9, Sensors: map[pki.Fingerprint]trust.Request{
		accepted: trust.Accepted, pending: trust.Pending, rejected: trust.Rejected,
	}})
	for sensor, want := range map[pki.Fingerprint]problem.Code{
		accepted: "", pending: problem.Pending, rejected: problem.Rejected, unknown: problem.CertificateUnknown, {}: problem.NoCertificate,
	} {
		if v := s.Judge(trust.SensorLink, trust.Caller{Leaf: sensor}); v.Code != want || v.Allowed != (want == "") || v.Revision != 9 {
			t.Errorf("link of %v: %+v, want code %q", sensor, v, want)
		}
		if sensor.IsZero() {
			continue // a direct caller
		}
		carried := s.Judge(trust.AgentService, trust.Caller{Sensor: sensor})
		if carried.Allowed != (want == "") || !carried.Allowed && carried.Code != problem.WrongDoor {
			t.Errorf("agent through %v: %+v", sensor, carried)
		}
	}
	if v := s.Judge(trust.SensorLink, trust.Caller{Leaf: accepted, Sensor: accepted}); v.Allowed || v.Code != problem.WrongDoor {
		t.Errorf("a link inside a link: %+v", v)
	}
}

func TestWithdrawalsAreRememberedInTheirOrder(t *testing.T) {
	one, two, again := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}
	s := trust.NewSnapshot(trust.Lists{Listed: []pki.Fingerprint{again}, Withdrawn: []pki.Fingerprint{one, again, two}})
	if got := s.LastWithdrawn(10); !slices.Equal(got, []pki.Fingerprint{two, one}) {
		t.Errorf("%v: the newest comes first, and a leaf that is listed again is not withdrawn", got)
	}
	if got := s.Without([]pki.Fingerprint{again}).LastWithdrawn(1); !slices.Equal(got, []pki.Fingerprint{again}) {
		t.Errorf("after another withdrawal: %v", got)
	}
	if got := s.Without([]pki.Fingerprint{again}).With([]pki.Fingerprint{one}).Without([]pki.Fingerprint{one}).LastWithdrawn(9); !slices.Equal(got, []pki.Fingerprint{one, again, two}) {
		t.Errorf("a leaf that was withdrawn twice: %v", got)
	}
	if got := s.AllListed(); !slices.Equal(got, []pki.Fingerprint{again}) {
		t.Errorf("listed: %v", got)
	}
}

func TestChangeOfListsLeavesTheOneBeforeAsItWas(t *testing.T) {
	leaf, sensor := pki.Fingerprint{1}, pki.Fingerprint{2}
	before := trust.NewSnapshot(trust.Lists{Revision: 3, Policy: 2})
	after := before.With([]pki.Fingerprint{leaf}).WithSensor(sensor, trust.Accepted).WithValidation(true).At(9, true)
	if before.Listed(leaf) || before.Sensor(sensor) != trust.Unknown || before.Validation || before.Revision != 3 || before.Policy != 2 {
		t.Errorf("the snapshot before is %+v", before)
	}
	if !after.Listed(leaf) || after.Len() != 1 || after.Sensor(sensor) != trust.Accepted || !after.Validation || after.Revision != 9 || after.Policy != 9 {
		t.Errorf("the snapshot after is %+v", after)
	}
	if gone := after.WithSensor(sensor, trust.Unknown).At(10, false); gone.Sensor(sensor) != trust.Unknown || gone.AcceptedSensors() != 0 || gone.Policy != 9 || after.AcceptedSensors() != 1 {
		t.Errorf("after the Sensor was deleted %+v", gone)
	}
}

package trust_test

import (
	"testing"

	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/proto/problem"
)

func TestJudgeAnswersEveryRoleAtEveryDoor(t *testing.T) {
	listed, withdrawn, again, unknown := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}, pki.Fingerprint{4}
	on := trust.NewSnapshot(7, true, []pki.Fingerprint{listed, again}, []pki.Fingerprint{withdrawn, again})
	off := trust.NewSnapshot(8, false, []pki.Fingerprint{listed, again}, []pki.Fingerprint{withdrawn, again})
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
		for _, way := range []string{trust.Direct, "sensor-1"} {
			caller := trust.Caller{Way: way, Leaf: c.leaf}
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

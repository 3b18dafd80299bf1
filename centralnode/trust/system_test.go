package trust_test

import (
	"strings"
	"testing"

	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/proto/problem"
)

func TestSystemIDsAreSafeStrings(t *testing.T) {
	for id, ok := range map[string]bool{
		"00505693b392": true, "93d7c9ac-2f5a-4b4e-8b0f-7d2f6f6a2b10": true, "a": true, "A.b_c:d@e~f-g": true, "...": true, "-": true,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"": false, ".": false, "..": false, "a b": false, "a/b": false, "a\\b": false, "a%2fb": false, "a\n": false, "a\x00": false, "é": false, "a,b": false, "a?b": false, "a+b": false,
	} {
		got, err := trust.ParseSystemID(id)
		if (err == nil) != ok || ok && got != id {
			t.Errorf("%q: %q, %v", id, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "128") || strings.ContainsAny(err.Error(), "\n\x00")) {
			t.Errorf("%q: the error %q does not say the rule", id, err)
		}
	}
}

func FuzzParseSystemID(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "00505693b392", "a/../b", "\xff", strings.Repeat("x", 129), "a\u202eb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := trust.ParseSystemID(s)
		if err != nil {
			if id != "" || s != "" && len(s) > 3 && strings.Contains(err.Error(), s) {
				t.Errorf("refused %q: %q, %v", s, id, err)
			}
			return
		}
		if id != s || id == "" || len(id) > 128 || id == "." || id == ".." || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@~-") != "" {
			t.Errorf("%q was taken as %q", s, id)
		}
	})
}

func TestSystemIsItsIDWithItsLeaf(t *testing.T) {
	a := trust.System{ID: "a", Leaf: pki.Fingerprint{1}}
	keys := map[string]trust.System{}
	for _, s := range []trust.System{a, {ID: "b", Leaf: a.Leaf}, {ID: "a", Leaf: pki.Fingerprint{2}}, {ID: "A", Leaf: a.Leaf}} {
		if other, ok := keys[s.Key()]; ok {
			t.Errorf("%v and %v have the key %s", s, other, s.Key())
		}
		keys[s.Key()] = s
	}
	// Known answer: printf 'a\0' and 01 and 31 zero bytes, through sha256sum.
	if got := a.Key(); got != "4b26368aea7e3067" {
		t.Errorf("key %s", got)
	}
}

func TestJudgeOfExternalSystemsGoesByIDAndLeaf(t *testing.T) {
	accepted, pending, rejected, changed, unknown := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}, pki.Fingerprint{4}, pki.Fingerprint{5}
	sensor := pki.Fingerprint{9}
	who := func(leaf pki.Fingerprint) trust.System { return trust.System{ID: "gw", Leaf: leaf} }
	s := trust.NewSnapshot(trust.Lists{
		Revision: 4, Listed: []pki.Fingerprint{unknown}, Sensors: map[pki.Fingerprint]trust.Request{sensor: trust.Accepted},
		Systems: map[trust.System]trust.Request{who(accepted): trust.Accepted, who(pending): trust.Pending, who(rejected): trust.Rejected, who(changed): trust.Pending},
		Changed: []trust.System{who(changed), who(unknown)},
	})
	for _, c := range []struct {
		id   string
		leaf pki.Fingerprint
		want problem.Code
	}{
		{"gw", accepted, ""}, {"gw", pending, problem.Pending}, {"gw", rejected, problem.Rejected}, {"gw", changed, problem.CertificateChanged},
		{"gw", unknown, problem.CertificateUnknown}, {"gw", sensor, problem.CertificateUnknown}, {"gw", pki.Fingerprint{}, problem.NoCertificate},
		{"GW", accepted, problem.CertificateUnknown}, {"other", accepted, problem.CertificateUnknown}, {"", accepted, problem.CertificateUnknown},
	} {
		for _, state := range []*trust.Snapshot{s, s.WithValidation(true)} {
			if v := state.JudgeSystem(c.id, trust.Caller{Way: trust.Direct, Leaf: c.leaf}); v.Code != c.want || v.Allowed != (c.want == "") || v.Revision != 4 {
				t.Errorf("%q with %v: %+v, want %q", c.id, c.leaf[0], v, c.want)
			}
			if v := state.JudgeSystem(c.id, trust.Caller{Way: "x", Sensor: sensor, Leaf: c.leaf}); v.Allowed || v.Code != problem.WrongDoor {
				t.Errorf("%q with %v through a Sensor: %+v", c.id, c.leaf[0], v)
			}
		}
		if v := s.Judge(trust.ExternalSystem, trust.Caller{Leaf: c.leaf}); v.Allowed || v.Code != problem.WrongDoor {
			t.Errorf("the door without an ID: %+v", v)
		}
	}
	if s.PendingSystems() != 2 || !s.KnownSystemID("gw") || s.KnownSystemID("other") {
		t.Errorf("%d wait; known: gw %v, other %v", s.PendingSystems(), s.KnownSystemID("gw"), s.KnownSystemID("other"))
	}
}

func TestDescriptionIsForAnybodyWhoCameDirectly(t *testing.T) {
	s := trust.NewSnapshot(trust.Lists{Validation: true})
	for _, leaf := range []pki.Fingerprint{{}, {1}} {
		if v := s.Judge(trust.Description, trust.Caller{Leaf: leaf}); !v.Allowed {
			t.Errorf("direct: %+v", v)
		}
		if v := s.Judge(trust.Description, trust.Caller{Leaf: leaf, Sensor: pki.Fingerprint{2}}); v.Allowed || v.Code != problem.WrongDoor {
			t.Errorf("through a Sensor: %+v", v)
		}
	}
}

func TestRequestOfAKnownIDIsChangedAndStaysSo(t *testing.T) {
	one, two, alone := trust.System{ID: "gw", Leaf: pki.Fingerprint{1}}, trust.System{ID: "gw", Leaf: pki.Fingerprint{2}}, trust.System{ID: "x", Leaf: pki.Fingerprint{1}}
	before := trust.NewSnapshot(trust.Lists{Revision: 3, Policy: 2})
	s := before.WithSystem(one, trust.Pending).WithSystem(alone, trust.Pending).WithSystem(two, trust.Pending).At(9, false)
	code := func(s *trust.Snapshot, who trust.System) problem.Code {
		return s.JudgeSystem(who.ID, trust.Caller{Leaf: who.Leaf}).Code
	}
	if code(s, one) != problem.Pending || code(s, alone) != problem.Pending || code(s, two) != problem.CertificateChanged {
		t.Errorf("first %q, alone %q, second %q", code(s, one), code(s, alone), code(s, two))
	}
	s = s.WithSystem(one, trust.Unknown)
	if code(s, two) != problem.CertificateChanged || s.System(one) != trust.Unknown || !s.KnownSystemID("gw") {
		t.Error("the deletion of one changed the other")
	}
	if s = s.WithSystem(two, trust.Accepted); code(s, two) != "" || !s.ChangedSystem(two) {
		t.Error("the accepted one is not let in, or not marked")
	}
	if s = s.WithSystem(one, trust.Pending); code(s, one) != problem.CertificateChanged {
		t.Errorf("the first certificate comes back as %q", code(s, one))
	}
	if gone := s.WithSystem(one, trust.Unknown).WithSystem(two, trust.Unknown); gone.KnownSystemID("gw") || code(gone.WithSystem(one, trust.Pending), one) != problem.Pending {
		t.Error("a forgotten ID is still known")
	}
	if before.System(one) != trust.Unknown || before.KnownSystemID("gw") || s.Policy != 2 || s.Revision != 9 {
		t.Errorf("the snapshot before was changed, or the agents' policy: %+v", s)
	}
}

package admin_test

import (
	"strings"
	"testing"

	"vedette/adminmenu"
	"vedette/centralnode/admin"
	"vedette/internal/acts"
	"vedette/pki"
)

var _ adminmenu.CentralNode = (*admin.Admin)(nil)

// bob is faster.
var bob = acts.Actor{Account: "bob", Role: acts.LocalAdministrator, Face: acts.FaceMenu, From: "192.0.2.7"}

// staleBy wants a refusal that names what was faster.
func staleBy(t *testing.T, err error, act string) {
	t.Helper()
	want := "what you saw has changed since: " + act + " by bob from 192.0.2.7 at 20"
	if e := refusedAs(t, err, acts.Stale); !strings.HasPrefix(e.Text, want) || !strings.HasSuffix(e.Text, "Z; nothing was done") || e.Hint == "" {
		t.Errorf("text %q, want %q", e.Text, want)
	}
}

func TestAnActOnAStaleScreenIsToldWhatChanged(t *testing.T) {
	w := start(t)
	first, other := w.generate("web-1").Fingerprint(), w.generate("web-2").Fingerprint()
	list, err := w.AgentCertificates(t.Context(), local, acts.AgentCertificateFilter{})
	if err != nil {
		t.Fatal(err)
	}
	remove := func(who acts.Actor, revision uint64, f ...pki.Fingerprint) error {
		return second(w.DeleteAgentCertificates(t.Context(), who, acts.DeleteAgentCertificates{Fingerprints: f, Revision: revision}))
	}
	set := func(who acts.Actor, on bool, revision uint64) error {
		return second(w.SetValidation(t.Context(), who, acts.SetValidation{On: on, Revision: revision}))
	}

	if err := remove(bob, 0, first); err != nil {
		t.Fatal(err)
	}
	staleBy(t, remove(local, list.Revision, other, first), "agent-certificate delete")
	staleBy(t, second(w.PreviewDeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{first}, Revision: list.Revision})), "agent-certificate delete")
	refusedAs(t, remove(local, list.Revision, pki.Fingerprint{1}), acts.NotFound) // it never was there

	if err := set(bob, true, 0); err != nil {
		t.Fatal(err)
	}
	staleBy(t, set(local, false, list.Revision), "agent-certificate validation")
	// Whether deleting cuts anybody depends on the switch.
	staleBy(t, remove(local, list.Revision, other), "agent-certificate validation")

	p, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err == nil {
		_, err = w.GenerateServerCertificate(t.Context(), bob, acts.GenerateServerCertificate{Revision: p.Revision})
	}
	if err != nil {
		t.Fatal(err)
	}
	staleBy(t, second(w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: p.Revision})), "certificate generate")
}

func TestADecisionOnAStaleScreenIsToldWhatChanged(t *testing.T) {
	w := start(t)
	s := w.asking("branch")
	in := acts.DecideSensorServer{Which: "branch", Fingerprint: s.Identity.Fingerprint()}
	p, err := w.PreviewAcceptSensorServer(t.Context(), local, in)
	if err == nil {
		_, err = w.RejectSensorServer(t.Context(), bob, in)
	}
	if err != nil {
		t.Fatal(err)
	}
	in.Revision = p.Revision
	staleBy(t, second(w.AcceptSensorServer(t.Context(), local, in)), "sensor reject")
	staleBy(t, second(w.DeleteSensorServer(t.Context(), local, in)), "sensor reject")
	staleBy(t, second(w.PreviewRejectSensorServer(t.Context(), local, in)), "sensor reject")

	s.Close() // or it would ask anew
	if _, err := w.DeleteSensorServer(t.Context(), bob, acts.DecideSensorServer{Which: in.Fingerprint.String()}); err != nil {
		t.Fatal(err)
	}
	staleBy(t, second(w.AcceptSensorServer(t.Context(), local, in)), "sensor delete")
}

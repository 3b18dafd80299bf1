package admin_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/sensor/proxy"
)

func TestAReplacedServerCertificateCutsAgentsAndSaysWhatFollows(t *testing.T) {
	w := start(t)
	w.count(proxy.Counts{Agents: 5})
	for _, from := range []string{"192.0.2.20", "192.0.2.3", "192.0.2.3", "fd00::1", "192.0.2.20"} {
		w.agents = append(w.agents, netip.MustParseAddr(from))
	}
	before, err := w.ServerCertificate(t.Context(), auditor)
	if err != nil || !slices.Contains(before.Names, "sensor.example") {
		t.Fatalf("certificate %+v, %v", before, err)
	}
	p, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil || !p.Asks || len(p.Consequences) != 1 || p.Consequences[0].Count != 5 || w.cut != 0 || !strings.Contains(strings.Join(p.Lines, " "), "The data of previously installed certificates will be overwritten.") ||
		!slices.Equal(p.Consequences[0].Who, []string{"192.0.2.20", "192.0.2.3", "fd00::1"}) {
		t.Fatalf("preview %+v, %v", p, err)
	}
	after, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: p.Revision})
	if err != nil || after.Fingerprint == before.Fingerprint || w.cut != 1 {
		t.Fatalf("generated %+v, %v, cut %d times", after, err, w.cut)
	}
	_, err = w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: p.Revision})
	refusedAs(t, err, acts.Stale)

	pair := pkitest.Pair(t, pki.KeyRSA3072)
	if f, err := w.UploadServerCertificate(t.Context(), local, pair.EncodePEM()); err != nil || f.Fingerprint != pair.Fingerprint() {
		t.Fatalf("uploaded %+v, %v", f, err)
	}
	installed, err := w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	if err != nil || installed.Fingerprint != pair.Fingerprint() || installed.Uploaded != nil || w.cut != 2 {
		t.Fatalf("installed %+v, %v, cut %d times", installed, err, w.cut)
	}
	_, err = w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	refusedAs(t, err, acts.NotFound)
	_, err = w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{PEM: pair.CertificatePEM()})
	refusedAs(t, err, acts.Invalid)
	if w.cut != 2 {
		t.Error("a refused certificate cut agents")
	}
	if r := w.records(t, "certificate install"); len(r) != 3 || r[0].Result != audit.Done || r[1].Result != audit.Refused || r[2].Result != audit.Refused {
		t.Errorf("records %+v", r)
	}
}

func TestTheCentralNodeHearsOfANewServerCertificate(t *testing.T) {
	w := start(t)
	if _, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	if pointed := w.link.pointed(); len(pointed) != 0 {
		t.Fatalf("without a Central Node the link points at %+v", pointed)
	}
	if _, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{7}}); err != nil {
		t.Fatal(err)
	}
	if err := w.entities.SaveAnnounced(t.Context(), pki.Fingerprint{7}, pki.Fingerprint{8}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	// The link begins anew and asks for nothing: the request is the one of before.
	pointed := w.link.pointed()
	want := pointed[0]
	want.Next = pki.Fingerprint{8}
	if len(pointed) != 2 || pointed[1] != want {
		t.Errorf("points at %+v, want %+v last", pointed, want)
	}
}

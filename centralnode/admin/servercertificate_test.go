package admin_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

func TestReplacedServerCertificateIsServedAndSurvivesARestart(t *testing.T) {
	w := start(t)
	before, err := w.ServerCertificate(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(before.Names, "central.example") || !slices.Contains(before.Names, "127.0.0.1") {
		t.Fatalf("names of the first certificate: %v", before.Names)
	}
	connected := w.agentPinned(nil, before.Fingerprint)
	if err := w.send(connected, 1000, "/bin/x"); err != nil {
		t.Fatal(err)
	}
	preview, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Names: []string{"extra.example"}})
	if err != nil || len(preview.Consequences) != 7 || !strings.Contains(preview.Lines[0], "extra.example") || !preview.Asks {
		t.Fatalf("preview %+v, %v", preview, err)
	}
	after, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Names: []string{"extra.example"}, Revision: preview.Revision})
	if err != nil || after.Fingerprint == before.Fingerprint || !slices.Contains(after.Names, "extra.example") {
		t.Fatalf("generated %+v, %v", after, err)
	}
	// An agent that was connected is seen to fail now, not hours later.
	var mismatch *pki.PinMismatch
	if err := w.send(connected, 1001, "/bin/x"); !errors.As(err, &mismatch) {
		t.Fatalf("a connected agent with the old pin: %v", err)
	}
	seq := uint64(1001)
	check := func() {
		t.Helper()
		seq++
		if err := w.send(w.agentPinned(nil, before.Fingerprint), seq, "/bin/x"); !errors.As(err, &mismatch) || mismatch.Met != after.Fingerprint {
			t.Fatalf("an agent with the old pin: %v", err)
		}
		if err := w.send(w.agentPinned(nil, after.Fingerprint), seq, "/bin/x"); err != nil {
			t.Fatalf("an agent with the new pin: %v", err)
		}
	}
	check()
	_, err = w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: preview.Revision})
	refusedAs(t, err, acts.Stale)
	w.stop()
	w = startIn(t, w.dir)
	check()
	block, rest := pem.Decode([]byte(after.PEM))
	if block == nil || len(rest) != 0 || strings.Contains(after.PEM, "PRIVATE") {
		t.Fatal("the download is not exactly the certificate")
	}
	if leaf, err := x509.ParseCertificate(block.Bytes); err != nil || pki.FingerprintOf(leaf.Raw) != after.Fingerprint {
		t.Fatalf("the download is another certificate: %v", err)
	}
}

// TestReplacementIsPreviewedForThoseWhoPinTheCertificate has one agent that
// comes directly and two that come through a Sensor.
func TestReplacementIsPreviewedForThoseWhoPinTheCertificate(t *testing.T) {
	w := start(t)
	s := w.asking("branch")
	if _, err := w.AcceptSensorServer(t.Context(), local, acts.DecideSensorServer{Which: "branch"}); err != nil {
		t.Fatal(err)
	}
	s.AwaitPolicy(0)
	w.accepted("gate", acts.MailSensor)
	send := func(c agentv1connect.AgentServiceClient, id string) {
		t.Helper()
		if _, err := c.Sync(t.Context(), &agentv1.SyncRequest{AgentId: id, QueueId: id, Host: &agentv1.Host{Name: "host " + id[:1]}}); err != nil {
			t.Fatal(err)
		}
	}
	send(w.agent(nil), agentID)
	for _, id := range []string{queueID, strings.Repeat("1", 32)} {
		send(agentv1connect.NewAgentServiceClient(s.Client(nil), "http://central.node"), id)
	}
	p, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"branch", "gate", "host 0"}, {"host 0"}, {"branch"}, {"gate"}} {
		if c := p.Consequences[i]; !c.InUse || c.Count != len(want) || !slices.Equal(c.Who, want) {
			t.Errorf("consequence %d: %+v, want %q", i, c, want)
		}
	}
	for _, c := range p.Consequences[4:] {
		if c.InUse || c.Count != 0 || c.Who != nil {
			t.Errorf("without a counterpart here: %+v", c)
		}
	}
	if c := p.Consequences[2]; c.Text != "Every Sensor stops until its administrator has compared and confirmed the new certificate (central-node set). 2 Endpoint Agents connect through them today." {
		t.Errorf("of Sensors: %q", c.Text)
	}
	if c := p.Consequences[4]; c.Text != "The connection of the Central Node, PCN, and SCN to Sandbox must be reconfigured." {
		t.Errorf("of Sandbox: %q", c.Text)
	}
	done, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil || !strings.HasSuffix(done.FollowUps[1].Step, "are not served. 2 Endpoint Agents connect through them today.") {
		t.Errorf("what follows: %+v, %v", done.FollowUps, err)
	}
}

func TestUploadedServerCertificateIsInstalledOnce(t *testing.T) {
	w := start(t)
	own := pkitest.Pair(t, pki.KeyRSA3072)
	_, err := w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	refusedAs(t, err, acts.NotFound)
	file, err := w.UploadServerCertificate(t.Context(), local, own.CertificatePEM())
	if err != nil || file.Problem == "" {
		t.Fatalf("a file without key: %+v, %v", file, err)
	}
	_, err = w.PreviewInstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	if e := refusedAs(t, err, acts.Invalid); !strings.Contains(e.Text, "key") || e.Hint == "" {
		t.Fatalf("error %+v", e)
	}
	if file, err = w.UploadServerCertificate(t.Context(), local, own.EncodePEM()); err != nil || file.Fingerprint != own.Fingerprint() {
		t.Fatalf("upload %+v, %v", file, err)
	}
	shown, err := w.ServerCertificate(t.Context(), local)
	if err != nil || shown.Uploaded == nil || shown.Fingerprint == own.Fingerprint() {
		t.Fatalf("an upload alone changed what is served: %+v, %v", shown, err)
	}
	done, err := w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	if err != nil || done.Fingerprint != own.Fingerprint() || done.Uploaded != nil {
		t.Fatalf("install %+v, %v", done, err)
	}
	if err := w.send(w.agentPinned(nil, own.Fingerprint()), 1, "/bin/x"); err != nil {
		t.Fatal(err)
	}
	_, err = w.UploadServerCertificate(t.Context(), local, make([]byte, pki.MaxFileSize+1))
	refusedAs(t, err, acts.Invalid)
}

package e2e

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// TestWebDownload walks "Downloading the TLS certificate of the Central Node
// server" of the source document.
func TestWebDownload(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for _, s := range []scripting{withScript, withoutScript} {
		p := w.administrator(t, s)
		p.section("Certificates")
		p.in("Server certificate").presses("Download")
		name, content := p.saved()
		if filepath.Ext(name) != ".crt" {
			t.Errorf("the file is called %s", name)
		}
		block, rest := pem.Decode(content)
		if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
			t.Fatalf("the file is not one certificate:\n%s", content)
		}
		got := pki.FingerprintOf(block.Bytes)
		if want := pki.FingerprintOf(servedLeaf(t, w.address).Raw); got != want {
			t.Errorf("downloaded %s, served is %s", got, want)
		}
		if byFile, byAddress := opensslFingerprint(t, filepath.Join(p.downloads, name)), opensslFingerprint(t, w.address); byFile != got || byAddress != got {
			t.Errorf("downloaded %s; openssl reads %s in the file and %s at the server", got, byFile, byAddress)
		}
		p.sees(got.String())
	}
	w.stop()
}

// peers are who has to be told of another server certificate.
type peers struct {
	agent  *agent
	sensor *sensor
	mail   *system
}

// withPeers gives the Central Node one agent, one Sensor and one mail sensor,
// all of them at work.
func (w *web) withPeers(t *testing.T) peers {
	t.Helper()
	s := newSensor(t)
	s.join(w.node)
	mail := newSystem(t, w.node, "gate-1")
	mail.refusedWith("pending")
	mail.accept("--type", "mail")
	all := peers{agent: w.pinned(t, w.address), sensor: s, mail: mail}
	w.delivers(t)
	return all
}

// consequences of replacing the certificate that the source document names; the
// last three have no counterpart here.
var consequences = []string{
	"must be entered everywhere the old one was used", "Traffic forwarding from Endpoint Agents", "Every Sensor stops", "Mail sensors and other external systems",
	"Sandbox", "Active Directory", "host isolation rules",
}

// asksFor checks the window that asks before the certificate is replaced: every
// documented consequence, and how many are concerned today.
func (p *visitor) asksFor(t *testing.T) {
	t.Helper()
	p.sees(consequences...)
	said := p.reads()
	if n := strings.Count(said, "not in use here"); n != 3 {
		t.Errorf("%d consequences are not in use here, want 3:\n%s", n, said)
	}
	if !strings.Contains(said, "gate-1") {
		t.Errorf("the window does not name the mail sensor:\n%s", said)
	}
	numbers := p.marks(".consequences .count")
	if want := []string{"3", "1", "1", "1", "-", "-", "-"}; !slices.Equal(numbers, want) {
		t.Errorf("the numbers of today are %q, want %q", numbers, want)
	}
}

// TestWebGenerateServerCertificate walks "Generating a TLS certificate for the
// Central Node server in the web interface", and what everybody meets
// afterwards.
func TestWebGenerateServerCertificate(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t, unsafeSameServer)
		peers := w.withPeers(t)
		before := w.certificateInUse()
		p := w.administrator(t, s)
		p.section("Certificates")
		p.in("Server certificate").presses("Generate")
		p.asksFor(t)
		p.presses("Cancel")
		p.sees(before.Fingerprint.String())
		w.meets(before.Fingerprint)
		p.in("Server certificate").presses("Generate")
		p.presses("Yes")
		after := w.certificateInUse()
		if after.Fingerprint == before.Fingerprint {
			t.Fatalf("Yes changed nothing; the page says:\n%s", p.reads())
		}
		// The answer came on the old connection, and tells what to do for whom.
		p.sees(after.Fingerprint.String(), "What to do next")
		w.replacedFor(t, p, peers, before, after)
		w.stop()
	})
}

// replacedFor checks what everybody meets after the certificate was replaced,
// while the answer is on the person's screen.
func (w *web) replacedFor(t *testing.T, p *visitor, all peers, before, after acts.ServerCertificate) {
	t.Helper()
	w.meets(after.Fingerprint)
	// The browser's next click meets the new certificate, and warns of it.
	if refused := p.clickRefused(question{What: "link", Name: "Certificates"}); refused != "net::ERR_CERT_AUTHORITY_INVALID" {
		t.Errorf("the browser's next click: %q", refused)
	}
	p.sees("Your connection is not private")
	// In a browser whose person compared the fingerprint everything goes on.
	again := newBrowser(t, publicKey(t, w.web)).visitor(t, w.web, p.script)
	again.opens("/settings/certificates")
	again.signsIn("admin", webPassword)
	again.sees(after.Fingerprint.String())

	// The agent refuses the new certificate, keeps what it collects, and delivers
	// all of it when it is given the new one.
	mark := "mark-" + randomHex(8)
	marked(t, mark)
	eventually(t, 30*time.Second, "the agent says which certificate it expects and which it met", func() bool {
		said := all.agent.run("status").out
		return strings.Contains(said, before.Fingerprint.String()) && strings.Contains(said, after.Fingerprint.String())
	})
	again.in("Server certificate").presses("Download")
	name, content := again.saved()
	all.agent.must("--message-broker=enable", "--type=kata", "--servers="+w.address, "--tls=yes", "--pinned-certificate="+filepath.Join(again.downloads, name))
	arrives(t, w.node, mark)
	all.sensor.becomes(acts.LinkCertificateChanged)
	// The mail sensor stays accepted. With the certificate it had it does not talk.
	if code, _ := all.mail.curl(all.mail.scanner("connection")); code != 0 {
		t.Errorf("the mail sensor talks to a server whose certificate it does not know: %d", code)
	}
	if err := os.WriteFile(all.mail.file("kata.crt"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, body := all.mail.curl(all.mail.scanner("connection")); code != 200 {
		t.Errorf("the mail sensor with the new certificate: %d %s", code, body)
	}
}

// TestWebUploadServerCertificate walks "Uploading an independently prepared TLS
// certificate for the Central Node server using the web interface": files that
// violate a rule, each of which is named, and one of openssl that is used.
func TestWebUploadServerCertificate(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t, unsafeSameServer)
		peers := w.withPeers(t)
		before := w.certificateInUse()
		k := newBench(t)
		p := w.administrator(t, s)
		p.section("Certificates")
		for _, file := range k.faultyFiles() {
			p.in("Server certificate").attaches("TLS certificate file", k.write("faulty.pem", file.text))
			p.in("Server certificate").presses("Upload")
			p.in("Server certificate").alert().sees("The upload was not taken", file.shows)
		}
		if now := w.certificateInUse(); now.Fingerprint != before.Fingerprint || !now.Since.Equal(before.Since) {
			t.Errorf("a file that was not taken changed the certificate: %+v", now)
		}
		k.ownCertificate("node.example.org", "-addext", "subjectAltName=IP:127.0.0.1,DNS:node.example.org")
		p.in("Server certificate").attaches("TLS certificate file", k.path("kata.pem"))
		p.in("Server certificate").presses("Upload")
		p.asksFor(t)
		p.presses("Cancel")
		w.meets(before.Fingerprint)
		p.in("Server certificate").attaches("TLS certificate file", k.path("kata.pem"))
		p.in("Server certificate").presses("Upload")
		p.presses("Yes")
		own := opensslFingerprint(t, k.path("certificate.pem"))
		p.sees(own.String(), "What to do next")
		w.replacedFor(t, p, peers, before, w.certificateInUse())
		if served := opensslFingerprint(t, w.address); served != own {
			t.Errorf("served is %s, uploaded was %s", served, own)
		}
		w.stop()
	})
}

// TestWebUploadAsksForTheFile presses Upload before a file is chosen: the file
// selection window opens, and what is chosen there is sent.
func TestWebUploadAsksForTheFile(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	k := newBench(t)
	k.ownCertificate("node.example.org", "-addext", "subjectAltName=IP:127.0.0.1,DNS:node.example.org")
	p := w.administrator(t, withScript)
	p.section("Certificates")
	// A mouse would open the window of the desktop, where no test reaches.
	p.evaluates(`document.querySelector("form[action$='/server/upload'] button").click()`)
	before := p.watch.arrivals()
	p.in("Server certificate").attaches("TLS certificate file", k.path("kata.pem"))
	p.arrives(before, "choose a file")
	p.sees("Yes", "Cancel")
	p.presses("Cancel")
	w.stop()
}

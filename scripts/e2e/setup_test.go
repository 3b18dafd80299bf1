package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// marked runs a real process whose arguments carry a mark, for long enough that an
// agent on a busy machine reads it: another program in its place would take the
// mark away at once.
func marked(t *testing.T, mark string) {
	t.Helper()
	if err := exec.Command("/bin/sh", "-c", "sleep 0.5; :", mark).Run(); err != nil {
		t.Fatal(err)
	}
}

// arrives waits until an event with the mark is at the Central Node.
func arrives(t *testing.T, n *node, mark string) acts.Event {
	t.Helper()
	var found acts.Event
	eventually(t, 30*time.Second, "the event "+mark+" arrives", func() bool {
		for _, e := range read[[]acts.Event](n, "event", "list", "--text", mark, "--kind", "process-start") {
			found = e
			return true
		}
		return false
	})
	return found
}

// policy writes the policy file that a management console would install.
func (a *agent) setPolicy(lines ...string) {
	a.t.Helper()
	if err := os.WriteFile(a.policy(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// TestSetUpCentralNodeWithoutValidation follows "Configuring the connection
// with the Central Node server without validating the TLS certificate of
// Endpoint Agent" of the source document, step for step.
func TestSetUpCentralNodeWithoutValidation(t *testing.T) {
	n := newNode(t)
	// 1. Generate a server certificate.
	before := read[acts.ServerCertificate](n, "certificate", "show")
	n.must("certificate", "generate", "--yes")
	after := read[acts.ServerCertificate](n, "certificate", "show")
	if before.Fingerprint == after.Fingerprint {
		t.Fatal("generate changed nothing")
	}
	// 2. Download it.
	certificate := n.certificate()
	// 3. Upload it to the agent, under policy: pasted, as the field takes it.
	pem, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(n.address, ":")
	a := newAgent(t, `package_period = "200ms"`)
	a.setPolicy("under_policy = true", "enabled = true", fmt.Sprintf("address = %q", host), "port = "+port,
		"use_pinned_certificate = true", `certificate = """`+"\n"+string(pem)+`"""`)
	a.start()
	eventually(t, 30*time.Second, "the host is in the table", func() bool {
		hosts := read[[]acts.Host](n, "host", "list")
		return len(hosts) == 1 && hosts[0].Connected
	})
	marked(t, "mark-without-validation")
	e := arrives(t, n, "mark-without-validation")
	if e.Vedette.Way != "direct" || e.Vedette.Certificate != "" || e.Host.Name == "" {
		t.Errorf("event %+v", e)
	}
	// A setting held by policy cannot be changed locally.
	o := a.run("--message-broker=enable", "--type=kata", "--servers=127.0.0.1:1")
	if o.code != 4 {
		t.Errorf("a local change under policy: exit %d, %s", o.code, o.err)
	}
	if o := a.run("doctor"); o.code != 0 {
		t.Errorf("doctor: exit %d\n%s%s", o.code, o.out, o.err)
	}
	// Another generated certificate: the agent meets a foreign one, says so, and
	// keeps what it collects until it has the new pin.
	n.must("certificate", "generate", "--yes")
	marked(t, "mark-during-wrong-pin")
	eventually(t, 30*time.Second, "the agent says that the certificate is another", func() bool {
		out := a.run("status").out
		return strings.Contains(out, after.Fingerprint.String()) && strings.Contains(out, read[acts.ServerCertificate](n, "certificate", "show").Fingerprint.String())
	})
	if o := a.run("doctor"); o.code != 1 || !strings.Contains(o.out, "pin") {
		t.Errorf("doctor with a wrong pin: exit %d\n%s", o.code, o.out)
	}
	a.setPolicy("under_policy = true", "enabled = true", fmt.Sprintf("address = %q", host), "port = "+port,
		"use_pinned_certificate = true", fmt.Sprintf("certificate = %q", n.certificate()))
	arrives(t, n, "mark-during-wrong-pin")
	a.stop()
	n.stop()
}

// TestSetUpCentralNodeWithValidation follows "... with validation of the TLS
// certificate of Endpoint Agent", with the agent's own command line.
func TestSetUpCentralNodeWithValidation(t *testing.T) {
	n := newNode(t)
	certificate := n.certificate()
	n.must("agent-certificate", "validation", "on", "--yes")
	pfx := n.pfx("host-1")
	a := newAgent(t, `package_period = "200ms"`)
	enable := []string{"--message-broker=enable", "--type=kata", "--servers=" + n.address, "--tls=yes", "--pinned-certificate=" + certificate}
	a.must(enable...)
	a.start()
	eventually(t, 30*time.Second, "the agent without a certificate is refused with the reason", func() bool {
		return strings.Contains(a.run("status").out, "no_certificate")
	})
	a.must(append(enable, "--client-certificate="+pfx)...)
	marked(t, "mark-with-validation")
	e := arrives(t, n, "mark-with-validation")
	list := read[acts.AgentCertificateList](n, "agent-certificate", "list")
	if !list.Validation || len(list.Certificates) != 1 || e.Vedette.Certificate != list.Certificates[0].Fingerprint.String() {
		t.Fatalf("event by %q, list %+v", e.Vedette.Certificate, list)
	}
	fingerprint := list.Certificates[0].Fingerprint.String()
	// The preview names the agent; without --yes nothing happens.
	if o := n.run("agent-certificate", "delete", fingerprint, "--dry-run"); o.code != 0 || !strings.Contains(o.out, "1 connected agent uses this certificate.") {
		t.Errorf("dry run: exit %d\n%s%s", o.code, o.out, o.err)
	}
	if o := n.run("agent-certificate", "delete", fingerprint); o.code != 4 {
		t.Errorf("delete without --yes: exit %d", o.code)
	}
	done := read[acts.Withdrawal](n, "agent-certificate", "delete", strings.ToLower(strings.ReplaceAll(fingerprint, ":", "")), "--yes")
	if done.Cut != 1 {
		t.Errorf("withdrawal %+v", done)
	}
	marked(t, "mark-after-withdrawal")
	eventually(t, 30*time.Second, "the agent reads that it was withdrawn", func() bool {
		return strings.Contains(a.run("status").out, "withdrawn")
	})
	if o := a.run("doctor"); o.code != 1 || !strings.Contains(o.out, "withdrawn") {
		t.Errorf("doctor of a withdrawn agent: exit %d\n%s", o.code, o.out)
	}
	for _, e := range read[[]acts.Event](n, "event", "list") {
		if e.Vedette.PolicyRevision >= done.Revision {
			t.Errorf("taken under revision %d, withdrawn at %d", e.Vedette.PolicyRevision, done.Revision)
		}
	}
	if left := read[[]acts.Event](n, "event", "list", "--text", "mark-after-withdrawal"); len(left) != 0 {
		t.Errorf("%d events were taken after the withdrawal", len(left))
	}
	// A new certificate lets it in again, and what it kept arrives.
	a.must(append(enable, "--client-certificate="+n.pfx("host-1-again"))...)
	arrives(t, n, "mark-after-withdrawal")
	want := []string{"account create", "certificate generate", "ssh-host-key make", "agent-certificate validation", "agent-certificate generate", "agent-certificate delete", "agent-certificate generate"}
	var acted []string
	for _, r := range read[[]acts.AuditRecord](n, "audit", "list") {
		if r.Result == "done" {
			acted = append(acted, r.Act)
		}
	}
	if fmt.Sprint(acted) != fmt.Sprint(want) {
		t.Errorf("audited %v, want %v", acted, want)
	}
	n.must("audit", "verify")
	a.stop()
	n.stop()
}

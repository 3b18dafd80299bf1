package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

const (
	agentPart  = "Endpoint Agent certificates"
	agentTable = "TLS certificates of Endpoint Agents"
	validate   = "Validate Endpoint Agent TLS certificates"
)

// generatesPFX clicks Generate, and returns the container that the browser
// saved, by its path.
func (p *visitor) generatesPFX(t *testing.T) (path string) {
	t.Helper()
	p.in(agentPart).presses("Generate")
	if !p.script {
		// The page that came back has the link. With script it is followed by itself.
		p.presses(p.container())
	}
	name, _ := p.saved()
	if filepath.Ext(name) != ".pfx" {
		t.Errorf("the container is called %s", name)
	}
	kept := filepath.Join(t.TempDir(), name)
	err := os.Rename(filepath.Join(p.downloads, name), kept)
	if err == nil {
		err = os.Chmod(kept, 0o600) // as an agent wants it of a file with a key
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// container is the name of the link to the container that was just generated.
func (p *visitor) container() string {
	p.t.Helper()
	var links []string
	p.until(func() bool { links = p.marks(".notice a"); return len(links) == 1 }, func() string { return "no link to the container is to be seen" })
	return links[0]
}

// openedPFX opens a container without a password.
func openedPFX(t *testing.T, path string) *pki.Pair {
	t.Helper()
	raw, err := pki.ReadKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pki.DecodePFX(raw, "")
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return p
}

// TestWebAgentCertificates walks the procedures of the section Endpoint Agent
// certificates: validation is turned on, a container is generated and makes an
// agent pass, an own certificate is uploaded, one of several is deleted and cuts
// its agent.
func TestWebAgentCertificates(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		bare := w.pinned(t, w.address)
		w.delivers(t)
		p := w.administrator(t, s)
		p.section("Certificates")
		p.in(agentPart).presses(validate)
		p.sees("Connections that are cut at once because they show no listed certificate.")
		if numbers := p.marks(".consequences .count"); !slices.Equal(numbers, []string{"1"}) {
			t.Errorf("turning validation on would cut %q, want 1", numbers)
		}
		p.presses("Cancel")
		if read[acts.AgentCertificateList](w, "agent-certificate", "list").Validation {
			t.Error("Cancel turned validation on")
		}
		p.in(agentPart).presses(validate)
		p.presses("Yes")
		p.sees(validate+" is on", "1 connection was cut")
		eventually(t, 30*time.Second, "the agent without a certificate reads why it is refused", func() bool {
			return strings.Contains(bare.run("status").out, "no_certificate")
		})

		first := p.generatesPFX(t)
		gone := openedPFX(t, first).Fingerprint()
		if read := opensslPFX(t, first); read != gone {
			t.Errorf("openssl reads %s in the container, want %s", read, gone)
		}
		p.in(agentPart).sees(gone.String())
		stays := openedPFX(t, p.generatesPFX(t)).Fingerprint()
		if gone == stays {
			t.Fatal("the second container is the first")
		}

		// A container of the person's own certificate, as the document has it: PEM to
		// the Central Node, PFX to the agent.
		k := newBench(t)
		k.ownCertificate("host-3.example.org")
		k.must("openssl", "pkcs12", "-export", "-in", "certificate.pem", "-inkey", "key.pem", "-out", "own.pfx", "-passout", "pass:")
		own := opensslFingerprint(t, k.path("certificate.pem"))
		p.in(agentPart).attaches("TLS certificate files", k.path("kata.pem"))
		p.in(agentPart).presses("Upload")
		p.in(agentPart).sees(own.String())
		for _, file := range k.faultyFiles() {
			p.in(agentPart).attaches("TLS certificate files", k.write("faulty.pem", file.text))
			p.in(agentPart).presses("Upload")
			p.in(agentPart).alert().sees("The upload was not taken", file.shows, "Nothing of this upload was added.")
		}

		// Two agents come in, each with one of the certificates.
		path := first
		cut := w.pinned(t, w.address, "--client-certificate="+path)
		eventually(t, 30*time.Second, "the agent with the generated container passes", func() bool { return w.agentOf(gone) })
		kept := w.pinned(t, w.address, "--client-certificate="+k.path("own.pfx"))
		eventually(t, 30*time.Second, "the agent with the own certificate passes", func() bool { return w.agentOf(own) })

		p.section("Certificates")
		rows := p.rows(agentTable, 3)
		for _, row := range rows {
			for _, column := range []string{"TLS certificate", "Serial number", "Expires"} {
				if row[column] == "" {
					t.Errorf("a row without %q: %v", column, row)
				}
			}
		}

		// The check box of one, Delete, and the window that asks.
		p.row(gone.String()).ticks("Select the certificate " + gone.String())
		p.presses("Delete")
		p.sees("1 connected agent uses this certificate.")
		p.presses("Cancel")
		if n := len(read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates); n != 3 {
			t.Errorf("after Cancel %d certificates are left", n)
		}
		p.row(gone.String()).ticks("Select the certificate " + gone.String())
		p.presses("Delete")
		p.presses("Yes")
		p.sees("1 certificate deleted", "1 connection was cut")
		p.rows(agentTable, 2)
		p.in(agentPart).seesNot(gone.String())
		mark := "mark-after-" + randomHex(8)
		marked(t, mark)
		if e := arrives(t, w.node, mark); e.Vedette.Certificate != own.String() {
			t.Errorf("an event after the deletion came by %s", e.Vedette.Certificate)
		}
		eventually(t, 30*time.Second, "the deleted agent reads why it is refused", func() bool {
			return strings.Contains(cut.run("status").out, "withdrawn")
		})
		for _, e := range read[[]acts.Event](w, "event", "list", "--text", mark) {
			if e.Vedette.Certificate == gone.String() {
				t.Errorf("an event of the deleted certificate was taken: %+v", e)
			}
		}
		kept.stop()
		cut.stop()
		bare.stop()
		w.stop()
	})
}

// agentOf says whether an agent with a certificate is connected.
func (w *web) agentOf(f pki.Fingerprint) bool {
	for _, h := range read[[]acts.Host](w, "host", "list") {
		if h.Connected && h.Certificate == f {
			return true
		}
	}
	return false
}

// opensslPFX is the certificate that the openssl program reads in a container
// without a password, after it has checked that a key is there.
func opensslPFX(t *testing.T, path string) pki.Fingerprint {
	t.Helper()
	if o := command(t, "openssl", "pkcs12", "-in", path, "-passin", "pass:", "-nodes", "-nocerts"); !strings.Contains(o.out, "PRIVATE KEY") {
		t.Errorf("openssl reads no key in the container: %s", o.err)
	}
	out := filepath.Join(t.TempDir(), "certificate.pem")
	if o := command(t, "openssl", "pkcs12", "-in", path, "-passin", "pass:", "-nokeys", "-out", out); o.code != 0 {
		t.Fatalf("openssl: %s", o.err)
	}
	return opensslFingerprint(t, out)
}

// TestWebContainerComesOnce follows the link to a generated container: it works
// once, and in no other session.
func TestWebContainerComesOnce(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	p := w.administrator(t, withoutScript)
	p.section("Certificates")
	p.in(agentPart).presses("Generate")
	name := p.container()
	link := p.linkOf(name)
	other := w.administrator(t, withScript)
	other.opens(link)
	other.sees("Not found")
	p.presses(name)
	_, content := p.saved()
	if _, err := pki.DecodePFX(content, ""); err != nil {
		t.Fatal(err)
	}
	p.presses(name)
	p.sees("once")
	w.stop()
}

// TestWebFiltersAgentCertificates walks "Filtering and searching Kaspersky
// Endpoint Agent TLS certificates in the web interface".
func TestWebFiltersAgentCertificates(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for range 5 {
		w.must("agent-certificate", "generate", "--out", filepath.Join(t.TempDir(), "x.pfx"))
	}
	list := read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates
	one, two := list[0], list[1]
	for _, s := range []scripting{withScript, withoutScript} {
		p := w.administrator(t, s)
		p.section("Certificates")
		p.rows(agentTable, 5)
		filter := func(column, value string) {
			t.Helper()
			p.in(agentTable).presses(column)
			p.in(agentTable).fills(column, value)
			p.in(agentTable).presses("Apply")
		}
		// A few characters, without colons and in lower case.
		part := strings.ToLower(strings.ReplaceAll(one.Fingerprint.String(), ":", ""))[10:26]
		filter("TLS certificate", part)
		if rows := p.rows(agentTable, 1); !strings.Contains(rows[0]["TLS certificate"], one.Fingerprint.String()) {
			t.Errorf("filtered by the fingerprint %s: %v", part, rows)
		}
		// Both together, and what belongs to different certificates.
		filter("Serial number", two.Serial.String()[:11])
		p.sees("No certificate matches the filter.")
		// The mark beside a header clears its filter, and only that.
		p.follows("Clear the filter TLS certificate")
		if rows := p.rows(agentTable, 1); !strings.Contains(rows[0]["Serial number"], two.Serial.String()) {
			t.Errorf("filtered by the serial number: %v", rows)
		}
		// The address keeps the filter.
		p.opens(strings.TrimPrefix(p.location(), p.site))
		p.rows(agentTable, 1)
		p.follows("Clear the filter Serial number")
		p.rows(agentTable, 5)
	}
	w.stop()
}

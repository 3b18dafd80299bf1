package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"vedette/pki"
)

// served is the fingerprint of the certificate that a new connection meets.
func (d *daemon) served() pki.Fingerprint {
	d.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", d.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		d.t.Fatalf("connect to the %s: %v", d.program, err)
	}
	defer conn.Close()
	return pki.FingerprintOf(conn.ConnectionState().PeerCertificates[0].Raw)
}

// copied is the certificate that the documented copy brings: the path of the
// file and the fingerprint.
func (k *desk) copied() (path string, f pki.Fingerprint) {
	k.t.Helper()
	_ = os.Remove(k.path("kata.crt"))
	k.must("scp", "admin@HOST:ssl/kata.crt", ".")
	text := []byte(k.read("kata.crt"))
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		k.t.Fatalf("kata.crt is not one certificate:\n%s", text)
	}
	return k.path("kata.crt"), pki.FingerprintOf(block.Bytes)
}

// pinning is what an agent says whose pin is the certificate in a file.
func pinning(t testing.TB, address, certificate string) string {
	t.Helper()
	a := newAgent(t)
	a.must("--message-broker=enable", "--type=kata", "--servers="+address, "--tls=yes", "--pinned-certificate="+certificate)
	return a.run("doctor").out
}

// everybodyMeets checks what everybody meets who connects now: new connections, an agent
// that pins the certificate, one that pins another, and the copy.
func (k *desk) everybodyMeets(want pki.Fingerprint, others ...string) (certificate string) {
	k.t.Helper()
	if met := k.served(); met != want {
		k.t.Errorf("a new connection meets %s, want %s", met, want)
	}
	certificate, copied := k.copied()
	if copied != want {
		k.t.Errorf("kata.crt is %s, want %s", copied, want)
	}
	if said := pinning(k.t, k.address, certificate); !strings.Contains(said, "\nok       pin ") {
		k.t.Errorf("an agent that pins kata.crt says:\n%s", said)
	}
	for _, other := range others {
		if said := pinning(k.t, k.address, other); !strings.Contains(said, "\nfailed   pin ") || !strings.Contains(said, want.String()) {
			k.t.Errorf("an agent that pins another certificate says:\n%s", said)
		}
	}
	return certificate
}

// keptAside is a file of the desk under another name.
func (k *desk) keptAside(path, name string) string {
	k.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.write(name, string(text))
}

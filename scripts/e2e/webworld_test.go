package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
)

// web is a Central Node with its web interface, and a browser that knows its
// key.
type web struct {
	*node
	browser *chromium
}

// webPassword is the one of the account admin, where somebody chose it at the
// installation.
const webPassword = "Correct-horse-7"

// newWeb starts a Central Node whose administrator chose his password. Lines go
// to the end of its configuration.
func newWeb(t testing.TB, lines ...string) *web {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(webPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newWebOf(t, append([]string{fmt.Sprintf("admin_password_file = %q", file)}, lines...)...)
}

// newWebOf is newWeb with the password that the first start makes.
func newWebOf(t testing.TB, lines ...string) *web {
	t.Helper()
	n := prepareNode(t)
	n.web = freePort(t)
	n.configure(lines...)
	n.start()
	return &web{node: n, browser: newBrowser(t, publicKey(t, n.web))}
}

// comes is somebody who opens the web interface.
func (w *web) comes(t testing.TB, s scripting) *visitor {
	t.Helper()
	p := w.browser.visitor(t, w.web, s)
	p.opens("/")
	p.sees("Sign in")
	return p
}

// administrator is somebody who is signed in as admin.
func (w *web) administrator(t testing.TB, s scripting) *visitor {
	t.Helper()
	p := w.comes(t, s)
	p.signsIn("admin", webPassword)
	p.sees("Dashboard")
	return p
}

// signsIn fills in the sign-in page and sends it.
func (p *visitor) signsIn(name, password string) {
	p.t.Helper()
	p.fills("Name", name)
	p.fills("Password", password)
	p.presses("Sign in")
}

// certificateInUse is what the Central Node says of its server certificate.
func (w *web) certificateInUse() acts.ServerCertificate {
	w.t.Helper()
	return read[acts.ServerCertificate](w, "certificate", "show")
}

// meets checks which certificate both doors show to new connections.
func (w *web) meets(want pki.Fingerprint) {
	w.t.Helper()
	for _, address := range []string{w.address, w.web} {
		if met := pki.FingerprintOf(servedLeaf(w.t, address).Raw); met != want {
			w.t.Errorf("a new connection to %s meets %s, want %s", address, met, want)
		}
	}
}

// opensslFingerprint is what the program says that the source document names:
// of the certificate that an address serves, or of a file.
func opensslFingerprint(t testing.TB, from string) pki.Fingerprint {
	t.Helper()
	line := `openssl x509 -noout -sha256 -fingerprint -in "$0"`
	if !strings.HasPrefix(from, "/") {
		line = `openssl s_client -connect "$0" </dev/null 2>/dev/null | openssl x509 -noout -sha256 -fingerprint`
	}
	o := command(t, "sh", "-c", line, from)
	f, err := pki.ParseFingerprint(strings.TrimSpace(o.out))
	if err != nil {
		t.Fatalf("openssl: %v in %q, %s", err, o.out, o.err)
	}
	return f
}

// pinned starts an agent that delivers quickly and pins what the Central Node
// serves, with a certificate of its own when there is one.
func (w *web) pinned(t testing.TB, server string, more ...string) *agent {
	t.Helper()
	a := newAgent(t, `package_period = "200ms"`)
	a.must(append([]string{"--message-broker=enable", "--type=kata", "--servers=" + server, "--tls=yes", "--pinned-certificate=" + w.certificate()}, more...)...)
	a.start()
	return a
}

// delivers waits until an event of a new process has come, and returns it.
func (w *web) delivers(t *testing.T) acts.Event {
	t.Helper()
	mark := "mark-" + randomHex(8)
	marked(t, mark)
	return arrives(t, w.node, mark)
}

// newBench is a folder where somebody makes certificates with openssl. It knows
// no daemon.
func newBench(t testing.TB) *desk {
	t.Helper()
	return &desk{daemon: &daemon{t: t}, t: t, dir: t.TempDir(), env: os.Environ()}
}

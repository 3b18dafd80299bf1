package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
)

// hostile is text from outside that tries to take a terminal over: a title, a
// colour, a clipboard, a move, a C1 control, a turn of the writing direction.
const hostile = "evil\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[31m\x1b[2J\x9b5A\u009b31m\u202egnitirw\u2066x\u200b\r\n\b"

// hostilePair is a certificate with hostile names, and its key, as PEM.
func hostilePair(t testing.TB) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := pkix.Name{CommonName: strings.ToValidUTF8(hostile, ""), Organization: []string{strings.ToValidUTF8(hostile, "")}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: name, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour),
		DNSNames: []string{"evil\x1b]0;owned\x07.example.org"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// records keeps every byte that comes to a terminal.
func (w *terminal) records() (read func() string) {
	w.t.Helper()
	path := filepath.Join(filepath.Dir(w.socket), "bytes")
	w.tmux("pipe-pane", "-O", "cat > "+path)
	return func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			w.t.Fatal(err)
		}
		return string(text)
	}
}

// ours are the control sequences of a menu: moves, colours, erasing, modes. None
// of them can be what a foreign text asks for: it has 31m, 2J and 5A.
var ours = regexp.MustCompile(`\x1b(\[m\x0f|\[[?>]?[0-9;]*[ABCDHJKXhlmrt]|[()][0B]|[=>78]|\[[0-9]* q)`)

// TestForeignTextCannotTouchTheTerminal looks at every window that shows text
// from outside.
func TestForeignTextCannotTouchTheTerminal(t *testing.T) {
	n, k := nodeWithDoor(t)
	certificate, key := hostilePair(t)
	k.write("hostile.pem", certificate+key)
	n.must("agent-certificate", "upload", k.path("hostile.pem"))
	k.write("kata.pem", certificate+key)
	k.must("scp", "kata.pem", "admin@HOST:")
	k.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "other")
	public := strings.Fields(k.read("other.pub"))
	comment := strings.NewReplacer("\r", "", "\n", "").Replace(hostile)
	k.write("hostile.pub", public[0]+" "+public[1]+" "+comment+"\n")
	n.must("account", "key", "add", "admin", k.path("hostile.pub"))
	// A host calls itself so.
	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate())
	a.inside = []string{"unshare", "--uts", "sh", "-c", `printf '%b' 'evil\033]0;owned\007\033[31m\0302\0233' > /proc/sys/kernel/hostname; exec "$@"`, "--"}
	a.start()
	eventually(t, 30*time.Second, "the host is known", func() bool { return strings.Contains(n.must("host", "list"), "evil") })

	p := k.comesIn()
	title, seen := p.shows("pane_title"), 0
	bytes := p.records()
	looks := func(words ...string) {
		t.Helper()
		if screen := p.expect(words...); strings.Contains(screen, "evil") {
			seen++
		}
		p.clean(words[0])
		if now := p.shows("pane_title"); now != title {
			t.Errorf("%s: the terminal's title was %q and is %q", words[0], title, now)
			title = now
		}
	}
	p.atCertificates()
	p.chooses("kata.pem")
	looks("┌─ Uploaded certificate ─")
	p.chooses("Install certificate")
	p.chooses("Yes")
	looks("┌─ Information on the certificate ─", "evil")
	p.chooses("Continue")
	looks("┌─ Confirmation ─", "[Install]", "evil") // the host
	p.chooses("Install")
	p.expect(pressEnter)
	p.press("Enter")
	looks("┌─ Information on the applied certificate ─", "evil")
	p.chooses("Continue")
	p.chooses("Ok")
	looks("┌─ "+certificates+" ─", inUseNow, "evil")
	p.back("Program settings")
	p.chooses("Endpoint Agent certificates")
	looks("┌─ Endpoint Agent certificates ─", "1 certificate")
	p.press("Enter")
	looks("┌─ Endpoint Agent certificate ─", "evil")
	p.chooses("Delete")
	looks("┌─ Confirmation ─", "Delete 1 certificate")
	p.chooses("No")
	p.back("Endpoint Agent certificates")
	p.back("Program settings")
	p.back("Administrator menu")
	p.chooses("Accounts and keys")
	p.expect("admin (you)")
	p.press("Enter")
	looks("┌─ Account ─", "evil")
	p.opensRow("SHA256:")
	looks("┌─ Public key ─")
	p.press("Escape")
	p.back("Accounts and keys")
	p.back("Administrator menu")
	p.chooses("Audit")
	looks("┌─ Audit ─")
	p.leaveAnywhere()
	if seen < 6 {
		t.Errorf("only %d windows showed the text: that proves little", seen)
	}
	// What comes last is what the menu leaves the terminal with; before that is kept
	// the bytes may end within a sequence.
	raw := ""
	eventually(t, 10*time.Second, "all bytes are kept", func() bool {
		before := raw
		raw = bytes()
		return raw == before && raw != ""
	})
	for _, r := range ours.ReplaceAllString(raw, "") {
		if !strings.ContainsRune("\r\n\b", r) && unicode.In(r, unicode.Cc, unicode.Cf) {
			t.Errorf("%q came to the terminal", r)
			break
		}
	}
	for _, bad := range []string{"\x1b]", "\a", "\x1b[31m", "\x1b[5A", "owned\x1b"} {
		if i := strings.Index(raw, bad); i >= 0 {
			t.Errorf("%q came to the terminal: %q", bad, raw[max(0, i-60):min(len(raw), i+60)])
		}
	}
	a.stop()
	n.stop()
}

package sshkey_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"vedette/internal/sshd/sshkey"
)

func public(t *testing.T, key crypto.PublicKey) ssh.PublicKey {
	t.Helper()
	p, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ed(t *testing.T) ssh.PublicKey {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public(t, key)
}

// modulus is an RSA key of so many bits that nobody has the other half of.
func modulus(t *testing.T, bits int) ssh.PublicKey {
	t.Helper()
	n := new(big.Int).SetBit(new(big.Int), bits-1, 1)
	return public(t, &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537})
}

func line(p ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p))) }

func TestKeysThatMaySignInAreRead(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		check(t, public(t, &key.PublicKey))
	}
	check(t, ed(t))
	check(t, modulus(t, 2048))
	check(t, modulus(t, 8192))
}

func check(t *testing.T, p ssh.PublicKey) {
	t.Helper()
	for _, text := range []string{
		line(p), strings.ReplaceAll(line(p), " ", "\t") + "\tanna@desk \n", "# my key\r\n\r\n" + line(p) + " anna@desk\r\n", "\ufeff" + line(p) + "  anna@desk",
	} {
		key, err := sshkey.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", p.Type(), err)
			continue
		}
		want := sshkey.Key{Type: p.Type(), Fingerprint: ssh.FingerprintSHA256(p), Blob: p.Marshal()}
		if strings.Contains(text, "anna") {
			want.Comment = "anna@desk"
		}
		if key.Type != want.Type || key.Fingerprint != want.Fingerprint || key.Comment != want.Comment || !bytes.Equal(key.Blob, want.Blob) {
			t.Errorf("%s: %+v, want %+v", p.Type(), key, want)
		}
	}
}

func TestWhatIsNoUsableKeyIsRefusedByName(t *testing.T) {
	good, other := ed(t), ed(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &ssh.Certificate{Key: good, CertType: ssh.UserCert}
	if err := certificate.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	blob := base64.StdEncoding.EncodeToString(good.Marshal())
	unknown := base64.StdEncoding.EncodeToString(ssh.Marshal(struct{ Type, Key string }{"ssh-frob", "xyz"}))
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":                  {"", sshkey.ErrEmpty},
		"a comment":                {"# key\n", sshkey.ErrEmpty},
		"prose":                    {"please let me in", sshkey.ErrEmpty},
		"base64 alone":             {blob, sshkey.ErrEmpty},
		"two keys":                 {line(good) + "\n" + line(other), sshkey.ErrMany},
		"a wrapped line":           {"ssh-ed25519 " + blob[:20] + "\n" + blob[20:], sshkey.ErrMany},
		"a private key":            {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", sshkey.ErrPrivate},
		"a private key of PuTTY":   {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", sshkey.ErrPrivate},
		"options":                  {`from="10.0.0.1",restrict ` + line(good), sshkey.ErrOptions},
		"one option":               {"restrict " + line(good), sshkey.ErrOptions},
		"a certificate":            {line(certificate), sshkey.ErrCertificate},
		"RSA of 1024 bits":         {line(modulus(t, 1024)), sshkey.ErrWeak},
		"RSA of 2047 bits":         {line(modulus(t, 2047)), sshkey.ErrWeak},
		"RSA of 8193 bits":         {line(modulus(t, 8193)), sshkey.ErrUnknown},
		"RSA of 16384 bits":        {line(modulus(t, 16384)), sshkey.ErrUnknown},
		"RSA of 20000 bits":        {line(modulus(t, 20000)), sshkey.ErrMalformed},
		"DSA":                      {weakDSA(), sshkey.ErrWeak},
		"a type from elsewhere":    {"ssh-frob " + unknown, sshkey.ErrUnknown},
		"half a key":               {"ssh-ed25519 " + blob[:24], sshkey.ErrMalformed},
		"a type and nothing":       {"ssh-ed25519", sshkey.ErrMalformed},
		"no base64":                {"ssh-ed25519 !!!! x", sshkey.ErrMalformed},
		"one type around another":  {"ssh-rsa " + blob, sshkey.ErrMalformed},
		"a key and more behind it": {"ssh-ed25519 " + base64.StdEncoding.EncodeToString(append(good.Marshal(), 0)), sshkey.ErrMalformed},
		"a megabyte":               {"ssh-ed25519 " + strings.Repeat("A", 1<<20), sshkey.ErrMalformed},
		"PuTTYgen, cut":            {"---- BEGIN SSH2 PUBLIC KEY ----\n" + blob, sshkey.ErrMalformed},
		"PuTTYgen, twice":          {strings.Repeat("---- BEGIN SSH2 PUBLIC KEY ----\n"+blob+"\n---- END SSH2 PUBLIC KEY ----\n", 2), sshkey.ErrMany},
	} {
		key, err := sshkey.Parse(c.text)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, key, err, c.want)
		}
		if err != nil && (key.Blob != nil || key.Fingerprint != "") {
			t.Errorf("%s: a key beside the error: %+v", name, key)
		}
	}
}

// weakDSA is the line of a DSA key, of which only the form matters.
func weakDSA() string {
	one := func(bits int) *big.Int { return new(big.Int).SetBit(big.NewInt(1), bits-1, 1) }
	return "ssh-dss " + base64.StdEncoding.EncodeToString(ssh.Marshal(struct {
		Type       string
		P, Q, G, Y *big.Int
	}{"ssh-dss", one(1024), one(160), big.NewInt(2), big.NewInt(3)}))
}

func TestACommentCannotSteerATerminal(t *testing.T) {
	key, err := sshkey.Parse(line(ed(t)) + " a\x1b[31mb " + strings.Repeat("c", 500))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(key.Comment, `a\u{1b}[31mb ccc`) || len(key.Comment) > 128 {
		t.Errorf("comment %q", key.Comment)
	}
}

// tool runs a program of OpenSSH or PuTTY.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return string(out)
}

func TestFilesOfOpenSSHAndPuTTYAreRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "id")
	tool(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "anna@desk", "-f", file)
	text, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Fields(tool(t, "ssh-keygen", "-l", "-f", file+".pub"))
	ssh2 := tool(t, "ssh-keygen", "-e", "-m", "RFC4716", "-f", file+".pub")
	const comment = "256-bit ED25519, converted by "
	if !strings.Contains(ssh2, comment) {
		t.Fatalf("ssh-keygen -e wrote another comment:\n%s", ssh2)
	}
	ssh2 = strings.Replace(ssh2, comment, "anna@desk, converted by ", 1)
	for name, text := range map[string]string{
		"OpenSSH": string(text), "RFC 4716": ssh2, "RFC 4716 from Windows": strings.ReplaceAll(ssh2, "\n", "\r\n"),
		"RFC 4716, continued header": strings.Replace(ssh2, "\n", "\nSubject: a\\\nb: c\n", 1),
	} {
		key, err := sshkey.Parse(text)
		if err != nil || !slices.Contains(shown, key.Fingerprint) || key.Type != "ssh-ed25519" || !strings.Contains(key.Comment, "anna@desk") {
			t.Errorf("%s: %+v, %v; ssh-keygen says %q", name, key, err, shown)
		}
	}
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sshkey.Parse(string(secret)); !errors.Is(err, sshkey.ErrPrivate) {
		t.Errorf("the private key: %v", err)
	}
}

func TestTheHostKeysFingerprintIsThatOfOpenSSH(t *testing.T) {
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "host.pub")
	if err := os.WriteFile(file, []byte(line(public(t, key))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown := strings.Fields(tool(t, "ssh-keygen", "-l", "-f", file)); !slices.Contains(shown, sshkey.Fingerprint(key)) {
		t.Errorf("%s, ssh-keygen says %q", sshkey.Fingerprint(key), shown)
	}
	if got := sshkey.Fingerprint(nil); got != "" {
		t.Errorf("no key has the fingerprint %q", got)
	}
}

func TestNoTextBreaksParse(t *testing.T) {
	good := line(ed(t))
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(good)
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[at] = rapid.Byte().Draw(t, "byte")
		}
		if key, err := sshkey.Parse(string(text)); err == nil {
			if again, err := sshkey.FromWire(key.Blob); err != nil || again.Fingerprint != key.Fingerprint {
				t.Fatalf("%q: %v, %+v", text, err, again)
			}
		}
	})
}

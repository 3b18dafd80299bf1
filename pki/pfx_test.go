package pki_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
)

func TestEncodePFXIsReadBack(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	for _, encoding := range []pki.PFXEncoding{"", pki.PFXModern, pki.PFXCompatible} {
		for _, password := range []string{"", "pässwörd-密码"} {
			if password != "" && encoding == "" {
				continue // as modern, and each costs a second
			}
			data, err := pki.EncodePFX(pair, pki.PFXOptions{Password: password, Encoding: encoding})
			if err != nil {
				t.Fatal(err)
			}
			back, err := pki.DecodePFX(data, password)
			if err != nil {
				t.Fatalf("%q, %q: %v", encoding, password, err)
			}
			if !bytes.Equal(back.EncodePEM(), pair.EncodePEM()) {
				t.Errorf("%q, %q: another pair came back", encoding, password)
			}
			if _, err := pki.DecodePFX(data, "guess"); !errors.Is(err, pki.ErrPFXPassword) {
				t.Errorf("%q, %q: wrong password gives %v", encoding, password, err)
			}
		}
	}
	if _, err := pki.EncodePFX(pair, pki.PFXOptions{Encoding: "rot13"}); err == nil {
		t.Error("an unknown encoding was taken")
	}
	if _, err := pki.EncodePFX(pair, pki.PFXOptions{Password: "🔑"}); err == nil {
		t.Error("a password beyond what containers can hold was taken")
	}
}

func TestEncodePFXKeepsTheChain(t *testing.T) {
	issuer := pkitest.Pair(t, pki.KeyECDSAP256)
	leaf := pkitest.Pair(t, pki.KeyECDSAP256)
	file := append(append(leaf.CertificatePEM(), issuer.CertificatePEM()...), pkitest.PrivateKeyPEM(leaf)...)
	pair, _, err := pki.ParsePair(file, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, err := pki.EncodePFX(pair, pki.PFXOptions{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := pki.DecodePFX(data, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Chain()) != 2 || !bytes.Equal(back.Chain()[1], issuer.Leaf().Raw) {
		t.Error("the chain was lost")
	}
}

func TestEncodePFXWithCertificateOnlyHoldsNoKey(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyRSA3072)
	for _, encoding := range []pki.PFXEncoding{pki.PFXModern, pki.PFXCompatible} {
		data, err := pki.EncodePFX(pair, pki.PFXOptions{Encoding: encoding, CertificateOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pki.DecodePFX(data, ""); !errors.Is(err, pki.ErrPFXNoKey) {
			t.Errorf("%s: got %v, want %v", encoding, err, pki.ErrPFXNoKey)
		}
	}
}

// TestEncodePFXOpensElsewhere asks the readers that administrators use. OpenSSL is part of every test machine; keytool
// takes part where Java is installed.
func TestEncodePFXOpensElsewhere(t *testing.T) {
	pair := pkitest.Agent(t, "agent")
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		o    pki.PFXOptions
	}{
		{"modern", pki.PFXOptions{Password: "changeit"}},
		{"modern-open", pki.PFXOptions{}},
		{"compatible", pki.PFXOptions{Password: "changeit", Encoding: pki.PFXCompatible}},
		{"compatible-open", pki.PFXOptions{Encoding: pki.PFXCompatible}},
		{"certificate", pki.PFXOptions{Password: "changeit", CertificateOnly: true}},
	} {
		data, err := pki.EncodePFX(pair, c.o)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, c.name+".pfx")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		text := run(t, "openssl", "pkcs12", "-in", path, "-passin", "pass:"+c.o.Password, "-noenc")
		if c.o.CertificateOnly {
			if block, _ := pem.Decode(text[bytes.Index(text, []byte("-----BEGIN")):]); !bytes.Equal(block.Bytes, pair.Leaf().Raw) {
				t.Errorf("%s: OpenSSL reads another certificate", c.name)
			}
			if bytes.Contains(text, []byte("PRIVATE KEY")) {
				t.Errorf("%s: OpenSSL finds a key", c.name)
			}
		} else {
			// What OpenSSL prints, with its text between the blocks and the key first or last, satisfies the PEM rule.
			back, _, err := pki.ParsePair(text, time.Now())
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if !bytes.Equal(back.EncodePEM(), pair.EncodePEM()) {
				t.Errorf("%s: OpenSSL reads another pair", c.name)
			}
		}
		if _, err := exec.LookPath("keytool"); err == nil && c.o.Password != "" {
			list := run(t, "keytool", "-list", "-rfc", "-keystore", path, "-storetype", "PKCS12", "-storepass", c.o.Password)
			if block, _ := pem.Decode(list[bytes.Index(list, []byte("-----BEGIN")):]); !bytes.Equal(block.Bytes, pair.Leaf().Raw) {
				t.Errorf("%s: Java reads another certificate", c.name)
			}
		}
	}
}

// run runs a foreign tool to its end, within a deadline, and returns what it printed.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, stderr.Bytes())
	}
	return out
}

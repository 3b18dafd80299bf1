package pki_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
)

// What the child of the heap test is asked to do with the file, by way of its environment.
const (
	heapMode = "PKI_TEST_HEAP_MODE" // drop: VerifyAndDropKey; keep: ParsePair and hold on
	heapFile = "PKI_TEST_HEAP_FILE" // certificate and key
	heapDump = "PKI_TEST_HEAP_DUMP" // where the dump goes
)

// TestVerifyAndDropKeyLeavesNoKeyInTheHeap lets a process of its own check a file and dump its heap, and looks for the
// key in the dump: the process that looks knows the key, the one that is looked at must not.
func TestVerifyAndDropKeyLeavesNoKeyInTheHeap(t *testing.T) {
	if mode := os.Getenv(heapMode); mode != "" {
		dropAndDump(t, mode)
		return
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048 := pkitest.Key(t, "rsa2048")
	p256 := pkitest.ECDSAKey(t)
	for _, c := range []struct {
		name string
		key  crypto.Signer
		pem  []byte
	}{
		{"P-256", p256, pkitest.KeyPEM(t, p256)},
		{"P-256 as SEC 1", p256, pkitest.SEC1PEM(t, p256)},
		{"P-521", p521, pkitest.KeyPEM(t, p521)},
		{"RSA", rsa2048, pkitest.KeyPEM(t, rsa2048)},
		{"RSA as PKCS #1", rsa2048, pkitest.PKCS1PEM(t, rsa2048)},
		{"Ed25519", ed, pkitest.KeyPEM(t, ed)},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := join(pkitest.CertificatePEM(pkitest.SelfSigned(t, c.key)), c.pem)
			needles := secretsOf(t, c.key, c.pem)
			if found := heapOf(t, "drop", file, needles); len(found) != 0 {
				t.Errorf("the heap still holds %v", found)
			}
			if found := heapOf(t, "keep", file, needles); len(found) == 0 {
				t.Error("the control finds nothing: the test cannot fail")
			}
		})
	}
}

// dropAndDump runs in the child.
func dropAndDump(t *testing.T, mode string) {
	file, err := os.ReadFile(os.Getenv(heapFile))
	if err != nil {
		t.Fatal(err)
	}
	var kept any
	if mode == "drop" {
		kept, _, err = pki.VerifyAndDropKey(file, time.Now())
	} else {
		kept, _, err = pki.ParsePair(file, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	out, err := os.Create(os.Getenv(heapDump))
	if err != nil {
		t.Fatal(err)
	}
	debug.WriteHeapDump(out.Fd())
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(kept)
}

// heapOf runs the child and returns the names of the needles in its heap.
func heapOf(t *testing.T, mode string, file []byte, needles map[string][]byte) []string {
	t.Helper()
	dir := t.TempDir()
	path, dump := filepath.Join(dir, "kata.pem"), filepath.Join(dir, "heap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestVerifyAndDropKeyLeavesNoKeyInTheHeap$", "-test.count=1")
	child.Env = append(os.Environ(), heapMode+"="+mode, heapFile+"="+path, heapDump+"="+dump,
		"GORACE=atexit_sleep_ms=0") // or a child with the race detector waits a second to end
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	heap, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for name, needle := range needles {
		if n := bytes.Count(heap, needle); n > 0 {
			found = append(found, fmt.Sprintf("%s (%d times)", name, n))
		}
	}
	slices.Sort(found)
	return found
}

// secretsOf lists the octets by which a key would be recognised: big-endian as in files, reversed as in the words of
// this machine's big integers, and as the text of the file.
func secretsOf(t *testing.T, key crypto.Signer, text []byte) map[string][]byte {
	t.Helper()
	numbers := map[string][]byte{}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		scalar, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		numbers["scalar"] = scalar
	case *rsa.PrivateKey:
		numbers["p"], numbers["q"], numbers["d"] = key.Primes[0].Bytes(), key.Primes[1].Bytes(), key.D.Bytes()
		numbers["dp"], numbers["dq"], numbers["qinv"] = key.Precomputed.Dp.Bytes(), key.Precomputed.Dq.Bytes(), key.Precomputed.Qinv.Bytes()
	case ed25519.PrivateKey:
		numbers["seed"] = key.Seed()
	}
	needles := map[string][]byte{}
	for name, n := range numbers {
		reversed := slices.Clone(n)
		slices.Reverse(reversed)
		needles[name] = n[len(n)-24:]
		needles[name+", reversed"] = reversed[:24]
	}
	lines := strings.Split(string(text), "\n")
	needles["text"] = []byte(lines[2])
	return needles
}

func TestVerifyAndDropKeyOverwritesItsArgument(t *testing.T) {
	m := newMaterial(t)
	for name, file := range map[string][]byte{
		"good": join(m.cert, m.key), "no match": join(m.cert, m.otherKey), "no PEM": []byte("text"), "two keys": join(m.key, m.key),
	} {
		cert, warnings, err := pki.VerifyAndDropKey(file, time.Now())
		if (err == nil) != (name == "good") || (cert == nil) == (name == "good") || len(warnings) != 0 {
			t.Errorf("%s: got %v, %v", name, warnings, err)
		}
		if len(bytes.Trim(file, "\x00")) != 0 {
			t.Errorf("%s: the argument still holds %.20q", name, file)
		}
	}
	if _, _, err := pki.VerifyAndDropKey(join(m.cert), time.Now()); !errors.Is(err, &pki.RuleError{Rule: pki.RuleNoKey}) {
		t.Errorf("got %v", err)
	}
	if _, _, err := pki.VerifyAndDropKey(join(m.cert, m.otherKey), time.Now()); !errors.Is(err, &pki.RuleError{Rule: pki.RuleKeyMismatch}) {
		t.Errorf("got %v", err)
	}
	cert, _, err := pki.VerifyAndDropKey(join(m.cert, m.key), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := x509.ParseCertificate(cert.Raw); err != nil || !again.Equal(cert) {
		t.Error("the certificate was damaged with the key")
	}
	if block, _ := pem.Decode(m.cert); !bytes.Equal(block.Bytes, cert.Raw) {
		t.Error("another certificate came back")
	}
}

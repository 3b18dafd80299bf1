// Package pkitest makes certificates and keys for tests: good ones quickly, and odd ones of every sort that a door must
// refuse or survive. RSA keys are fixed ones from testdata, because drawing them takes long; they protect nothing.
package pkitest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"vedette/pki"
)

//go:embed testdata
var testdata embed.FS

// Pair returns a new self-signed server pair for localhost and 127.0.0.1, of the given kind; every call another one.
func Pair(t testing.TB, kind pki.KeyKind) *pki.Pair {
	t.Helper()
	key := ECDSAKey(t)
	if kind == pki.KeyRSA3072 {
		key = Key(t, "rsa3072")
	}
	return PairFor(t, key)
}

// Agent returns a new client pair with a CN, on P-256.
func Agent(t testing.TB, name string) *pki.Pair {
	t.Helper()
	return PairFor(t, ECDSAKey(t), func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.DNSNames, c.IPAddresses = nil, nil
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// PairFor returns a new self-signed pair for a key, its template changed by edits.
func PairFor(t testing.TB, key crypto.Signer, edits ...func(*x509.Certificate)) *pki.Pair {
	t.Helper()
	pair, _, err := pki.ParsePair(append(CertificatePEM(SelfSigned(t, key, edits...)), KeyPEM(t, key)...), time.Now())
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return pair
}

// SelfSigned returns the DER of a new self-signed certificate for localhost, its template changed by edits. It may be
// one that pki refuses.
func SelfSigned(t testing.TB, key crypto.Signer, edits ...func(*x509.Certificate)) []byte {
	t.Helper()
	template := Template(t)
	for _, edit := range edits {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return der
}

// Template is what SelfSigned starts from: valid from an hour ago for a year, for localhost, with a random serial.
func Template(t testing.TB) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: "localhost"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

// ECDSAKey draws a new P-256 key.
func ECDSAKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return key
}

// Key returns a fixed key: rsa1024, rsa2048, rsa3072, rsa8192 or p224.
func Key(t testing.TB, name string) crypto.Signer {
	t.Helper()
	text, err := testdata.ReadFile("testdata/" + name + ".key")
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatalf("pkitest: key %s: %v", name, err)
	}
	return key.(crypto.Signer)
}

// CertificatePEM encodes a certificate as PEM.
func CertificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// KeyPEM encodes a key as PKCS #8 PEM.
func KeyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

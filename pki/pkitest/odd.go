package pkitest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"vedette/pki"
)

// Expired makes a template end ten years ago.
func Expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().AddDate(-12, 0, 0), time.Now().AddDate(-10, 0, 0)
}

// Future makes a template begin in ten years.
func Future(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().AddDate(10, 0, 0), time.Now().AddDate(12, 0, 0)
}

// Huge makes a template with so many names that its certificate is over pki.MaxLeafSize.
func Huge(c *x509.Certificate) {
	for i := range pki.MaxLeafSize / 16 {
		c.DNSNames = append(c.DNSNames, fmt.Sprintf("host-%06d.test", i))
	}
}

// HostileName is a subject that tries terminals, web pages, logs and readers: escape sequences, markup, line breaks,
// right-to-left override.
const HostileName = "<script>alert(1)</script>\x1b]0;owned\x07\r\nlevel=ERROR \u202etxt.exe [red]"

// Hostile gives a template HostileName as subject.
func Hostile(c *x509.Certificate) {
	c.Subject.CommonName = HostileName
	c.Subject.Organization = []string{HostileName}
}

// RSAShape returns the DER of something like a PKCS #1 key with a modulus of that many bits. Nothing in it is prime.
func RSAShape(bits uint) []byte { return rsaNumbers(bits, 2) }

// RSAWithPrime is RSAShape(2048) with a "prime" of that many bits, which would keep a careless reader busy.
func RSAWithPrime(bits uint) []byte { return rsaNumbers(2048, bits) }

func rsaNumbers(modulusBits, primeBits uint) []byte {
	odd := func(bits uint) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.SetBit(n, 0, 1)
	}
	small := big.NewInt(3)
	der, err := asn1.Marshal(struct{ Version, N, E, D, P, Q, DP, DQ, QInv *big.Int }{
		big.NewInt(0), odd(modulusBits), small, small, odd(primeBits), small, small, small, small})
	if err != nil {
		panic(err)
	}
	return der
}

// SEC1PEM encodes an ECDSA key as "EC PRIVATE KEY".
func SEC1PEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// PKCS1PEM encodes an RSA key as "RSA PRIVATE KEY".
func PKCS1PEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))})
}

// PrivateKeyPEM takes the key of a pair out of its PEM.
func PrivateKeyPEM(p *pki.Pair) []byte {
	text := p.EncodePEM()
	return text[bytes.LastIndex(text, []byte("-----BEGIN ")):]
}

// File returns a fixture of the folder testdata, such as "pfx/openssl-modern.pfx"; make.sh there says what they hold.
func File(t testing.TB, name string) []byte {
	t.Helper()
	data, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatalf("pkitest: %v", err)
	}
	return data
}

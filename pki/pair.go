package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"slices"
)

// Pair is a certificate with its private key, and the certificates to serve after it. It never changes, and it shows
// its key to nobody by accident: printing, logging and JSON give the fingerprint alone. The key leaves through TLS and
// EncodePEM only.
type Pair struct {
	leaf  *x509.Certificate
	chain [][]byte // leaf first
	key   crypto.Signer
}

// Leaf returns the certificate that is the pair's identity. Treat it as read-only.
func (p *Pair) Leaf() *x509.Certificate { return p.leaf }

// Chain returns the DER of the certificates to serve, the leaf first.
func (p *Pair) Chain() [][]byte { return slices.Clone(p.chain) }

// Fingerprint names the leaf.
func (p *Pair) Fingerprint() Fingerprint { return FingerprintOf(p.leaf.Raw) }

// TLS returns the pair as crypto/tls wants it. The result holds the key: do not print it.
func (p *Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: p.Chain(), PrivateKey: p.key, Leaf: p.leaf}
}

// CertificatePEM returns the leaf, and nothing else, as PEM.
func (p *Pair) CertificatePEM() []byte { return certificatePEM(p.leaf.Raw) }

// EncodePEM returns the certificates, leaf first, and then the private key (PKCS #8) as PEM. ParsePair reads it back.
func (p *Pair) EncodePEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil { // impossible: every way to a Pair checks the kind of its key
		panic("pki: pair with a key of unknown kind")
	}
	defer clear(der)
	var out []byte
	for _, c := range p.chain {
		out = append(out, certificatePEM(c)...)
	}
	return append(out, pem.EncodeToMemory(&pem.Block{Type: blockPKCS8, Bytes: der})...)
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der})
}

// String names the pair without its key.
func (p Pair) String() string {
	if p.leaf == nil {
		return "pair(none)"
	}
	return "pair(" + p.Fingerprint().String() + ", key redacted)"
}

// GoString is String: %#v must not show the key either.
func (p Pair) GoString() string { return p.String() }

// Format prints String for every verb.
func (p Pair) Format(s fmt.State, _ rune) { fmt.Fprint(s, p.String()) }

// LogValue is what a log shows of the pair.
func (p Pair) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON writes String. A pair is stored by EncodePEM, deliberately, never by way of a surrounding struct.
func (p Pair) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// MarshalText writes String, for encoders that prefer text.
func (p Pair) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

package pki

import (
	"crypto/x509"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// PFXEncoding says for whom a PFX container is written.
type PFXEncoding string

const (
	// PFXModern, also the empty encoding: AES-256, PBKDF2 and HMAC with SHA-256. OpenSSL 1.1.1, Java 12, Windows Server 2019 and newer.
	PFXModern PFXEncoding = "modern"
	// PFXCompatible is for older readers: 3DES and SHA-1. Its protection is weak whatever the password.
	PFXCompatible PFXEncoding = "compatible"
)

// Work factors. Under a password: as much as .NET's loader accepts without being told otherwise (300,000 for one
// derivation, 1,000,000 in all; there are three). Without one, work would protect nothing: OpenSSL's usual number.
const (
	passwordIterations   = 250_000
	noPasswordIterations = 2048
)

// PFXOptions says how to write a PFX container.
type PFXOptions struct {
	// Password may be empty: the container is then encrypted under the empty password, which every reader tries first.
	Password string
	// Encoding defaults to PFXModern.
	Encoding PFXEncoding
	// CertificateOnly leaves the key out. Such a container cannot authenticate anybody; DecodePFX refuses it.
	CertificateOnly bool
}

// EncodePFX writes a pair, with its chain, as a PFX container (PKCS #12, RFC 7292). The certificate of a container
// without a key carries Java's mark of a trusted certificate, which other readers ignore.
func EncodePFX(p *Pair, o PFXOptions) ([]byte, error) {
	iterations := noPasswordIterations
	if o.Password != "" {
		iterations = passwordIterations
	}
	var encoder *pkcs12.Encoder
	switch o.Encoding {
	case "", PFXModern:
		encoder = pkcs12.Modern2023.WithIterations(iterations)
	case PFXCompatible:
		encoder = pkcs12.LegacyDES.WithIterations(iterations)
	default:
		return nil, fmt.Errorf("write PFX: encoding: expected %s or %s, found %q", PFXModern, PFXCompatible, string(o.Encoding))
	}
	data, err := encodePFX(encoder, p, o)
	if err != nil {
		return nil, fmt.Errorf("write PFX: %w", err)
	}
	return data, nil
}

func encodePFX(encoder *pkcs12.Encoder, p *Pair, o PFXOptions) ([]byte, error) {
	if o.CertificateOnly {
		return encoder.EncodeTrustStore([]*x509.Certificate{p.leaf}, o.Password)
	}
	var issuers []*x509.Certificate
	for _, der := range p.chain[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		issuers = append(issuers, cert)
	}
	return encoder.Encode(p.key, p.leaf, issuers, o.Password)
}

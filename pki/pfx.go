package pki

import (
	"crypto"
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

// passwordIterations is the work factor under a password.
const passwordIterations = 250_000

// PFXOptions says how to write a PFX container.
type PFXOptions struct {
	// Password may be empty: the container is then encrypted with the empty password, which every reader tries.
	Password string
	Encoding PFXEncoding
	// CertificateOnly leaves the key out. Such a container cannot authenticate anybody.
	CertificateOnly bool
}

// EncodePFX writes a pair as a PFX container.
func EncodePFX(p *Pair, o PFXOptions) ([]byte, error) {
	encoder := pkcs12.LegacyDES
	if o.Encoding != PFXCompatible {
		encoder = pkcs12.Modern2023
	}
	if o.Password != "" && o.Encoding != PFXCompatible {
		encoder = encoder.WithIterations(passwordIterations)
	}
	data, err := encoder.Encode(p.key, p.leaf, nil, o.Password)
	if err != nil {
		return nil, fmt.Errorf("write PFX: %w", err)
	}
	return data, nil
}

// DecodePFX reads a PFX container.
func DecodePFX(data []byte, password string) (*Pair, error) {
	key, leaf, _, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, ErrPFXNoKey
	}
	return &Pair{leaf: leaf, chain: [][]byte{leaf.Raw}, key: signer}, CheckLeaf(leaf)
}

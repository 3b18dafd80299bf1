package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"
)

// KeyKind says what kind of key to generate.
type KeyKind string

const (
	// KeyECDSAP256 is the default and what the empty KeyKind means.
	KeyECDSAP256 KeyKind = "ecdsa-p256"
	// KeyRSA3072 is for peers that know no ECDSA. One signature costs about 31 times as much.
	KeyRSA3072 KeyKind = "rsa-3072"
)

// ParseKeyKind reads a kind of key as an administrator types it; empty means the default.
func ParseKeyKind(s string) (KeyKind, error) {
	switch kind := KeyKind(strings.ToLower(strings.TrimSpace(s))); kind {
	case "":
		return KeyECDSAP256, nil
	case KeyECDSAP256, KeyRSA3072:
		return kind, nil
	}
	return "", fmt.Errorf("kind of key: expected %s or %s, found %q", KeyECDSAP256, KeyRSA3072, s)
}

// Text is the kind of key as people write it; see KeyText.
func (k KeyKind) Text() string {
	if k == KeyRSA3072 {
		return "RSA 3072"
	}
	return "ECDSA P-256"
}

func (k KeyKind) generate() (crypto.Signer, error) {
	switch k {
	case "", KeyECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case KeyRSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("kind of key: expected %s or %s, found %q", KeyECDSAP256, KeyRSA3072, string(k))
}

// KeyText names the kind and strength of a key, public or private, for people: "ECDSA P-256", "RSA 3072", "Ed25519".
func KeyText(key any) string {
	if private, ok := key.(crypto.Signer); ok {
		key = private.Public()
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

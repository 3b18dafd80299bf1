package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
)

const (
	// MaxLeafSize bounds the DER of a leaf at every door, in octets.
	MaxLeafSize = 8 << 10
	// MaxFileSize bounds every certificate, key and PFX file, in octets.
	MaxFileSize = 64 << 10

	minRSABits = 2048
	maxRSABits = 8192
)

// CheckLeaf says whether a certificate may be an identity: at most MaxLeafSize octets, with a key that is RSA of 2048 to
// 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519. Names, dates, usages and issuers do not matter for a pinned
// certificate. The error is a *RuleError.
func CheckLeaf(cert *x509.Certificate) error {
	if len(cert.Raw) > MaxLeafSize {
		return errLeafSize(len(cert.Raw))
	}
	return checkPublicKey(cert.PublicKey)
}

// checkPublicKey applies the rule "2048 bits or longer", read as "at least that strong".
func checkPublicKey(public any) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return checkRSABits(key.N.BitLen())
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return errWeakCurve(key.Curve.Params().Name)
	case ed25519.PublicKey:
		return nil
	}
	return errKeyAlgorithm("the certificate's key")
}

func checkRSABits(bits int) error {
	switch {
	case bits < minRSABits:
		return errShortRSA(bits)
	case bits > maxRSABits:
		return errLongRSA(bits)
	}
	return nil
}

// ParseCertificate reads one certificate, PEM or DER, as used for pins. Text before the block is ignored; a private key,
// a second certificate or anything after the block is refused. The error is a *RuleError.
func ParseCertificate(pemOrDER []byte) (*x509.Certificate, error) {
	if len(pemOrDER) > MaxFileSize {
		return nil, errTooLarge(len(pemOrDER))
	}
	cert, err := readCertificate(pemOrDER)
	if err != nil {
		return nil, err
	}
	if err := CheckLeaf(cert); err != nil {
		return nil, err
	}
	return cert, nil
}

func readCertificate(data []byte) (*x509.Certificate, error) {
	if looksLikeDER(data) {
		cert, err := x509.ParseCertificate(bytes.Clone(data)) // a certificate keeps what it was parsed from
		if err != nil {
			return nil, errNotCertificate(data, err)
		}
		return cert, nil
	}
	if !bytes.Contains(data, pemBegin) && len(bytes.TrimSpace(data)) > 0 {
		return nil, errNotCertificate(data, nil)
	}
	blocks, err := readBlocks(data)
	if err != nil {
		return nil, err
	}
	defer blocks.wipe()
	der, err := blocks.onlyCertificate()
	if err != nil {
		return nil, err
	}
	return parseCertificateDER(der, 1)
}

// parseCertificateDER parses the certificate that stands at a place, counted from 1, in its file.
func parseCertificateDER(der []byte, place int) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errBadCertificate(place, err)
	}
	return cert, nil
}

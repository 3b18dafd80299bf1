package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	encasn1 "encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidRSA     = encasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC      = encasn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = encasn1.ObjectIdentifier{1, 3, 101, 112}
	oidP256    = encasn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidP384    = encasn1.ObjectIdentifier{1, 3, 132, 0, 34}
	oidP521    = encasn1.ObjectIdentifier{1, 3, 132, 0, 35}
)

// foreignKeys names kinds of keys that people do have and that are refused.
var foreignKeys = map[string]string{
	"1.2.840.10040.4.1":       "DSA",
	"1.2.840.113549.1.1.10":   "RSA-PSS",
	"1.2.840.113549.1.3.1":    "Diffie-Hellman",
	"1.3.101.110":             "X25519",
	"1.3.101.111":             "X448",
	"1.3.101.113":             "Ed448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44",
	"2.16.840.1.101.3.4.3.18": "ML-DSA-65",
	"2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}

// foreignCurves names curves that are refused.
var foreignCurves = map[string]string{
	"1.2.840.10045.3.1.1":   "P-192",
	"1.3.132.0.33":          "P-224",
	"1.3.132.0.10":          "secp256k1",
	"1.3.36.3.3.2.8.1.1.7":  "brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}

// parsePrivateKey reads a key block. It looks at kind and strength first, so that a refused key is refused by name and
// costs nothing, and it hands crypto/x509 no more of the key than it must: what that copies cannot be wiped.
func parsePrivateKey(kind string, der []byte) (crypto.Signer, error) {
	switch kind {
	case blockPKCS1:
		return parsePKCS1(der)
	case blockSEC1:
		return parseSEC1(der, nil)
	default:
		return parsePKCS8(der)
	}
}

// parsePKCS8 reads a PrivateKeyInfo (RFC 5208, RFC 5958).
func parsePKCS8(der []byte) (crypto.Signer, error) {
	in := cryptobyte.String(der)
	var info, algorithm, key cryptobyte.String
	var version int
	var oid encasn1.ObjectIdentifier
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !in.Empty() ||
		!info.ReadASN1Integer(&version) ||
		!info.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!info.ReadASN1(&key, asn1.OCTET_STRING) {
		return nil, errBadKey(nil)
	}
	switch {
	case oid.Equal(oidRSA):
		return parsePKCS1(key)
	case oid.Equal(oidEC):
		var curve encasn1.ObjectIdentifier
		if !algorithm.ReadASN1ObjectIdentifier(&curve) {
			return nil, errExplicitCurve()
		}
		return parseSEC1(key, curve)
	case oid.Equal(oidEd25519):
		var seed cryptobyte.String
		if !key.ReadASN1(&seed, asn1.OCTET_STRING) || !key.Empty() || len(seed) != ed25519.SeedSize {
			return nil, errBadKey(nil)
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	if name := foreignKeys[oid.String()]; name != "" {
		return nil, errKeyAlgorithm("the private key (" + name + ")")
	}
	return nil, errKeyAlgorithm("the private key (algorithm " + cutText(oid.String(), 60) + ")")
}

// parsePKCS1 reads an RSAPrivateKey (RFC 8017 appendix A.1.2) of two primes. No number in it may be longer than the
// modulus: crypto/rsa would calculate with it before it finds that nothing fits.
func parsePKCS1(der []byte) (crypto.Signer, error) {
	in := cryptobyte.String(der)
	var body, modulus, number cryptobyte.String
	var version int
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 0 ||
		!body.ReadASN1(&modulus, asn1.INTEGER) {
		return nil, errBadKey(nil)
	}
	for range 7 { // the exponents, the primes, and what follows from them
		if !body.ReadASN1(&number, asn1.INTEGER) || len(number) > len(modulus) {
			return nil, errBadKey(nil)
		}
	}
	if !body.Empty() {
		return nil, errBadKey(nil)
	}
	if err := checkRSABits(new(big.Int).SetBytes(modulus).BitLen()); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, errBadKey(err)
	}
	return key, nil
}

// parseSEC1 reads an ECPrivateKey (RFC 5915). The curve comes from the surrounding PKCS #8 or from the key itself.
func parseSEC1(der []byte, curve encasn1.ObjectIdentifier) (crypto.Signer, error) {
	in := cryptobyte.String(der)
	var body, scalar, parameters cryptobyte.String
	var version int
	var given bool
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 1 ||
		!body.ReadASN1(&scalar, asn1.OCTET_STRING) ||
		!body.ReadOptionalASN1(&parameters, &given, asn1.Tag(0).Constructed().ContextSpecific()) {
		return nil, errBadKey(nil)
	}
	if curve == nil {
		if !given || !parameters.ReadASN1ObjectIdentifier(&curve) {
			return nil, errExplicitCurve()
		}
	}
	var params elliptic.Curve
	switch {
	case curve.Equal(oidP256):
		params = elliptic.P256()
	case curve.Equal(oidP384):
		params = elliptic.P384()
	case curve.Equal(oidP521):
		params = elliptic.P521()
	default:
		name := foreignCurves[curve.String()]
		if name == "" {
			name = cutText(curve.String(), 60)
		}
		return nil, errWeakCurve(name)
	}
	// Some writers drop or add leading zero octets.
	padded := make([]byte, (params.Params().BitSize+7)/8)
	defer clear(padded)
	for len(scalar) > len(padded) {
		if scalar[0] != 0 {
			return nil, errBadKey(nil)
		}
		scalar = scalar[1:]
	}
	copy(padded[len(padded)-len(scalar):], scalar)
	key, err := ecdsa.ParseRawPrivateKey(params, padded)
	if err != nil {
		return nil, errBadKey(err)
	}
	return key, nil
}

// wipePrivateKey overwrites what of a key can be reached. crypto/rsa and crypto/ecdsa keep further copies out of reach;
// those go with the collector.
func wipePrivateKey(key crypto.Signer) {
	switch key := key.(type) {
	case ed25519.PrivateKey:
		clear(key)
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 no arithmetic is done with D; its words are overwritten
		wipeInt(key.D)
	case *rsa.PrivateKey:
		wipeInt(key.D)
		for _, prime := range key.Primes {
			wipeInt(prime)
		}
		wipeInt(key.Precomputed.Dp)
		wipeInt(key.Precomputed.Dq)
		wipeInt(key.Precomputed.Qinv)
	}
}

func wipeInt(n *big.Int) {
	if n != nil {
		words := n.Bits()
		clear(words[:cap(words)])
	}
}

func errBadKey(err error) *RuleError {
	return &RuleError{Rule: RuleBadKey, Text: "the private key cannot be read", Hint: "write it anew: openssl pkey -in server.key -out plain.key", Err: err}
}

func errExplicitCurve() *RuleError {
	return &RuleError{Rule: RuleCurve, Text: "the key names no curve; P-256, P-384 or P-521 is needed, by name",
		Hint: "name the curve: openssl ec -in server.key -param_enc named_curve -out plain.key"}
}

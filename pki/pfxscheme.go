package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	encasn1 "encoding/asn1"
	"fmt"
	"hash"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// maxIterations bounds each key derivation that a container asks for. A million takes up to 0.4 s.
	maxIterations = 1_000_000
	// maxAllIterations bounds them together: one for the integrity check, one for the certificates, one for the key.
	maxAllIterations = 3 * maxIterations
)

// algorithm is an AlgorithmIdentifier.
type algorithm struct {
	oid        string
	parameters cryptobyte.String // whole value, empty when absent
}

// readAlgorithm reads an AlgorithmIdentifier.
func readAlgorithm(in *cryptobyte.String) (algorithm, bool) {
	var body cryptobyte.String
	var oid encasn1.ObjectIdentifier
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&oid) {
		return algorithm{}, false
	}
	return algorithm{oid: oid.String(), parameters: body}, true
}

// hashOf finds a hash by its own identifier, or by that of the HMAC over it.
func hashOf(oid string) func() hash.Hash {
	switch oid {
	case "1.3.14.3.2.26", "1.2.840.113549.2.7":
		return sha1.New
	case "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.8":
		return sha256.New224
	case "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9":
		return sha256.New
	case "2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10":
		return sha512.New384
	case "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11":
		return sha512.New
	}
	return nil
}

// readIterations reads and judges a number of iterations, however large it claims to be.
func readIterations(in *cryptobyte.String) (int, error) {
	n := new(big.Int)
	if !in.ReadASN1Integer(n) || n.Sign() <= 0 {
		return 0, malformed("a number of iterations cannot be read")
	}
	if n.Cmp(big.NewInt(maxIterations)) > 0 {
		return 0, fmt.Errorf("%w: one derivation of more than %d iterations", ErrPFXIterations, maxIterations)
	}
	return int(n.Int64()), nil
}

// readPBKDF2 reads PBKDF2-params (RFC 8018 appendix A.2) for a key of a size; zero takes the size from the parameters.
func readPBKDF2(kdf algorithm, size int) (derivation, error) {
	const oidPBKDF2 = "1.2.840.113549.1.5.12"
	if kdf.oid != oidPBKDF2 {
		return derivation{}, malformed("key derivation %s is not supported", kdf.oid)
	}
	var params cryptobyte.String
	d := derivation{pbkdf2: true, size: size, newHash: sha1.New}
	if !kdf.parameters.ReadASN1(&params, asn1.SEQUENCE) || !params.ReadASN1((*cryptobyte.String)(&d.salt), asn1.OCTET_STRING) {
		return derivation{}, malformed("PBKDF2 parameters cannot be read")
	}
	var err error
	if d.iterations, err = readIterations(&params); err != nil {
		return derivation{}, err
	}
	length := 0
	if params.PeekASN1Tag(asn1.INTEGER) && !params.ReadASN1Integer(&length) {
		return derivation{}, malformed("PBKDF2 key length cannot be read")
	}
	if size == 0 {
		d.size = length
	} else if length != 0 && length != size {
		return derivation{}, malformed("PBKDF2 key length %d does not suit the cipher", length)
	}
	if params.PeekASN1Tag(asn1.SEQUENCE) {
		prf, ok := readAlgorithm(&params)
		if d.newHash = hashOf(prf.oid); !ok || d.newHash == nil {
			return derivation{}, malformed("PBKDF2 with %s is not supported", prf.oid)
		}
	}
	return d, nil
}

// encryption is how a part of a container is encrypted: derivations for key and, where it is derived, IV.
type encryption struct {
	key       derivation
	deriveIV  bool
	iv        []byte
	newCipher func(key []byte) (cipher.Block, error)
	blockSize int
}

// readEncryption reads an encryption algorithm with its parameters: PBES2 (RFC 8018) or those of RFC 7292 appendix C.
func readEncryption(a algorithm) (encryption, error) {
	const (
		oidPBES2   = "1.2.840.113549.1.5.13"
		oidDES3Key = "1.2.840.113549.1.12.1.3"
		oidDES2Key = "1.2.840.113549.1.12.1.4"
		oidRC2128  = "1.2.840.113549.1.12.1.5"
		oidRC240   = "1.2.840.113549.1.12.1.6"
	)
	rc2 := func(key []byte) (cipher.Block, error) { return newRC2(key), nil }
	switch a.oid {
	case oidPBES2:
		return readPBES2(a)
	case oidDES3Key:
		return readPBES1(a, 24, des.NewTripleDESCipher)
	case oidDES2Key:
		return readPBES1(a, 16, func(key []byte) (cipher.Block, error) {
			return des.NewTripleDESCipher(append(key[:16:16], key[:8]...))
		})
	case oidRC2128:
		return readPBES1(a, 16, rc2)
	case oidRC240:
		return readPBES1(a, 5, rc2)
	}
	return encryption{}, malformed("encryption %s is not supported", a.oid)
}

func readPBES1(a algorithm, keySize int, newCipher func([]byte) (cipher.Block, error)) (encryption, error) {
	e := encryption{newCipher: newCipher, blockSize: des.BlockSize, deriveIV: true,
		key: derivation{newHash: sha1.New, purpose: purposeKey, size: keySize}}
	var params cryptobyte.String
	if !a.parameters.ReadASN1(&params, asn1.SEQUENCE) || !params.ReadASN1((*cryptobyte.String)(&e.key.salt), asn1.OCTET_STRING) {
		return encryption{}, malformed("encryption parameters cannot be read")
	}
	var err error
	e.key.iterations, err = readIterations(&params)
	return e, err
}

func readPBES2(a algorithm) (encryption, error) {
	var params cryptobyte.String
	if !a.parameters.ReadASN1(&params, asn1.SEQUENCE) {
		return encryption{}, malformed("PBES2 parameters cannot be read")
	}
	kdf, ok := readAlgorithm(&params)
	scheme, ok2 := readAlgorithm(&params)
	if !ok || !ok2 {
		return encryption{}, malformed("PBES2 parameters cannot be read")
	}
	e := encryption{newCipher: aes.NewCipher, blockSize: aes.BlockSize}
	keySize := 0
	switch scheme.oid {
	case "2.16.840.1.101.3.4.1.2":
		keySize = 16
	case "2.16.840.1.101.3.4.1.22":
		keySize = 24
	case "2.16.840.1.101.3.4.1.42":
		keySize = 32
	case "1.2.840.113549.3.7":
		keySize, e.newCipher, e.blockSize = 24, des.NewTripleDESCipher, des.BlockSize
	default:
		return encryption{}, malformed("cipher %s is not supported", scheme.oid)
	}
	if !scheme.parameters.ReadASN1((*cryptobyte.String)(&e.iv), asn1.OCTET_STRING) || len(e.iv) != e.blockSize {
		return encryption{}, malformed("the cipher's IV cannot be read")
	}
	var err error
	e.key, err = readPBKDF2(kdf, keySize)
	return e, err
}

// integrity is the check over a whole container: HMAC under a key derived from the password.
type integrity struct {
	present bool
	newHash func() hash.Hash
	digest  []byte
	key     derivation
}

// readIntegrity reads MacData (RFC 7292 section 4), with PBMAC1 (RFC 9579) too. Nothing to read means no check.
func readIntegrity(in *cryptobyte.String) (integrity, error) {
	const oidPBMAC1 = "1.2.840.113549.1.5.14"
	if in.Empty() {
		return integrity{}, nil
	}
	var mac, info cryptobyte.String
	m := integrity{present: true}
	if !in.ReadASN1(&mac, asn1.SEQUENCE) || !mac.ReadASN1(&info, asn1.SEQUENCE) {
		return integrity{}, malformed("the integrity check cannot be read")
	}
	a, ok := readAlgorithm(&info)
	if !ok || !info.ReadASN1((*cryptobyte.String)(&m.digest), asn1.OCTET_STRING) ||
		!mac.ReadASN1((*cryptobyte.String)(&m.key.salt), asn1.OCTET_STRING) {
		return integrity{}, malformed("the integrity check cannot be read")
	}
	if a.oid == oidPBMAC1 {
		return readPBMAC1(a, m.digest)
	}
	if m.newHash = hashOf(a.oid); m.newHash == nil {
		return integrity{}, malformed("integrity check %s is not supported", a.oid)
	}
	m.key.newHash, m.key.size, m.key.purpose, m.key.iterations = m.newHash, m.newHash().Size(), purposeMAC, 1
	if !mac.Empty() {
		var err error
		if m.key.iterations, err = readIterations(&mac); err != nil {
			return integrity{}, err
		}
	}
	return m, nil
}

// readPBMAC1 reads PBMAC1-params. A short key would make the check guessable (RFC 9579 section 5), a long one costly.
func readPBMAC1(a algorithm, digest []byte) (integrity, error) {
	var params cryptobyte.String
	if !a.parameters.ReadASN1(&params, asn1.SEQUENCE) {
		return integrity{}, malformed("PBMAC1 parameters cannot be read")
	}
	kdf, ok := readAlgorithm(&params)
	mac, ok2 := readAlgorithm(&params)
	if !ok || !ok2 {
		return integrity{}, malformed("PBMAC1 parameters cannot be read")
	}
	m := integrity{present: true, digest: digest, newHash: hashOf(mac.oid)}
	if m.newHash == nil {
		return integrity{}, malformed("PBMAC1 with %s is not supported", mac.oid)
	}
	var err error
	if m.key, err = readPBKDF2(kdf, 0); err != nil {
		return integrity{}, err
	}
	if m.key.size < 20 || m.key.size > 64 {
		return integrity{}, malformed("PBMAC1 key of %d octets", m.key.size)
	}
	return m, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrPFXMalformed, fmt.Sprintf(format, args...))
}

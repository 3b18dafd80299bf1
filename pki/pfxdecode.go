package pki

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/x509"
	encasn1 "encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidKeyBag        = "1.2.840.113549.1.12.10.1.1"
	oidShroudedBag   = "1.2.840.113549.1.12.10.1.2"
	oidCertBag       = "1.2.840.113549.1.12.10.1.3"
	oidCRLBag        = "1.2.840.113549.1.12.10.1.4"
	oidSecretBag     = "1.2.840.113549.1.12.10.1.5"
	oidX509          = "1.2.840.113549.1.9.22.1"

	maxParts = 8  // of a container; writers make two
	maxBags  = 32 // of a container; nine of them may be issuers' certificates
)

// pfxSlot lets one container be decoded at a time in a process: the derivations in one may cost a second or two of a
// processor, and no number of containers shall cost more than one processor.
var pfxSlot = make(chan struct{}, 1)

// DecodePFX reads a PFX container (PKCS #12, RFC 7292) as OpenSSL, Windows, Java and Mozilla write it: PBES2, 3DES or
// RC2, with any usual integrity check, DER or BER. An empty password stands for the empty as well as for the absent one.
// The certificate that belongs to the key becomes the leaf; the others follow it.
//
// The cost is bounded: MaxFileSize octets, a million iterations in each key derivation and three million together, both
// read from the container before the first derivation runs. (What lies in an encrypted part shows only once that part
// is decrypted; it is judged before its own derivation runs, within the same bounds.) One container is read at a time.
//
// The errors are ErrPFXTooLarge, ErrPFXMalformed, ErrPFXIterations, ErrPFXPassword, ErrPFXNoKey, each wrapped, or a
// *RuleError for a certificate or key that is too weak.
func DecodePFX(data []byte, password string) (*Pair, error) {
	pfxSlot <- struct{}{}
	defer func() { <-pfxSlot }()
	r := pfxReader{derive: derivation.run}
	return r.read(data, password)
}

// pfxReader reads one container. Every derivation goes through derive, so that a test can count them.
type pfxReader struct {
	derive func(derivation, pfxPassword) ([]byte, error)

	password   pfxPassword
	iterations int // promised so far
	bags       int
	certs      []*x509.Certificate
	keys       []crypto.Signer
}

// pfxPart is one member of a container's authenticated safe: bags in the open, or encrypted ones.
type pfxPart struct {
	bags      []pfxBag
	encrypted []byte // nil for bags in the open
	scheme    encryption
}

// pfxBag holds a certificate, a key, or a key under an encryption of its own.
type pfxBag struct {
	oid    string
	value  []byte
	scheme encryption
}

func (r *pfxReader) read(data []byte, password string) (*Pair, error) {
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%w: %d octets", ErrPFXTooLarge, len(data))
	}
	content, check, err := readPFX(data)
	if err != nil {
		return nil, err
	}
	if err := r.promise(check.key.iterations); err != nil {
		return nil, err
	}
	parts, err := r.readParts(content)
	if err != nil {
		return nil, err
	}
	r.password = newPFXPassword(password)
	if err := r.authenticate(check, content); err != nil {
		return nil, err
	}
	for _, part := range parts {
		if err := r.open(part); err != nil {
			return nil, err
		}
	}
	return r.pair()
}

// promise accounts for a derivation that is still to run.
func (r *pfxReader) promise(iterations int) error {
	if r.iterations += iterations; r.iterations > maxAllIterations {
		return fmt.Errorf("%w: more than %d iterations in all", ErrPFXIterations, maxAllIterations)
	}
	return nil
}

// readPFX reads the outermost layer: the content that is checked, and the check.
func readPFX(data []byte) (content []byte, check integrity, err error) {
	der, err := derFromBER(data)
	if err != nil {
		return nil, check, malformed("%v", err)
	}
	in := cryptobyte.String(der)
	var pfx cryptobyte.String
	var version int
	if !in.ReadASN1(&pfx, asn1.SEQUENCE) || !pfx.ReadASN1Integer(&version) {
		return nil, check, malformed("it is something else")
	}
	if version != 3 {
		return nil, check, malformed("version %d is not supported", version)
	}
	kind, value, ok := readContentInfo(&pfx)
	if !ok {
		return nil, check, malformed("its content cannot be read")
	}
	if kind != oidData || !value.ReadASN1((*cryptobyte.String)(&content), asn1.OCTET_STRING) {
		return nil, check, malformed("it is protected by a public key, not by a password")
	}
	check, err = readIntegrity(&pfx)
	return content, check, err
}

// readContentInfo reads SEQUENCE { OID, [0] EXPLICIT value }.
func readContentInfo(in *cryptobyte.String) (kind string, value cryptobyte.String, ok bool) {
	var info cryptobyte.String
	var oid encasn1.ObjectIdentifier
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&oid) || !info.ReadASN1(&value, contextTag(0)) {
		return "", nil, false
	}
	return oid.String(), value, true
}

func contextTag(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

// readParts reads the authenticated safe without deriving anything.
func (r *pfxReader) readParts(content []byte) ([]pfxPart, error) {
	der, err := derFromBER(content)
	if err != nil {
		return nil, malformed("%v", err)
	}
	in := cryptobyte.String(der)
	var safe cryptobyte.String
	if !in.ReadASN1(&safe, asn1.SEQUENCE) {
		return nil, malformed("its parts cannot be read")
	}
	var parts []pfxPart
	for !safe.Empty() {
		if len(parts) == maxParts {
			return nil, malformed("more than %d parts", maxParts)
		}
		part, err := r.readPart(&safe)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (r *pfxReader) readPart(safe *cryptobyte.String) (part pfxPart, err error) {
	kind, value, ok := readContentInfo(safe)
	if !ok {
		return part, malformed("a part cannot be read")
	}
	switch kind {
	case oidData:
		var bags cryptobyte.String
		if !value.ReadASN1(&bags, asn1.OCTET_STRING) {
			return part, malformed("a part cannot be read")
		}
		part.bags, err = r.readBags(bags)
		return part, err
	case oidEncryptedData:
		var data, info cryptobyte.String
		var version int
		var inner encasn1.ObjectIdentifier
		if !value.ReadASN1(&data, asn1.SEQUENCE) || !data.ReadASN1Integer(&version) || version != 0 ||
			!data.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&inner) || inner.String() != oidData {
			return part, malformed("an encrypted part cannot be read")
		}
		a, ok := readAlgorithm(&info)
		if !ok {
			return part, malformed("an encrypted part cannot be read")
		}
		if part.scheme, err = readEncryption(a); err != nil {
			return part, err
		}
		if part.encrypted, ok = readImplicitOctets(&info); !ok {
			return part, malformed("an encrypted part cannot be read")
		}
		return part, r.promise(part.scheme.key.iterations)
	}
	return part, malformed("a part of type %s is not supported", kind)
}

// readImplicitOctets reads [0] IMPLICIT OCTET STRING, whole or in pieces.
func readImplicitOctets(in *cryptobyte.String) ([]byte, bool) {
	var octets cryptobyte.String
	if in.PeekASN1Tag(contextTag(0)) {
		if !in.ReadASN1(&octets, contextTag(0)) {
			return nil, false
		}
		whole, err := joinOctets(octets)
		return whole, err == nil
	}
	ok := in.ReadASN1(&octets, asn1.Tag(0).ContextSpecific())
	return octets, ok
}

// readBags reads SafeContents without deriving anything.
func (r *pfxReader) readBags(ber []byte) ([]pfxBag, error) {
	der, err := derFromBER(ber)
	if err != nil {
		return nil, malformed("%v", err)
	}
	in := cryptobyte.String(der)
	var contents cryptobyte.String
	if !in.ReadASN1(&contents, asn1.SEQUENCE) {
		return nil, malformed("a part's bags cannot be read")
	}
	var bags []pfxBag
	for !contents.Empty() {
		if r.bags++; r.bags > maxBags {
			return nil, malformed("more than %d bags", maxBags)
		}
		kind, value, ok := readContentInfo(&contents) // a SafeBag begins alike; its attributes do not matter
		if !ok {
			return nil, malformed("a bag cannot be read")
		}
		bag := pfxBag{oid: kind, value: value}
		if kind == oidShroudedBag {
			if err := r.readShroud(&bag); err != nil {
				return nil, err
			}
		}
		bags = append(bags, bag)
	}
	return bags, nil
}

// readShroud reads EncryptedPrivateKeyInfo (RFC 5958).
func (r *pfxReader) readShroud(bag *pfxBag) error {
	in := cryptobyte.String(bag.value)
	var info cryptobyte.String
	if !in.ReadASN1(&info, asn1.SEQUENCE) {
		return malformed("an encrypted key cannot be read")
	}
	a, ok := readAlgorithm(&info)
	if !ok || !info.ReadASN1((*cryptobyte.String)(&bag.value), asn1.OCTET_STRING) {
		return malformed("an encrypted key cannot be read")
	}
	var err error
	if bag.scheme, err = readEncryption(a); err != nil {
		return err
	}
	return r.promise(bag.scheme.key.iterations)
}

// authenticate checks the whole container and settles which form of the empty password is meant. A container without a
// check is taken only without a password: under an empty one anybody could have made the check as well.
func (r *pfxReader) authenticate(check integrity, content []byte) error {
	if !check.present {
		if r.password.utf8 != "" {
			return malformed("it has no integrity check, although a password is given")
		}
		return nil
	}
	forms := []pfxPassword{r.password}
	if r.password.utf8 == "" && !check.key.pbkdf2 {
		forms = append(forms, pfxPassword{})
	}
	for _, form := range forms {
		key, err := r.derive(check.key, form)
		if err != nil {
			return malformed("%v", err)
		}
		if hmac.Equal(hmacSum(check.newHash, key, content), check.digest) {
			r.password = form
			return nil
		}
	}
	return ErrPFXPassword
}

// open takes what a part holds, decrypting where needed.
func (r *pfxReader) open(part pfxPart) error {
	bags := part.bags
	if part.encrypted != nil {
		plain, err := r.decrypt(part.scheme, part.encrypted)
		if err != nil {
			return err
		}
		defer clear(plain)
		if bags, err = r.readBags(plain); err != nil {
			return err
		}
	}
	for _, bag := range bags {
		if err := r.take(bag); err != nil {
			return err
		}
	}
	return nil
}

func (r *pfxReader) take(bag pfxBag) error {
	switch bag.oid {
	case oidCertBag:
		return r.takeCertificate(bag.value)
	case oidKeyBag:
		return r.takeKey(bag.value)
	case oidShroudedBag:
		plain, err := r.decrypt(bag.scheme, bag.value)
		if err != nil {
			return err
		}
		defer clear(plain)
		return r.takeKey(plain)
	case oidCRLBag, oidSecretBag:
		return nil
	}
	return malformed("a bag of type %s is not supported", bag.oid)
}

func (r *pfxReader) takeCertificate(value cryptobyte.String) error {
	kind, inner, ok := readContentInfo(&value)
	var der cryptobyte.String
	if !ok || kind != oidX509 || !inner.ReadASN1(&der, asn1.OCTET_STRING) {
		return malformed("a certificate cannot be read")
	}
	if len(r.certs) == maxChain {
		return malformed("more than %d certificates", maxChain)
	}
	cert, err := parseCertificateDER(bytes.Clone(der), len(r.certs)+1)
	if err != nil {
		return err
	}
	r.certs = append(r.certs, cert)
	return nil
}

func (r *pfxReader) takeKey(der []byte) error {
	key, err := parsePKCS8(der)
	if err != nil {
		return err
	}
	r.keys = append(r.keys, key)
	return nil
}

// decrypt undoes CBC and its padding. What does not come out right was encrypted under another password.
func (r *pfxReader) decrypt(e encryption, data []byte) ([]byte, error) {
	if len(data) == 0 || len(data)%e.blockSize != 0 {
		return nil, malformed("an encrypted part is not a whole number of blocks")
	}
	key, err := r.derive(e.key, r.password)
	if err != nil {
		return nil, malformed("%v", err)
	}
	defer clear(key)
	iv := e.iv
	if e.deriveIV {
		d := e.key
		d.purpose, d.size = purposeIV, e.blockSize
		if iv, err = r.derive(d, r.password); err != nil {
			return nil, malformed("%v", err)
		}
	}
	block, err := e.newCipher(key)
	if err != nil {
		return nil, malformed("%v", err)
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > e.blockSize {
		return nil, ErrPFXPassword
	}
	end := len(plain) - padding
	for _, b := range plain[end:] {
		if int(b) != padding {
			return nil, ErrPFXPassword
		}
	}
	return plain[:end], nil
}

// pair joins the key and its certificate.
func (r *pfxReader) pair() (*Pair, error) {
	switch {
	case len(r.keys) == 0:
		return nil, ErrPFXNoKey
	case len(r.keys) > 1:
		return nil, malformed("it holds %d private keys", len(r.keys))
	case len(r.certs) == 0:
		return nil, malformed("it holds a private key without a certificate")
	}
	// The order in a container means nothing: move the key's certificate to the front, keep the others in theirs.
	key := r.keys[0]
	for i, cert := range r.certs {
		if !belongs(cert, key) {
			continue
		}
		certs := append([]*x509.Certificate{cert}, r.certs[:i]...)
		certs = append(certs, r.certs[i+1:]...)
		if err := matchPair(certs, key); err != nil {
			return nil, err
		}
		return newPair(certs, key), nil
	}
	return nil, matchPair(r.certs, key)
}

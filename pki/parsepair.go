package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// maxChain bounds the certificates in a file, the leaf included: all of them are sent in every handshake.
const maxChain = 10

// ParsePair applies the documented rule for an uploaded file: the certificate itself and its private key, PEM, 2048 bits
// or longer. In full:
//
//   - at most MaxFileSize octets of PEM; lines of text before and between the blocks are ignored, since OpenSSL writes
//     them; after the last block comes nothing;
//   - exactly one private key, PKCS #8, PKCS #1 or SEC 1, not encrypted;
//   - RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519 ("2048 bits or longer" read as "at least
//     that strong");
//   - the first certificate is the one that belongs to the key and has at most MaxLeafSize octets. Others are kept and
//     served after it, in the order of the file, nine at most. A file whose first certificate does not belong to the key is
//     refused, not put in order: what is served should be what was uploaded.
//
// Blocks may otherwise come in any order. A broken rule is a *RuleError, several are RuleErrors: all that can be told while
// others are broken. A certificate that is expired, expiring or not yet valid is a Warning.
func ParsePair(pem []byte, now time.Time) (*Pair, []Warning, error) {
	certs, key, err := readPair(pem)
	if err != nil {
		return nil, nil, err
	}
	pair := newPair(certs, key)
	return pair, warnings(pair.leaf, now), nil
}

// VerifyAndDropKey applies the rule of ParsePair and keeps the certificate only. It overwrites its argument, in every
// case, and each copy of the key that it made or can reach. Copies inside crypto/rsa and crypto/ecdsa are out of reach:
// they are garbage when it returns.
func VerifyAndDropKey(pem []byte, now time.Time) (*x509.Certificate, []Warning, error) {
	defer clear(pem)
	certs, key, err := readPair(pem)
	if err != nil {
		return nil, nil, err
	}
	wipePrivateKey(key)
	return certs[0], warnings(certs[0], now), nil
}

func newPair(certs []*x509.Certificate, key crypto.Signer) *Pair {
	p := &Pair{leaf: certs[0], key: key}
	for _, c := range certs {
		p.chain = append(p.chain, c.Raw)
	}
	return p
}

func warnings(leaf *x509.Certificate, now time.Time) []Warning {
	if w, found := ExpiryWarning(leaf, now); found {
		return []Warning{w}
	}
	return nil
}

// readPair is the rule itself. The certificates and the key share no memory with the file.
func readPair(file []byte) ([]*x509.Certificate, crypto.Signer, error) {
	if len(file) > MaxFileSize {
		return nil, nil, errTooLarge(len(file))
	}
	blocks, err := readBlocks(file)
	if err != nil {
		return nil, nil, err
	}
	defer blocks.wipe()
	var broken RuleErrors
	var key crypto.Signer
	if keyBlock := blocks.onlyKey(&broken); keyBlock != nil {
		if key, err = parsePrivateKey(keyBlock.kind, keyBlock.der); err != nil {
			broken.add(err)
			key = nil
		}
	}
	certs := blocks.certificates(&broken)
	switch {
	case len(certs) == 0 || certs[0] == nil || slices.Contains(certs, nil) && key != nil:
		// Who belongs to whom cannot be said where something cannot be read.
	case key == nil:
		broken.add(CheckLeaf(certs[0]))
	default:
		broken.match(certs, key)
	}
	if err := broken.err(); err != nil {
		if key != nil {
			wipePrivateKey(key)
		}
		return nil, nil, err
	}
	return certs, key, nil
}

// onlyKey sorts the blocks: at least one certificate, exactly one key, nothing foreign. It returns the key's block when
// there is one that can be read.
func (blocks pemBlocks) onlyKey(broken *RuleErrors) *pemBlock {
	var key *pemBlock
	keys, certificates, encrypted := 0, 0, false
	for i := range blocks {
		b := &blocks[i]
		switch {
		case b.isCertificate():
			certificates++
		case b.kind == blockPKCS8, b.kind == blockPKCS1, b.kind == blockSEC1, b.kind == blockEncrypted:
			key = b
			keys++
			encrypted = encrypted || b.encrypted || b.kind == blockEncrypted
		case b.kind == blockECParameters: // openssl ecparam -genkey writes it before the key
		default:
			broken.add(errKind(b))
		}
	}
	switch {
	case certificates == 0:
		broken.add(errNoCertificate())
	case certificates > maxChain:
		broken.add(&RuleError{Rule: RuleManyCertificates, Text: fmt.Sprintf("the file holds %d certificates, at most %d are allowed", certificates, maxChain),
			Hint: "leave the server's certificate and its issuers in the file"})
	}
	switch {
	case keys == 0 && !broken.has(RuleKeyAlgorithm): // a key of a foreign kind was named above
		broken.add(&RuleError{Rule: RuleNoKey, Text: "the file holds no private key", Hint: hintBuild})
	case keys > 1:
		broken.add(&RuleError{Rule: RuleSeveralKeys, Text: fmt.Sprintf("the file holds %d private keys, exactly one is wanted", keys), Hint: hintOneKey})
	}
	if encrypted {
		broken.add(&RuleError{Rule: RuleEncryptedKey, Text: "the private key is encrypted", Hint: hintDecrypt})
	}
	if keys != 1 || encrypted {
		return nil
	}
	return key
}

// certificates reads them in their order, nil where one cannot be read. Beyond a chain's length nothing is read.
func (blocks pemBlocks) certificates(broken *RuleErrors) []*x509.Certificate {
	var certs []*x509.Certificate
	for i := range blocks {
		if !blocks[i].isCertificate() || len(certs) == maxChain {
			continue
		}
		cert, err := parseCertificateDER(blocks[i].der, len(certs)+1)
		broken.add(err)
		certs = append(certs, cert)
	}
	return certs
}

// matchPair demands that the key belongs to the first certificate, to no other, and that this one is fit to be a leaf.
func matchPair(certs []*x509.Certificate, key crypto.Signer) error {
	var broken RuleErrors
	broken.match(certs, key)
	return broken.first()
}

func (e *RuleErrors) match(certs []*x509.Certificate, key crypto.Signer) {
	var places []int
	for i, cert := range certs {
		if belongs(cert, key) {
			places = append(places, i+1)
		}
	}
	switch {
	case len(places) == 0:
		e.add(&RuleError{Rule: RuleKeyMismatch, Text: fmt.Sprintf("the private key (%s) does not belong to the certificate (%s)",
			KeyText(key), KeyText(certs[0].PublicKey)), Hint: hintTraceKey})
	case len(places) > 1:
		e.add(&RuleError{Rule: RuleAmbiguous, Text: "the private key belongs to more than one certificate of the file", Hint: hintOneRecord})
	case places[0] != 1:
		e.add(&RuleError{Rule: RuleLeafOrder, Text: fmt.Sprintf("the certificate that belongs to the key is number %d in the file, it must be the first", places[0]),
			Hint: "put the server's own certificate first, then its issuers, then the key"})
		return // the first one is not the leaf
	}
	e.add(CheckLeaf(certs[0]))
}

// belongs tells whether a certificate is for a key.
func belongs(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

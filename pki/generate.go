package pki

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DefaultValidity is how long generated certificates are valid: five years. Everyone who matters pins the leaf, so the
// dates protect nobody, whereas each replacement is the riskiest act of an installation: every agent must be told. Five
// years is about the life of the server below; an endless certificate would let one stolen key live for ever.
const DefaultValidity = 5 * 365 * day

// backdate moves NotBefore into the past, so that a peer whose clock or time zone is wrong by up to a day does not see
// a certificate from the future.
const backdate = day

// maxCommonName is the bound on a CN, in octets (RFC 5280 appendix A: 64 characters).
const maxCommonName = 64

// ServerOptions says what server certificate to generate. The zero value asks for a certificate without local names.
type ServerOptions struct {
	// Names are extra host names and IP addresses for the SANs. The first host name becomes the CN.
	Names []string
	// Local adds every address and host name of this machine, loopback included.
	Local bool
	Key   KeyKind
	// Validity defaults to DefaultValidity.
	Validity time.Duration
	// Now defaults to time.Now.
	Now func() time.Time
}

// GenerateServer makes a key and a self-signed certificate for a server. A name that cannot stand in a certificate is a
// *RuleError.
func GenerateServer(o ServerOptions) (*Pair, error) { return generateServer(o, thisMachine()) }

func generateServer(o ServerOptions, local machine) (*Pair, error) {
	names, err := parseNames(o.Names)
	if err != nil {
		return nil, err
	}
	if o.Local {
		names.addLocal(local)
	}
	template, err := newTemplate(names.commonName(), o.Validity, o.Now)
	if err != nil {
		return nil, err
	}
	template.DNSNames, template.IPAddresses = names.dns, names.ips
	// serverAuth alone: a daemon's identity as a client is another certificate, so that replacing one leaves the other.
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return selfSign(template, o.Key)
}

// AgentOptions says what client certificate to generate.
type AgentOptions struct {
	// Name becomes the CN: control characters are removed and 64 octets are kept. Empty means "Endpoint Agent".
	Name string
	Key  KeyKind
	// Validity defaults to DefaultValidity.
	Validity time.Duration
	// Now defaults to time.Now.
	Now func() time.Time
}

// GenerateAgent makes a key and a self-signed client certificate.
func GenerateAgent(o AgentOptions) (*Pair, error) {
	name := boundCommonName(o.Name)
	if name == "" {
		name = "Endpoint Agent"
	}
	template, err := newTemplate(name, o.Validity, o.Now)
	if err != nil {
		return nil, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return selfSign(template, o.Key)
}

func newTemplate(commonName string, validity time.Duration, now func() time.Time) (*x509.Certificate, error) {
	switch {
	case validity == 0:
		validity = DefaultValidity
	case validity < 0:
		return nil, fmt.Errorf("generate certificate: validity %v is negative", validity)
	}
	if now == nil {
		now = time.Now
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	at := now().UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             at.Add(-backdate),
		NotAfter:              at.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true, // and not a CA
	}, nil
}

// newSerial draws 127 random bits: positive in 16 octets, beyond guessing and beyond collision.
func newSerial() (*big.Int, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, fmt.Errorf("generate serial number: %w", err)
	}
	b[0] &= 0x7f
	b[15] |= 1 // never zero
	return new(big.Int).SetBytes(b[:]), nil
}

func selfSign(template *x509.Certificate, kind KeyKind) (*Pair, error) {
	key, err := kind.generate()
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	if kind == KeyRSA3072 {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // RSA key exchange of old TLS 1.2 peers checks for it
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read generated certificate: %w", err)
	}
	if err := CheckLeaf(leaf); err != nil {
		return nil, err
	}
	return &Pair{leaf: leaf, chain: [][]byte{der}, key: key}, nil
}

// boundCommonName makes foreign text fit for a CN: no control or invisible formatting characters, valid UTF-8, at most
// maxCommonName octets, cut between characters.
func boundCommonName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return -1
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	for len(name) > maxCommonName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimSpace(name)
}

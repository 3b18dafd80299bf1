// Package sshkey reads the public keys that administrators sign in with. It is
// for rooms that keep or show such keys and know nothing of SSH.
package sshkey

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"vedette/internal/foreign"
)

// Bounds of what Parse takes.
const (
	maxText    = 16 << 10 // bytes; an RSA key of 8192 bits takes 1.4 KiB
	maxComment = 128      // bytes
	minRSA     = 2048     // bits
	maxRSA     = 8192     // bits; larger ones are slow to check and no safer
)

// Key is a public key.
type Key struct {
	Type        string // "ssh-ed25519"
	Fingerprint string // as OpenSSH prints it: SHA256:...
	Comment     string // clean text of at most 128 bytes; often user@host
	Blob        []byte // wire format (RFC 4253, section 6.6), by which keys are compared
}

// Rules that a text or a key breaks. Each is a sentence for a person.
var (
	ErrEmpty       = errors.New("there is no public key in this text")
	ErrMany        = errors.New("this text holds more than one line; add keys one by one")
	ErrPrivate     = errors.New("this is a private key: keep it secret, and give the public one, usually the file beside it that ends in .pub")
	ErrOptions     = errors.New("options before the key are not supported; give the key alone, from its type on")
	ErrCertificate = errors.New("this is an SSH certificate; give the plain public key that it was made for")
	ErrWeak        = errors.New("this key is too weak: make one with ssh-keygen -t ed25519")
	ErrUnknown     = errors.New("keys of this type are not supported: make one with ssh-keygen -t ed25519")
	ErrMalformed   = errors.New("this is no whole public key; was a part of it left out when it was copied?")
)

// accepted are the types that may sign in.
func accepted(kind string) bool {
	switch kind {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoRSA,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256:
		return true
	}
	return false
}

// Parse reads one public key: a line as in authorized_keys, but without
// options, which is what a .pub file of OpenSSH holds, or what PuTTYgen saves
// (RFC 4716). Errors wrap one of this package's.
func Parse(text string) (Key, error) {
	text = strings.TrimPrefix(text, "\ufeff") // Windows editors
	switch {
	case len(text) > maxText:
		return Key{}, ErrMalformed
	case strings.Contains(text, "PRIVATE KEY-----"), strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return Key{}, ErrPrivate
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	switch {
	case len(lines) == 0:
		return Key{}, ErrEmpty
	case lines[0] == beginSSH2:
		return parseSSH2(lines[1:])
	case len(lines) > 1:
		return Key{}, ErrMany
	}
	return parseLine(lines[0])
}

// parseLine reads "type base64 comment".
func parseLine(line string) (Key, error) {
	line = strings.ReplaceAll(line, "\t", " ")
	kind, rest, _ := strings.Cut(line, " ")
	encoded, comment, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !looksLikeType(kind) {
		if strings.Contains(line, " ssh-") || strings.Contains(line, " ecdsa-") || strings.Contains(line, " sk-") {
			return Key{}, ErrOptions
		}
		return Key{}, ErrEmpty
	}
	key, err := decode(encoded, comment)
	if err == nil && key.Type != kind {
		return Key{}, ErrMalformed
	}
	return key, err
}

// looksLikeType tells the name of a key type from options.
func looksLikeType(word string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

const (
	beginSSH2 = "---- BEGIN SSH2 PUBLIC KEY ----"
	endSSH2   = "---- END SSH2 PUBLIC KEY ----"
)

// parseSSH2 reads what follows the first line of RFC 4716's format.
func parseSSH2(lines []string) (Key, error) {
	var encoded strings.Builder
	var comment string
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == endSSH2 {
			if i+1 < len(lines) {
				return Key{}, ErrMany
			}
			return decode(encoded.String(), comment)
		}
		name, value, header := strings.Cut(line, ":")
		if !header {
			encoded.WriteString(line)
			continue
		}
		for strings.HasSuffix(value, `\`) && i+1 < len(lines) { // it goes on
			i++
			value = strings.TrimSuffix(value, `\`) + lines[i]
		}
		if strings.EqualFold(name, "Comment") {
			comment = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return Key{}, ErrMalformed
}

func decode(encoded, comment string) (Key, error) {
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Key{}, ErrMalformed
	}
	key, err := FromWire(blob)
	key.Comment = foreign.Bounded(foreign.Clean(strings.TrimSpace(comment)), maxComment)
	return key, err
}

// FromWire reads a key in wire format, as a client offers it. Errors wrap one
// of this package's.
func FromWire(blob []byte) (Key, error) {
	public, err := ssh.ParsePublicKey(blob)
	if err != nil || !accepted(public.Type()) {
		return Key{}, refusal(blob)
	}
	if bits := rsaBits(public); bits != 0 && bits < minRSA {
		return Key{}, fmt.Errorf("%w (RSA with %d bits, needed are %d)", ErrWeak, bits, minRSA)
	} else if bits > maxRSA {
		return Key{}, fmt.Errorf("%w (RSA with %d bits, at most %d are taken)", ErrUnknown, bits, maxRSA)
	}
	return Key{Type: public.Type(), Fingerprint: ssh.FingerprintSHA256(public), Blob: public.Marshal()}, nil
}

// refusal says why a blob that cannot be read is none of ours: the type comes
// first in it.
func refusal(blob []byte) error {
	var head struct {
		Type string
		Rest []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(blob, &head) != nil || accepted(head.Type) {
		return ErrMalformed
	}
	switch {
	case head.Type == "ssh-dss":
		return ErrWeak
	case strings.Contains(head.Type, "-cert-v"):
		return ErrCertificate
	case looksLikeType(head.Type):
		return ErrUnknown
	}
	return ErrMalformed
}

// rsaBits is the length of an RSA key's modulus; 0 when it is no RSA key.
func rsaBits(public ssh.PublicKey) int {
	if crypto, ok := public.(ssh.CryptoPublicKey); ok {
		if key, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok {
			return key.N.BitLen()
		}
	}
	return 0
}

// Fingerprint is that of a host key, as OpenSSH prints it: SHA256:... An empty
// text when the key is none.
func Fingerprint(key ed25519.PublicKey) string {
	if len(key) != ed25519.PublicKeySize {
		return ""
	}
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(public)
}

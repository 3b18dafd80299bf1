package pki

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fingerprint names a certificate: the SHA-256 of its DER. It is comparable and serves as a map key; it is public, so
// ordinary comparison is enough.
type Fingerprint [sha256.Size]byte

// FingerprintOf computes the fingerprint of a certificate's DER, which is [x509.Certificate.Raw].
func FingerprintOf(der []byte) Fingerprint { return sha256.Sum256(der) }

// ParseFingerprint reads a fingerprint in any notation that people copy from tools: 64 hexadecimal digits of either
// case, with colons, dashes or spaces anywhere, after "SHA256:" or after openssl's "sha256 Fingerprint=". The error
// says what was expected.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	digits, bad := hexDigits(trimLabel(s))
	switch {
	case bad != 0:
		return f, fmt.Errorf("fingerprint: expected %d hexadecimal digits, found %q", hex.EncodedLen(len(f)), bad)
	case len(digits) != hex.EncodedLen(len(f)):
		return f, fmt.Errorf("fingerprint: expected %d hexadecimal digits, found %d%s",
			hex.EncodedLen(len(f)), len(digits), otherDigest(len(digits)))
	}
	if _, err := hex.Decode(f[:], []byte(digits)); err != nil {
		return f, fmt.Errorf("fingerprint: %w", err)
	}
	return f, nil
}

// String shows the fingerprint as tools do: upper-case pairs joined by colons.
func (f Fingerprint) String() string { return colonPairs(strings.ToUpper(hex.EncodeToString(f[:]))) }

// IsZero tells whether no certificate has been named.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// MarshalText writes the notation of [Fingerprint.String].
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads any notation that [ParseFingerprint] reads.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	parsed, err := ParseFingerprint(string(text))
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}

// Contains tells whether part occurs in the fingerprint; colons, dashes, spaces and case do not matter. An empty part
// occurs in every fingerprint.
func (f Fingerprint) Contains(part string) bool {
	const digits = "0123456789ABCDEF"
	var canonical [2 * len(f)]byte
	for i, octet := range f {
		canonical[2*i], canonical[2*i+1] = digits[octet>>4], digits[octet&15]
	}
	return containsDigits(canonical[:], part)
}

// containsDigits looks for a part, typed by a person, among canonical upper-case digits. Tables ask it for each row.
func containsDigits(canonical []byte, part string) bool {
	digits, bad := hexDigits(trimLabel(part))
	return bad == 0 && bytes.Contains(canonical, []byte(digits))
}

// trimLabel removes what tools print before the digits: "sha256 Fingerprint=", "SHA256 Fingerprint: ", "SHA-256:",
// "serial=".
func trimLabel(s string) string {
	if i := strings.IndexByte(s, '='); i >= 0 {
		s = s[i+1:]
	}
	for _, label := range []string{"fingerprint", "sha256", "sha-256", "fingerprint"} {
		s = strings.TrimSpace(s)
		if len(s) < len(label) || !strings.EqualFold(s[:len(label)], label) {
			continue
		}
		s = strings.TrimPrefix(strings.TrimSpace(s[len(label):]), ":")
	}
	return s
}

// hexDigits drops separators and raises case. The second result is the first character that is neither digit nor
// separator, or zero.
func hexDigits(s string) (string, rune) {
	var digits strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'F':
			digits.WriteRune(r)
		case r >= 'a' && r <= 'f':
			digits.WriteRune(r - 'a' + 'A')
		case r == ':', r == '-', unicode.IsSpace(r):
		case r == utf8.RuneError:
			return "", utf8.RuneError
		case r == 0:
			return "", utf8.RuneError
		default:
			return "", r
		}
	}
	return digits.String(), 0
}

// otherDigest recognises the length of a digest that is not SHA-256, the usual mistake.
func otherDigest(digits int) string {
	switch digits {
	case 32:
		return "; that is the length of an MD5 fingerprint, SHA-256 is needed"
	case 40:
		return "; that is the length of a SHA-1 fingerprint, SHA-256 is needed"
	case 128:
		return "; that is the length of a SHA-512 fingerprint, SHA-256 is needed"
	}
	return ""
}

// colonPairs joins an even number of digits as AA:BB:CC.
func colonPairs(digits string) string {
	var b strings.Builder
	b.Grow(len(digits) + len(digits)/2)
	for i := 0; i+1 < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

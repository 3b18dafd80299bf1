package pki

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxSerialDigits bounds what ParseSerial takes: RFC 5280 allows 20 octets; real certificates sometimes carry more.
const maxSerialDigits = 2 * 64

// Serial is a certificate's serial number in canonical form: upper-case hexadecimal, an even number of digits, no
// separators, no leading zero octet except for the number zero.
type Serial string

// SerialOf reads the serial number of a certificate.
func SerialOf(cert *x509.Certificate) Serial {
	if cert == nil || cert.SerialNumber == nil {
		return ""
	}
	return canonicalSerial(hex.EncodeToString(cert.SerialNumber.Bytes()))
}

// ParseSerial reads a serial number in any notation that people copy from tools: hexadecimal digits of either case with
// colons, dashes or spaces, after "0x" or openssl's "serial=".
func ParseSerial(s string) (Serial, error) {
	s = strings.TrimSpace(trimLabel(s))
	if len(s) > 1 && strings.EqualFold(s[:2], "0x") {
		s = s[2:]
	}
	digits, bad := hexDigits(s)
	switch {
	case bad != 0:
		return "", fmt.Errorf("serial number: expected hexadecimal digits, found %q", bad)
	case digits == "":
		return "", fmt.Errorf("serial number: expected hexadecimal digits, found none")
	case len(digits) > maxSerialDigits:
		return "", fmt.Errorf("serial number: expected at most %d hexadecimal digits, found %d", maxSerialDigits, len(digits))
	}
	return canonicalSerial(digits), nil
}

func canonicalSerial(digits string) Serial {
	digits = strings.TrimLeft(digits, "0")
	switch {
	case digits == "":
		return "00"
	case len(digits)%2 == 1:
		digits = "0" + digits
	}
	return Serial(strings.ToUpper(digits))
}

// String shows the serial number as tools do: upper-case pairs joined by colons.
func (s Serial) String() string { return colonPairs(string(s)) }

// MarshalText writes the notation of [Serial.String].
func (s Serial) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads any notation that [ParseSerial] reads; empty text is no serial number.
func (s *Serial) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = ""
		return nil
	}
	parsed, err := ParseSerial(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Contains tells whether part occurs in the serial number; colons, dashes, spaces and case do not matter. An empty part
// occurs in every serial number.
func (s Serial) Contains(part string) bool { return containsDigits([]byte(s), part) }

package pki

import (
	"bytes"
	"crypto/x509"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// looksLikeDER tells whether data is one ASN.1 SEQUENCE, whole.
func looksLikeDER(data []byte) bool {
	in := cryptobyte.String(data)
	var body cryptobyte.String
	return in.ReadASN1(&body, asn1.SEQUENCE) && in.Empty()
}

// errNotPEM names what a file is that has no PEM block, so that the person knows what to convert from what.
func errNotPEM(data []byte) *RuleError {
	e := &RuleError{Rule: RuleFormat}
	trimmed := bytes.TrimSpace(data)
	switch {
	case looksLikePFX(data):
		e.Text, e.Hint = "the file is a PFX (PKCS #12) container, not PEM", hintFromPFX
	case looksLikeDER(data):
		e.Text, e.Hint = "the file is in DER form, not PEM", hintFromDER
		if _, err := x509.ParseCertificate(data); err == nil {
			e.Text = "the file is a certificate in DER form, not PEM"
		} else if isDERKey(data) {
			e.Text, e.Hint = "the file is a private key in DER form, not PEM", hintKeyDER
		} else if isPKCS7(data) {
			e.Text, e.Hint = "the file is a PKCS #7 container in DER form, not PEM", "convert it: openssl pkcs7 -inform DER -in file.p7b -print_certs -out server.crt; then add the private key, which such a file never holds"
		}
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		e.Text, e.Hint = "the file is UTF-16 text, not PEM", "save it as UTF-8 or ASCII text"
	case bytes.HasPrefix(trimmed, []byte("<")):
		e.Text, e.Hint = "the file is an HTML or XML page, not PEM", "download the certificate file itself, not the page that shows it"
	case bytes.HasPrefix(trimmed, []byte("ssh-")), bytes.HasPrefix(trimmed, []byte("ecdsa-sha2-")):
		e.Text, e.Hint = "the file is an SSH public key, not PEM", hintNewKey
	case isPlainText(data):
		e.Text, e.Hint = "the file is plain text without any PEM block", "a PEM block begins with a line such as -----BEGIN CERTIFICATE-----; "+hintBuild
	default:
		e.Text, e.Hint = "the file is in an unknown binary form, not PEM", hintBuild
	}
	return e
}

// looksLikePFX tells whether data begins as a PFX does: SEQUENCE { INTEGER 3, SEQUENCE ... }, in DER or in BER of
// indefinite length.
func looksLikePFX(data []byte) bool {
	if len(data) < 4 || data[0] != 0x30 {
		return false
	}
	header := 2
	if data[1] > 0x80 {
		header += int(data[1] & 0x7f)
	}
	return len(data) > header+3 && bytes.Equal(data[header:header+4], []byte{2, 1, 3, 0x30})
}

func isDERKey(data []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(data); err == nil {
		return true
	}
	if _, err := x509.ParseECPrivateKey(data); err == nil {
		return true
	}
	_, err := x509.ParsePKCS1PrivateKey(data)
	return err == nil
}

var pkcs7Prefix = []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7}

func isPKCS7(data []byte) bool {
	in := cryptobyte.String(data)
	var body cryptobyte.String
	return in.ReadASN1(&body, asn1.SEQUENCE) && bytes.HasPrefix(body, pkcs7Prefix)
}

func isPlainText(data []byte) bool {
	return utf8.Valid(data) && !bytes.ContainsFunc(data, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f
	})
}

package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
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

// foreignForm is what a file turned out to be instead of what was wanted, and what to do about it where certificate
// and key are wanted (pair) or a certificate alone (certificate).
type foreignForm struct{ what, pair, certificate string }

// sniff names what a file is that has no PEM block, so that a person knows what to convert from what.
func sniff(data []byte) foreignForm {
	trimmed := bytes.TrimSpace(data)
	switch {
	case looksLikePFX(data):
		return foreignForm{"a PFX (PKCS #12) container", hintFromPFX, "take the certificate out: openssl pkcs12 -in file.pfx -nokeys -clcerts -out server.crt"}
	case looksLikeDER(data):
		return sniffDER(data)
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return foreignForm{"UTF-16 text", "save it as UTF-8 or ASCII text", "save it as UTF-8 or ASCII text"}
	case bytes.HasPrefix(trimmed, []byte("<")):
		const hint = "download the certificate file itself, not the page that shows it"
		return foreignForm{"an HTML or XML page", hint, hint}
	case bytes.HasPrefix(trimmed, []byte("ssh-")), bytes.HasPrefix(trimmed, []byte("ecdsa-sha2-")):
		return foreignForm{"an SSH public key", hintNewKey, hintDownload}
	case isPlainText(data):
		return foreignForm{"plain text without any PEM block", "a PEM block begins with a line such as -----BEGIN CERTIFICATE-----; " + hintBuild, hintDownload}
	}
	return foreignForm{"in an unknown binary form", hintBuild, hintDownload}
}

func sniffDER(data []byte) foreignForm {
	if _, err := x509.ParseCertificate(data); err == nil {
		return foreignForm{what: "a certificate in DER form", pair: hintFromDER}
	}
	if isDERKey(data) {
		return foreignForm{"a private key in DER form", hintKeyDER, hintDownload}
	}
	if isPKCS7(data) {
		const convert = "convert it: openssl pkcs7 -inform DER -in file.p7b -print_certs -out server.crt"
		return foreignForm{"a PKCS #7 container in DER form", convert + "; then add the private key, which such a file never holds", convert}
	}
	return foreignForm{"in DER form", hintFromDER, hintDownload}
}

func errNotPEM(data []byte) *RuleError {
	form := sniff(data)
	return &RuleError{Rule: RuleFormat, Text: "the file is " + form.what + ", not PEM", Hint: form.pair}
}

func errNotCertificate(data []byte, err error) *RuleError {
	form := sniff(data)
	return &RuleError{Rule: RuleFormat, Text: "the file is " + form.what + ", not a certificate", Hint: form.certificate, Err: err}
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

// isDERKey tells whether data has the shape of a private key, fit or not. It asks our own readers, which look at sizes
// before they calculate anything.
func isDERKey(data []byte) bool {
	for _, kind := range []string{blockPKCS8, blockSEC1, blockPKCS1} {
		key, err := parsePrivateKey(kind, data)
		if err == nil {
			wipePrivateKey(key)
		}
		if !errors.Is(err, &RuleError{Rule: RuleBadKey}) {
			return true
		}
	}
	return false
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

package pki

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"
)

// Types of PEM blocks (RFC 7468, RFC 1421, RFC 5915 and the habits of OpenSSL).
const (
	blockCertificate  = "CERTIFICATE"
	blockX509         = "X509 CERTIFICATE"
	blockPKCS8        = "PRIVATE KEY"
	blockPKCS1        = "RSA PRIVATE KEY"
	blockSEC1         = "EC PRIVATE KEY"
	blockECParameters = "EC PARAMETERS"
	blockEncrypted    = "ENCRYPTED PRIVATE KEY"
)

var pemBegin = []byte("-----BEGIN ")

// pemBlock is one decoded block. Its der is a buffer of its own, never part of the file.
type pemBlock struct {
	kind      string
	der       []byte
	encrypted bool // by RFC 1421 headers
	line      int  // where it begins, from 1
}

func (b *pemBlock) isCertificate() bool { return b.kind == blockCertificate || b.kind == blockX509 }

func (b *pemBlock) isKey() bool { return strings.HasSuffix(b.kind, blockPKCS8) }

type pemBlocks []pemBlock

// wipe overwrites the keys among the blocks.
func (blocks pemBlocks) wipe() {
	for i := range blocks {
		if !blocks[i].isCertificate() {
			clear(blocks[i].der[:cap(blocks[i].der)])
		}
	}
}

// readBlocks decodes a PEM file more strictly than encoding/pem, which silently skips what it cannot read: each BEGIN
// line must start a block that can be decoded, and only white space may follow the last block. Lines of text before
// and between blocks are allowed, because OpenSSL writes them ("Bag Attributes", "subject="). A byte order mark, CRLF
// and a missing last newline are fine.
func readBlocks(file []byte) (blocks pemBlocks, err error) {
	defer func() {
		if err != nil {
			blocks.wipe()
			blocks = nil
		}
	}()
	rest := bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(rest)) == 0 {
		return nil, &RuleError{Rule: RuleEmpty, Text: "the file is empty", Hint: hintBuild}
	}
	if !bytes.Contains(rest, pemBegin) {
		return nil, errNotPEM(rest)
	}
	line := 1
	for {
		begin, err := findBegin(rest, line)
		if err != nil {
			return blocks, err
		}
		if begin < 0 {
			break
		}
		line += bytes.Count(rest[:begin], []byte("\n"))
		rest = rest[begin:]
		size := blockSize(rest)
		if size < 0 {
			return blocks, errBlock(line)
		}
		block, after := pem.Decode(rest[:size])
		if block == nil || len(after) != 0 {
			return blocks, errBlock(line)
		}
		blocks = append(blocks, pemBlock{kind: block.Type, der: block.Bytes, line: line, encrypted: isEncrypted(block)})
		line += bytes.Count(rest[:size], []byte("\n"))
		rest = rest[size:]
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return blocks, errTrailing(line, "after the last block")
	}
	return blocks, nil
}

// findBegin returns where the next block begins, or -1. Everything before it must be text.
func findBegin(rest []byte, line int) (int, error) {
	at := 0
	for text := range bytes.Lines(rest) {
		if bytes.HasPrefix(bytes.TrimLeft(text, " \t"), []byte("-----")) {
			if !bytes.HasPrefix(text, pemBegin) {
				return 0, errBlock(line)
			}
			return at, nil
		}
		for _, c := range bytes.TrimRight(text, "\r\n") {
			if c < ' ' && c != '\t' || c == 0x7f {
				return 0, errTrailing(line, "outside of the blocks")
			}
		}
		at += len(text)
		line++
	}
	return -1, nil
}

// blockSize measures the block at the start of rest, up to the end of its END line; -1 when it has none.
func blockSize(rest []byte) int {
	size := 0
	var end []byte
	for text := range bytes.Lines(rest) {
		size += len(text)
		text = bytes.TrimRight(text, " \t\r\n")
		switch {
		case end == nil:
			kind, ok := bytes.CutSuffix(bytes.TrimPrefix(text, pemBegin), []byte("-----"))
			if !ok {
				return -1
			}
			end = fmt.Appendf(nil, "-----END %s-----", kind)
		case bytes.Equal(text, end):
			return size
		case bytes.HasPrefix(bytes.TrimLeft(text, " \t"), []byte("-----")):
			return -1
		}
	}
	return -1
}

func isEncrypted(block *pem.Block) bool {
	return strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") || block.Headers["DEK-Info"] != ""
}

// onlyCertificate returns the DER of the single certificate in a file that should hold nothing else.
func (blocks pemBlocks) onlyCertificate() ([]byte, error) {
	var der []byte
	for i := range blocks {
		b := &blocks[i]
		switch {
		case b.isCertificate() && der == nil:
			der = b.der
		case b.isCertificate():
			return nil, &RuleError{Rule: RuleManyCertificates, Text: "the text holds more than one certificate",
				Hint: "give the server's own certificate alone, without its issuers"}
		case b.isKey():
			return nil, &RuleError{Rule: RuleUnwantedKey, Text: "the text holds a private key, where only a certificate is wanted",
				Hint: "keep the key on its server; take the certificate alone: openssl x509 -in kata.pem -out server.crt"}
		default:
			return nil, errKind(b)
		}
	}
	if der == nil {
		return nil, errNoCertificate()
	}
	return der, nil
}

func errBlock(line int) *RuleError {
	return &RuleError{Rule: RuleBlock, Text: fmt.Sprintf("the PEM block at line %d is damaged: cut off, indented or not base64", line), Hint: hintReexport}
}

func errTrailing(line int, where string) *RuleError {
	return &RuleError{Rule: RuleTrailing, Text: fmt.Sprintf("something that is not PEM stands %s, at line %d", where, line), Hint: hintReexport}
}

func errNoCertificate() *RuleError {
	return &RuleError{Rule: RuleNoCertificate, Text: "the file holds no certificate", Hint: hintBuild}
}

// errKind refuses a well-formed block that has no business in the file.
func errKind(b *pemBlock) *RuleError {
	e := &RuleError{Rule: RuleBlock, Text: fmt.Sprintf("the PEM block at line %d is a %q, which is not wanted here", b.line, cutText(b.kind, 40))}
	switch b.kind {
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		e.Text = fmt.Sprintf("the PEM block at line %d is a certificate request, not a certificate", b.line)
		e.Hint = "send the request to your certificate authority and use the certificate it returns"
	case "TRUSTED CERTIFICATE":
		e.Hint = "convert it: openssl x509 -in server.crt -out plain.crt"
	case "PKCS7", "CMS":
		e.Rule, e.Hint = RuleFormat, hintPKCS7
		e.Text = "the file is a PKCS #7 container, not a certificate and key in PEM form"
	case "OPENSSH PRIVATE KEY", "DSA PRIVATE KEY":
		e.Rule, e.Hint = RuleKeyAlgorithm, hintNewKey
		e.Text = fmt.Sprintf("the key at line %d is a %s; RSA, ECDSA or Ed25519 in PEM form is needed", b.line, strings.ToLower(b.kind))
	default:
		e.Hint = "leave only the certificate, its chain and the key in the file"
	}
	return e
}

// cutText bounds foreign text in a message.
func cutText(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}

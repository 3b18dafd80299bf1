package pki

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rule names one demand on an uploaded file. The word is stable: interfaces, tests and documents rely on it.
type Rule string

// The rules, in the order in which ParsePair checks them.
const (
	RuleSize             Rule = "file_too_large"           // over MaxFileSize
	RuleEmpty            Rule = "file_empty"               // nothing in it
	RuleFormat           Rule = "not_pem"                  // DER, PFX, PKCS #7, HTML, plain text or something else
	RuleBlock            Rule = "bad_pem_block"            // a block that cannot be decoded, or is not expected here
	RuleTrailing         Rule = "trailing_data"            // something else than PEM blocks and text before them
	RuleNoCertificate    Rule = "no_certificate"           // keys at most
	RuleManyCertificates Rule = "too_many_certificates"    // a chain beyond reason, or several where one is wanted
	RuleNoKey            Rule = "no_private_key"           // certificates only
	RuleSeveralKeys      Rule = "several_private_keys"     // more than one, even if they are equal
	RuleEncryptedKey     Rule = "encrypted_private_key"    // the key needs a passphrase
	RuleBadKey           Rule = "bad_private_key"          // it cannot be parsed
	RuleKeyAlgorithm     Rule = "key_algorithm"            // neither RSA nor ECDSA nor Ed25519
	RuleKeyTooShort      Rule = "key_too_short"            // RSA below 2048 bits
	RuleKeyTooLong       Rule = "key_too_long"             // RSA above 8192 bits
	RuleCurve            Rule = "curve_too_weak"           // not P-256, P-384 or P-521
	RuleBadCertificate   Rule = "bad_certificate"          // it cannot be parsed
	RuleLeafSize         Rule = "certificate_too_large"    // a leaf over MaxLeafSize
	RuleKeyMismatch      Rule = "key_mismatch"             // the key belongs to none of the certificates
	RuleLeafOrder        Rule = "certificate_not_first"    // the key belongs to a later certificate
	RuleAmbiguous        Rule = "several_certificates_fit" // the key belongs to more than one certificate
	RuleUnwantedKey      Rule = "private_key_not_wanted"   // a key where only a certificate is asked for
	RuleKeyFile          Rule = "key_file_exposed"         // others can read the file that holds a key
	RuleNames            Rule = "bad_name"                 // a name that cannot stand in a certificate
)

// RuleError is one broken rule, told to a person. Text says what is wrong, Hint what to do next; neither ever holds
// any part of a key.
type RuleError struct {
	Rule Rule
	Text string
	Hint string // may be empty
	Err  error  // cause for the log; may be nil
}

func (e *RuleError) Error() string { return e.Text }

func (e *RuleError) Unwrap() error { return e.Err }

// Is matches a *RuleError with the same Rule and no text, so that errors.Is(err, &RuleError{Rule: RuleNoKey}) works.
func (e *RuleError) Is(target error) bool {
	t, ok := target.(*RuleError)
	return ok && t.Rule == e.Rule && t.Text == ""
}

// RuleErrors are several rules that one file breaks, in the order in which they are checked. errors.As and errors.Is
// find each of them.
type RuleErrors []*RuleError

func (e RuleErrors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Text
	}
	return strings.Join(texts, "; ")
}

func (e RuleErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// maxRuleErrors bounds what is said about one file.
const maxRuleErrors = 16

// add notes a broken rule, once. Nil is none.
func (e *RuleErrors) add(err error) {
	if err == nil || len(*e) == maxRuleErrors {
		return
	}
	var broken *RuleError
	if !errors.As(err, &broken) {
		broken = &RuleError{Rule: RuleBlock, Text: err.Error(), Hint: hintReexport, Err: err}
	}
	for _, one := range *e {
		if one.Rule == broken.Rule && one.Text == broken.Text {
			return
		}
	}
	*e = append(*e, broken)
}

func (e RuleErrors) has(rule Rule) bool {
	return slices.ContainsFunc(e, func(one *RuleError) bool { return one.Rule == rule })
}

func (e RuleErrors) first() error {
	if len(e) == 0 {
		return nil
	}
	return e[0]
}

// err is nil, the one, or all of them.
func (e RuleErrors) err() error {
	switch len(e) {
	case 0:
		return nil
	case 1:
		return e[0]
	}
	return e
}

const (
	hintBuild     = "put both into one file: cat server.crt server.key > kata.pem"
	hintNewKey    = "make a new key and certificate: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1825 -subj /CN=server.example.com -addext subjectAltName=DNS:server.example.com -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.crt"
	hintDecrypt   = "remove the passphrase first: openssl pkey -in server.key -out plain.key"
	hintReexport  = "write the file anew from its sources: openssl x509 -in server.crt > kata.pem; openssl pkey -in server.key >> kata.pem"
	hintFromPFX   = "convert it: openssl pkcs12 -in file.pfx -nodes -out kata.pem"
	hintFromDER   = "convert it: openssl x509 -inform DER -in file.cer -out server.crt; then add the key in PEM form"
	hintKeyDER    = "convert it: openssl pkey -inform DER -in file.key -out server.key; then put certificate and key into one file"
	hintPKCS7     = "take the certificates out: openssl pkcs7 -in file.p7b -print_certs -out server.crt; then add the private key, which such a file never holds"
	hintTraceKey  = "find the key that the certificate was made with; compare: openssl x509 -noout -pubkey -in server.crt and openssl pkey -pubout -in server.key"
	hintOneKey    = "leave only the server's own key in the file"
	hintDownload  = "download the server's certificate again and give that file: it begins with -----BEGIN CERTIFICATE-----"
	hintOneRecord = "keep one certificate, the newest, and its key in the file"
)

func errTooLarge(size int) *RuleError {
	return &RuleError{Rule: RuleSize, Text: fmt.Sprintf("the file is too large: it has %d bytes, at most %d KiB are taken", size, MaxFileSize>>10),
		Hint: "leave only the certificate, its chain and the key in the file"}
}

func errLeafSize(size int) *RuleError {
	return &RuleError{Rule: RuleLeafSize, Text: fmt.Sprintf("the certificate has %d octets, at most %d are allowed", size, MaxLeafSize),
		Hint: "make a certificate with fewer names and extensions"}
}

func errShortRSA(bits int) *RuleError {
	return &RuleError{Rule: RuleKeyTooShort, Text: fmt.Sprintf("the RSA key has %d bits, at least %d are needed", bits, minRSABits), Hint: hintNewKey}
}

func errLongRSA(bits int) *RuleError {
	return &RuleError{Rule: RuleKeyTooLong, Text: fmt.Sprintf("the RSA key has %d bits, at most %d are allowed", bits, maxRSABits), Hint: hintNewKey}
}

func errWeakCurve(name string) *RuleError {
	return &RuleError{Rule: RuleCurve, Text: fmt.Sprintf("the key is on curve %s; P-256, P-384 or P-521 is needed", name), Hint: hintNewKey}
}

func errKeyAlgorithm(what string) *RuleError {
	return &RuleError{Rule: RuleKeyAlgorithm, Text: what + " is of an unsupported kind; RSA, ECDSA or Ed25519 is needed", Hint: hintNewKey}
}

func errBadCertificate(place int, err error) *RuleError {
	return &RuleError{Rule: RuleBadCertificate, Text: fmt.Sprintf("certificate %d of the file cannot be read", place), Hint: hintReexport, Err: err}
}

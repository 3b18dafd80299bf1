package servercert

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/foreign"
	"vedette/pki"
)

// doubts say what keeps no rule from being satisfied and yet is seldom meant:
// whoever pins the certificate does not mind, browsers and external systems that
// check names and purposes do.
func doubts(p *pki.Pair) []string {
	leaf := p.Leaf()
	var out []string
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 {
		out = append(out, "It has no name and no address (subject alternative name): browsers and external systems that check names refuse it.")
	}
	if leaf.IsCA {
		out = append(out, "It is the certificate of a certification authority, not of a server: some programs refuse it.")
	}
	if purposes := leaf.ExtKeyUsage; len(purposes)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(purposes, x509.ExtKeyUsageServerAuth) && !slices.Contains(purposes, x509.ExtKeyUsageAny) {
		out = append(out, "It is not made for servers (extended key usage): browsers and external systems that check the purpose refuse it.")
	}
	child := leaf
	for i, der := range p.Chain()[1:] {
		parent, err := x509.ParseCertificate(der)
		if err != nil {
			break // the rule has read it
		}
		if child.CheckSignatureFrom(parent) != nil {
			out = append(out, fmt.Sprintf("Certificate %d of the file (%s) did not issue the one before it: it is shown to whoever connects, and proves nothing.", i+2, foreign.Line(parent.Subject.String())))
		}
		child = parent
	}
	return out
}

// lost are the names that a certificate does not answer to.
func lost(names []string, next *x509.Certificate) (out []string) {
	for _, n := range names {
		same := func(other string) bool { return strings.EqualFold(other, n) }
		if !slices.ContainsFunc(next.DNSNames, same) && next.VerifyHostname(n) != nil {
			out = append(out, n)
		}
	}
	return out
}

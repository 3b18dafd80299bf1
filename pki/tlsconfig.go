package pki

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// maxPeerChain bounds how many certificates a peer may show. Only the first counts; the others cost parsing.
const maxPeerChain = 10

// ServerConfig is the TLS configuration of every listener: TLS 1.2 or newer, a client certificate asked for and never
// verified against anything but CheckLeaf, no session tickets (a resumed session would carry an identity past its
// withdrawal), the certificate taken from src at each handshake. Key exchange groups and ciphers are Go's defaults.
//
// The identity of a connection is ConnectionState().PeerCertificates[0], whose key the peer has proved to hold, or
// nothing. The configuration must not be cloned: a clone shares session state.
func ServerConfig(src Source, alpn ...string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             slices.Clone(alpn),
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := src.Current(); c != nil {
				return c, nil
			}
			return nil, ErrNoCertificate
		},
		VerifyConnection: checkPeer,
	}
}

// checkPeer refuses peers whose certificates are too costly or too weak to go on with. No certificate is fine.
func checkPeer(cs tls.ConnectionState) error {
	switch n := len(cs.PeerCertificates); {
	case n == 0:
		return nil
	case n > maxPeerChain:
		return fmt.Errorf("peer showed %d certificates, at most %d are allowed", n, maxPeerChain)
	}
	return CheckLeaf(cs.PeerCertificates[0])
}

// ClientConfig is the TLS configuration of every client: TLS 1.2 or newer, the server's leaf judged by pins alone on
// each connection, no chain, no name, no dates. A nil pins refuses every server. The client certificate, where one is
// given, is shown to every server that asks.
func ClientConfig(pins PinCheck, client *tls.Certificate) *tls.Config {
	if pins == nil {
		pins = PinTo()
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the pin in VerifyConnection replaces the chain, and runs on resumed sessions too
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return pins(Fingerprint{})
			}
			leaf := cs.PeerCertificates[0]
			err := pins(FingerprintOf(leaf.Raw))
			if mismatch := (*PinMismatch)(nil); errors.As(err, &mismatch) && mismatch.Cert == nil {
				return &PinMismatch{Expected: mismatch.Expected, Met: mismatch.Met, Cert: leaf}
			}
			return err
		},
	}
	if client != nil {
		// Not Certificates: those are held back when they do not suit the server's list of CAs, which means nothing here.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	return cfg
}

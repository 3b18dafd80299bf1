package uplink

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"vedette/pki"
)

// ProbeError is why no certificate could be met at an address, for a person.
type ProbeError struct {
	Text, Hint string
	Err        error // the cause, for logs
}

func (e *ProbeError) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *ProbeError) Unwrap() error { return e.Err }

// probeTime is how long a person waits for a server that says nothing.
const probeTime = 5 * time.Second

// Probe meets the server at host:port as a Sensor would, and returns the
// certificate that it shows, whatever it is: a person has to compare it. No
// identity is shown to it and nothing is sent. An error is a *ProbeError.
func Probe(ctx context.Context, address string) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := lookup(resolve).dial(ctx, nil, address, func(pki.Fingerprint) error { return nil }, nil)
	if err != nil {
		f := explain(address, err)
		return nil, &ProbeError{Text: f.detail, Hint: f.next, Err: fmt.Errorf("probe %s: %w", address, err)}
	}
	leaf := conn.ConnectionState().PeerCertificates[0] // TLS 1.3 demands one of every server
	_ = conn.NetConn().Close()                         // nothing was sent to it
	return leaf, nil
}

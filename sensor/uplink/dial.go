package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"vedette/pki"
	"vedette/proto/link"
)

// errNoLink is a server that is what it should be, or not, but speaks no
// Sensor link.
var errNoLink = errors.New("the server speaks TLS 1.3 and no Sensor link")

// handshakeError tells a failed TLS handshake from a failed dial.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// dial connects to a Central Node and finishes TLS. All addresses of a name are
// tried. The caller gives ctx its deadline.
func dial(ctx context.Context, address string, check pki.PinCheck, client *tls.Certificate) (*tls.Conn, error) {
	// TCP's own keep-alives would add nothing: the link asks each lane every 5 s.
	dialer := net.Dialer{KeepAlive: -1}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	config := pki.ClientConfig(check, client)
	config.MinVersion = tls.VersionTLS13
	config.NextProtos = []string{link.ALPN}
	// The link makes records of the size that it wants.
	config.DynamicRecordSizingDisabled = true
	conn := tls.Client(link.NewWhole(raw), config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // nothing more is said to it
		return nil, &handshakeError{err}
	}
	if conn.ConnectionState().NegotiatedProtocol != link.ALPN {
		_ = raw.Close() // nothing was sent to it
		return nil, errNoLink
	}
	return conn, nil
}

// met is the certificate that the server of a connection showed.
func met(conn *tls.Conn) pki.Fingerprint {
	certs := conn.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return pki.Fingerprint{}
	}
	return pki.FingerprintOf(certs[0].Raw)
}

// dialPinned connects to the Central Node of a turn under its present pins, and
// notes which of them it met.
func (u *Uplink) dialPinned(ctx context.Context, t *turn, address string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, u.times.dial, errTimeout)
	defer cancel()
	conn, err := dial(ctx, address, t.pins().check(), &u.shown)
	if err != nil {
		if errors.Is(context.Cause(ctx), errTimeout) {
			err = fmt.Errorf("%w: %w", errTimeout, err)
		}
		return nil, err
	}
	t.meet(met(conn))
	return conn, nil
}

package door

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"sync/atomic"

	"vedette/pki"
)

// Conn is one connection after its handshake.
type Conn struct {
	*tls.Conn
	// Remote is the caller's address.
	Remote netip.AddrPort
	// Certificate is the leaf that the caller proved to hold the key of, nil
	// when it showed none.
	Certificate *x509.Certificate
	// Leaf is its fingerprint, zero when there is none.
	Leaf pki.Fingerprint
	// Number tells connections apart; numbers are not used again.
	Number uint64

	raw      *noticing
	admitted atomic.Bool
	admit    func() bool
	outdated func() bool
	Ending
}

func newConn(secured *tls.Conn, raw *noticing, remote netip.AddrPort, number uint64) *Conn {
	c := &Conn{Conn: secured, raw: raw, Remote: remote, Number: number}
	if certs := secured.ConnectionState().PeerCertificates; len(certs) > 0 {
		c.Certificate = certs[0]
		c.Leaf = pki.FingerprintOf(certs[0].Raw)
	}
	return c
}

// Admit moves the connection out of the strangers' places. False means that as
// many as may be are let in.
func (c *Conn) Admit() bool {
	if c.admitted.Load() {
		return true
	}
	if !c.admit() {
		return false
	}
	c.admitted.Store(true)
	return true
}

// Admitted reports whether the connection was let in.
func (c *Conn) Admitted() bool { return c.admitted.Load() }

// Outdated reports whether the connection came before the last NewEpoch of its
// listener.
func (c *Conn) Outdated() bool { return c.outdated() }

// ForgetCertificate gives back the memory of the certificate, a tenth of what
// an idle connection takes. Leaf stays.
func (c *Conn) ForgetCertificate() {
	c.Certificate = nil
	// crypto/tls keeps the chain as long as the connection, and gives out its own
	// slice of it. It needs the chain for nothing after the handshake.
	clear(c.ConnectionState().PeerCertificates)
}

// Close ends the connection in order.
func (c *Conn) Close() error {
	c.End()
	return c.Conn.Close()
}

// Cut ends the connection at once: what was not read is never read, what was
// not sent is not sent, and there is no close_notify.
func (c *Conn) Cut() {
	c.End()
	if tcp, ok := c.raw.Conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // it only makes the end a reset instead of a FIN
	}
	_ = c.raw.Close() // it is being thrown away
}

// Truncated reports, after a Read gave io.EOF, that the peer's TCP ended
// without a close_notify: what came may be only a part. crypto/tls tells the
// two apart only inside a record.
func (c *Conn) Truncated() bool { return c.raw.ended.Load() }

// NetConn is the connection underneath, for socket options.
func (c *Conn) NetConn() net.Conn { return c.raw.Conn }

// noticing is a raw connection that remembers that its peer's TCP ended.
// After a close_notify crypto/tls reads no further, so it stays unset then.
type noticing struct {
	net.Conn
	ended atomic.Bool
}

func (n *noticing) Read(p []byte) (int, error) {
	read, err := n.Conn.Read(p)
	if err == io.EOF {
		n.ended.Store(true)
	}
	return read, err
}

var _ net.Conn = (*Conn)(nil)

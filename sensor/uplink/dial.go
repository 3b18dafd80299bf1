package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"vedette/internal/socket"
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

// lookup gives the addresses of a host name, the preferred ones first.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// resolve asks the server's name service.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

const (
	// maxAddresses of one name are tried.
	maxAddresses = 8
	// nextAddress is how long an address has before the next one is tried beside
	// it, as RFC 8305 has it for TCP alone: a good one has finished TLS by then.
	nextAddress = time.Second
)

// dial connects to a Central Node and finishes TLS. All addresses of a name are
// tried, each when the one before has failed or lets wait, and the first that
// finishes TLS is taken: one that is silent, or is another server's, does not
// hide a good one. The caller gives ctx its deadline.
func (l lookup) dial(ctx context.Context, w *ways, address string, check pki.PinCheck, client *tls.Certificate) (*tls.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address of the Central Node: %w", err)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return dialOne(ctx, w, address, check, client)
	}
	ips, err := l(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	ips = ips[:min(len(ips), maxAddresses)]
	race := race{results: make(chan finish, len(ips)), errs: make([]error, len(ips))}
	return race.run(ctx, len(ips), func(ctx context.Context, i int) (*tls.Conn, error) {
		return dialOne(ctx, w, net.JoinHostPort(ips[i].Unmap().String(), port), check, client)
	})
}

// race is between the addresses of a name.
type race struct {
	running int
	results chan finish
	errs    []error // by address
}

// finish is what came of one address.
type finish struct {
	i    int
	conn *tls.Conn
	err  error
}

func (r *race) run(ctx context.Context, n int, dial func(context.Context, int) (*tls.Conn, error)) (*tls.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for ; r.running > 0; r.running-- {
			if late := <-r.results; late.err == nil {
				_ = late.conn.NetConn().Close() // nothing was sent to it
			}
		}
	}()
	patience := time.NewTimer(nextAddress)
	defer patience.Stop()
	for next := 0; next < n || r.running > 0; {
		if next < n {
			r.running++
			go func(i int) {
				conn, err := dial(ctx, i)
				r.results <- finish{i, conn, err}
			}(next)
			next++
			patience.Reset(nextAddress)
		}
		for waiting := true; waiting && r.running > 0; {
			select {
			case f := <-r.results:
				r.running--
				if f.err == nil {
					return f.conn, nil
				}
				r.errs[f.i] = f.err
				waiting = next == n
			case <-patience.C:
				waiting = next == n
			}
		}
	}
	return nil, worst(r.errs)
}

// worst is what a person has to know first when no address is good: that a
// server showed another certificate, else what came of the preferred address.
func worst(errs []error) error {
	var mismatch *pki.PinMismatch
	for _, err := range errs {
		if errors.As(err, &mismatch) {
			return err
		}
	}
	return errs[0]
}

// dialOne connects to one address and finishes TLS, with smaller segments when
// large packets vanish on the way.
func dialOne(ctx context.Context, w *ways, address string, check pki.PinCheck, client *tls.Certificate) (*tls.Conn, error) {
	for step := w.first(address); ; step++ {
		conn, err := connect(ctx, segmentSizes[step], address, check, client)
		if err == nil {
			w.passed(address, step)
		}
		if !errors.Is(err, errSwallowed) || step == len(segmentSizes)-1 {
			return conn, err
		}
	}
}

// connect connects with segments of a size, 0 for any, and finishes TLS.
func connect(ctx context.Context, size int, address string, check pki.PinCheck, client *tls.Certificate) (*tls.Conn, error) {
	// TCP's own keep-alives would add nothing: the link asks each lane every 5 s.
	dialer := net.Dialer{KeepAlive: -1, Control: link.Clamp(size)}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	config := pki.ClientConfig(check, client)
	config.MinVersion = tls.VersionTLS13
	config.NextProtos = []string{link.ALPN}
	// The link makes records of the size that it wants.
	config.DynamicRecordSizingDisabled = true
	conn := tls.Client(link.NewWhole(socket.Quick(raw)), config)
	if err := shake(ctx, conn); err != nil {
		_ = raw.Close() // nothing more is said to it
		return nil, &handshakeError{err}
	}
	if conn.ConnectionState().NegotiatedProtocol != link.ALPN {
		_ = raw.Close() // nothing was sent to it
		return nil, errNoLink
	}
	return conn, nil
}

// shake finishes TLS, or finds that large packets vanish on the way.
func shake(ctx context.Context, conn *tls.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if swallowed(ctx, conn) {
			cancel(errSwallowed)
		}
	})
	defer watching.Wait()
	defer cancel(nil)
	err := conn.HandshakeContext(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errSwallowed) {
		return errSwallowed
	}
	return err
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
	conn, err := u.lookup.dial(ctx, u.ways, address, t.pins().check(), &u.shown)
	if err != nil {
		if errors.Is(context.Cause(ctx), errTimeout) {
			err = fmt.Errorf("%w: %w", errTimeout, err)
		}
		return nil, err
	}
	t.meet(met(conn))
	return conn, nil
}

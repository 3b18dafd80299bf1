package uplink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"vedette/pki"
	"vedette/proto/problem"
)

// Bounds on what a server may answer.
const (
	MaxHeader = 16 << 10
	MaxBody   = 64 << 10
	maxInfo   = 4 // informational answers before the real one
)

// minUpload is the least rate at which a request must leave, on top of the timeout.
const minUpload = 32 << 10 // bytes per second

// Transport is an http.RoundTripper over one kept connection to one server. It
// has no goroutines of its own: ten thousand idle ones cost their connections
// and nothing else. Calls run one after the other.
type Transport struct {
	address string
	tls     *tls.Config
	timeout time.Duration
	dial    func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	conn  *tls.Conn
	raw   net.Conn
	met   pki.Fingerprint // leaf of the present connection
	dials uint64
}

// NewTransport makes a transport to host:port. The timeout bounds connecting,
// and then the answer to each request.
func NewTransport(address string, config *tls.Config, timeout time.Duration) *Transport {
	config.NextProtos = []string{"http/1.1"}
	return &Transport{address: address, tls: config, timeout: timeout, dial: (&net.Dialer{}).DialContext}
}

// Met is the leaf that the server of the present or last connection showed.
func (t *Transport) Met() pki.Fingerprint {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.met
}

// Dials is how many connections were made.
func (t *Transport) Dials() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dials
}

// Connected reports whether a connection is kept. The server may have ended it.
func (t *Transport) Connected() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn != nil
}

// Close ends the connection. The transport can be used again.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop()
}

func (t *Transport) drop() {
	if t.raw != nil {
		// Not the TLS connection: its farewell could wait for a dead peer.
		_ = t.raw.Close()
	}
	t.conn, t.raw = nil, nil
}

// RoundTrip sends one request and reads the whole answer, over a new connection
// when there is none or the server has ended it. A connection that is cut later
// is an error, however little came back: those who are cut together must not
// all come back at once, so whoever calls waits first.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if t.conn != nil && t.ended() {
		t.drop()
	}
	res, err := t.try(r, body)
	refusal := (*Refusal)(nil)
	if err != nil && (!errors.As(err, &refusal) || refusal.Close) {
		t.drop()
	}
	return res, err
}

// ended looks, without waiting, whether the server ended the idle connection or
// said something unasked, which ends it too.
func (t *Transport) ended() bool {
	sc, ok := t.raw.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	quiet := false
	if err == nil {
		err = rc.Control(func(fd uintptr) { quiet = isQuiet(fd) })
	}
	return err != nil || !quiet
}

// isQuiet reports whether there is nothing to read, not even an end. Nothing is
// taken off the connection.
func isQuiet(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	return body, errors.Join(err, r.Body.Close())
}

func (t *Transport) try(r *http.Request, body []byte) (res *http.Response, err error) {
	ctx := r.Context()
	if t.conn == nil {
		if err := t.connect(ctx); err != nil {
			return nil, err
		}
	}
	conn := t.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			// The deadline may still strike: this connection is of no further use.
			t.drop()
		}
	}()
	now := time.Now()
	if err := conn.SetDeadline(now.Add(t.timeout + time.Duration(len(body))*time.Second/minUpload)); err != nil {
		return nil, err
	}
	if err := t.write(conn, r, body); err != nil {
		if said := t.early(conn, r, err); said != nil {
			return nil, said
		}
		return nil, wrapContext(ctx, fmt.Errorf("send request: %w", err))
	}
	if err := conn.SetDeadline(time.Now().Add(t.timeout)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	res, err = t.read(conn, r)
	refusal := (*Refusal)(nil)
	switch {
	case errors.As(err, &refusal):
	case err != nil:
		return nil, wrapContext(ctx, fmt.Errorf("read answer: %w", err))
	case res.Close:
		t.drop()
		return res, nil
	}
	if conn.SetDeadline(time.Time{}) != nil {
		t.drop() // closed already; the answer is whole
	}
	return res, err
}

// early looks for the refusal or the TLS alert of a server that closed before it
// had the whole request: they say more than the broken connection. Any other
// answer to half a request is worth nothing.
func (t *Transport) early(conn net.Conn, r *http.Request, cause error) error {
	if !isReset(cause) {
		return nil
	}
	_, err := t.read(conn, r)
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		refusal.Close = true
		return refusal
	}
	if remoteAlert(err) != nil {
		return err
	}
	return nil
}

func wrapContext(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (t *Transport) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	t.dials++
	raw, err := t.dial(ctx, "tcp", t.address)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, t.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return &handshakeError{err}
	}
	t.conn, t.raw = conn, raw
	t.met = pki.Fingerprint{}
	if certs := conn.ConnectionState().PeerCertificates; len(certs) > 0 {
		t.met = pki.FingerprintOf(certs[0].Raw)
	}
	return nil
}

// handshakeError tells a failed TLS handshake from a failed dial.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

func (t *Transport) write(conn net.Conn, r *http.Request, body []byte) error {
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.TransferEncoding = nil
	// Answers are small, there is nothing to gain.
	out.Header.Set("Accept-Encoding", "identity")
	// One write, one or few TLS records.
	var b bytes.Buffer
	b.Grow(len(body) + 1024)
	if err := out.Write(&b); err != nil {
		return err
	}
	_, err := conn.Write(b.Bytes())
	return err
}

func (t *Transport) read(conn net.Conn, r *http.Request) (*http.Response, error) {
	// The buffer is made for each answer, so that an idle connection holds none.
	limited := &io.LimitedReader{R: conn, N: MaxHeader}
	br := bufio.NewReaderSize(limited, 2048)
	for range maxInfo {
		res, err := http.ReadResponse(br, r)
		answered := limited.N < MaxHeader
		if err != nil {
			if limited.N <= 0 {
				err = fmt.Errorf("%w: headers of more than %d bytes", errBadAnswer, MaxHeader)
			} else if answered && !isTimeout(err) && !isReset(err) {
				err = fmt.Errorf("%w: %w", errBadAnswer, err)
			}
			return nil, err
		}
		if res.StatusCode < 200 {
			if res.StatusCode == http.StatusSwitchingProtocols {
				return nil, fmt.Errorf("%w: it wants another protocol", errBadAnswer)
			}
			continue
		}
		return t.finish(res, limited, br)
	}
	return nil, fmt.Errorf("%w: too many informational answers", errBadAnswer)
}

// finish reads the body, so that nothing of the answer is left on the way.
func (t *Transport) finish(res *http.Response, limited *io.LimitedReader, br *bufio.Reader) (*http.Response, error) {
	if e := res.Header.Get("Content-Encoding"); e != "" && e != "identity" && e != res.Request.Header.Get("Content-Encoding") {
		return nil, fmt.Errorf("%w: it is compressed, which was not asked for", errBadAnswer)
	}
	if res.ContentLength > MaxBody {
		return nil, fmt.Errorf("%w: a body of %d bytes", errBadAnswer, res.ContentLength)
	}
	limited.N = MaxBody + MaxHeader // chunk sizes and trailers count too
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	if err == nil && len(body) > MaxBody || limited.N <= 0 {
		err = fmt.Errorf("%w: a body of more than %d bytes", errBadAnswer, MaxBody)
	}
	if err != nil {
		if !isTimeout(err) && !isReset(err) && !errors.Is(err, errBadAnswer) {
			err = fmt.Errorf("%w: %w", errBadAnswer, err)
		}
		return nil, err
	}
	_ = res.Body.Close() // all of it is read
	if br.Buffered() > 0 {
		res.Close = true // it said more than it was asked
	}
	res.Body, res.ContentLength, res.TransferEncoding, res.Uncompressed = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil, false
	if p, ok := problem.Read(res); ok {
		// Connect would throw the code away.
		return nil, &Refusal{Problem: p, Close: res.Close, Header: res.Header}
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// Refusal is a problem body that a server answered with.
type Refusal struct {
	Problem *problem.Problem
	Close   bool // the server ends the connection
	Header  http.Header
}

func (r *Refusal) Error() string { return r.Problem.Error() }

// AwaitClose returns nil when the server ends the idle connection, or says
// something unasked, which ends it too. It returns the context's error when
// that ends first; without a connection it waits for that. It must not run
// beside calls.
func (t *Transport) AwaitClose(ctx context.Context) error {
	t.mu.Lock()
	raw := t.raw
	t.mu.Unlock()
	sc, ok := raw.(syscall.Conn)
	if !ok {
		<-ctx.Done()
		return ctx.Err()
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil // closed
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetReadDeadline(time.Unix(1, 0)) })
	// Parked without a buffer: nothing is taken off the connection.
	_ = rc.Read(func(fd uintptr) bool { return !isQuiet(fd) })
	if !stop() {
		_ = raw.SetReadDeadline(time.Time{})
		return ctx.Err()
	}
	return nil
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func isReset(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

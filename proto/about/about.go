package about

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ALPN names the protocol in the TLS handshake, and its version.
const ALPN = "vedette-about/1"

// Timeout bounds a whole exchange, on either side.
const Timeout = 5 * time.Second

// Roles of a server.
const (
	RoleCentralNode = "central-node"
	RoleSensor      = "sensor"
)

// What a fingerprint is at a server.
const (
	PinUnknown     = ""
	PinOwn         = "own"          // of the server's own certificate
	PinCentralNode = "central-node" // asked at a Sensor: of its Central Node's certificate
	PinSensor      = "sensor"       // asked at a Central Node: of the server certificate of one of its Sensors
)

// Answer is what a server says about itself.
type Answer struct {
	Role string // RoleCentralNode or RoleSensor
	Pin  string // what the asked fingerprint is here: PinOwn, PinCentralNode, PinSensor or PinUnknown
}

// ErrNotSpoken means that the server does not speak this protocol.
var ErrNotSpoken = errors.New("the server does not speak " + ALPN)

// Serve reads one question, answers it and returns; closing is the caller's. It takes at most Timeout, reads nothing
// beyond the question, and leaves its deadline on the connection. Zeros ask for the role alone: of them the answer
// says PinUnknown, whatever the function says.
func Serve(conn net.Conn, answer func(asked [32]byte) Answer) error {
	if err := conn.SetDeadline(time.Now().Add(Timeout)); err != nil {
		return err
	}
	var b [questionSize]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return fmt.Errorf("read question: %w", err)
	}
	asked, err := decodeQuestion(b[:])
	if err != nil {
		return err
	}
	a := answer(asked)
	if asked == ([32]byte{}) {
		a.Pin = PinUnknown
	}
	out, err := a.append(nil)
	if err != nil {
		return err
	}
	if _, err := conn.Write(out); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// Ask asks once, within Timeout and the context. Of a TLS connection it does the handshake where that is still to be
// done, and returns ErrNotSpoken unless ALPN was chosen there; closing is the caller's. No Answer may be trusted for
// more than a hint.
func Ask(ctx context.Context, conn net.Conn, pin [32]byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a, err := ask(ctx, conn, pin)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return a, err
}

func ask(ctx context.Context, conn net.Conn, pin [32]byte) (Answer, error) {
	if c, ok := conn.(*tls.Conn); ok {
		if err := c.HandshakeContext(ctx); err != nil {
			return Answer{}, err
		}
		if c.ConnectionState().NegotiatedProtocol != ALPN {
			return Answer{}, ErrNotSpoken
		}
	}
	if _, err := conn.Write(appendQuestion(nil, pin)); err != nil {
		return Answer{}, fmt.Errorf("write question: %w", err)
	}
	var b [answerSize]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return decodeAnswer(b[:])
}

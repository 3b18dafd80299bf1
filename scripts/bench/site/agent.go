package site

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"vedette/scripts/bench/load"
)

// Agent is one connection of the load: HTTP/1.1 written by hand, because
// net/http would cost the machine more than what is measured.
type Agent struct {
	*tls.Conn
	r    *bufio.Reader
	head []byte
	// Slow, when it is there, is called before n bytes of a body are sent, and
	// waits until they are due.
	Slow func(n int) error
}

// DialTimeout bounds connect and handshake of an agent, TurnTimeout all that it
// does afterwards.
const (
	DialTimeout = 20 * time.Second
	TurnTimeout = 3 * time.Minute
)

// Dialer connects to an address, from wherever the agents are.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Connect connects as agent number n. The connection has TurnTimeout to do what
// it is for.
func (s *Subject) Connect(ctx context.Context, n int) (*Agent, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	raw, err := s.dial(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, s.identities[n%len(s.identities)])
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	if err := conn.SetDeadline(time.Now().Add(TurnTimeout)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &Agent{Conn: conn, r: bufio.NewReaderSize(conn, 1024)}, nil
}

// Drop ends the connection without a farewell, and so without the wait that
// the kernel imposes on those who end first in order.
func (a *Agent) Drop() {
	if tcp, ok := a.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it only makes the end a reset
	}
	_ = a.NetConn().Close() // it is being thrown away
}

const (
	// SmallBody is the body of a small request, and of an answer.
	SmallBody = 200
	// Record is the largest TLS record.
	Record = 16 << 10
)

// Post sends a body of so many bytes and returns how many were taken.
func (a *Agent) Post(size int64, from []byte) (taken int64, err error) {
	a.head = append(a.head[:0], "POST "+TakePath+" HTTP/1.1\r\nHost: central-node\r\nContent-Type: application/octet-stream\r\nContent-Length: "...)
	a.head = append(strconv.AppendInt(a.head, size, 10), "\r\n\r\n"...)
	if size <= SmallBody { // in one write, as every client does
		a.head = append(a.head, from[:size]...)
		size = 0
	}
	if _, err := a.Write(a.head); err != nil {
		return 0, err
	}
	for size > 0 {
		n := min(size, int64(len(from)))
		if a.Slow != nil {
			if err := a.Slow(int(n)); err != nil {
				return 0, err
			}
		}
		if _, err := a.Write(from[:n]); err != nil {
			// An early answer says more than a broken pipe.
			_, early := a.answer()
			return 0, errors.Join(err, early)
		}
		size -= n
	}
	return a.answer()
}

// Pour sends a body that never ends, until the connection does or ctx, and says
// how much of it it sent.
func (a *Agent) Pour(ctx context.Context, from []byte) (sent int64, err error) {
	const endless = 1 << 50
	if _, err := fmt.Fprintf(a, "POST %s HTTP/1.1\r\nHost: central-node\r\nContent-Length: %d\r\n\r\n", TakePath, endless); err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		n, err := a.Write(from)
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// answer reads what the Central Node says it took.
func (a *Agent) answer() (int64, error) {
	status, err := a.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200 "))
	said := string(bytes.TrimSpace(status))
	length := 0
	for {
		line, err := a.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if v, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return 0, err
			}
		}
	}
	var body [SmallBody]byte
	if length > len(body) {
		_, err := io.CopyN(io.Discard, a.r, int64(length))
		return 0, errors.Join(fmt.Errorf("%s", said), err)
	}
	if _, err := io.ReadFull(a.r, body[:length]); err != nil {
		return 0, err
	}
	if !ok {
		return 0, fmt.Errorf("%s: %s", said, body[:length])
	}
	return strconv.ParseInt(string(bytes.TrimSpace(body[:length])), 10, 64)
}

// Fleet connects many agents, a bounded number at once, and sends a small
// request on each.
func (s *Subject) Fleet(ctx context.Context, n int) ([]*Agent, error) {
	agents := make([]*Agent, n)
	err := load.Spread(ctx, Connecting, n, func(ctx context.Context, i int) error {
		a, err := s.Connect(ctx, i)
		if err != nil {
			return err
		}
		agents[i] = a
		_, err = a.Post(SmallBody, Filler)
		return err
	})
	if err != nil {
		Disband(agents)
		return nil, fmt.Errorf("connect %d agents: %w", n, err)
	}
	return agents, nil
}

// Connecting is how many agents connect at once.
const Connecting = 32

// Disband drops all agents of a fleet.
func Disband(agents []*Agent) {
	for _, a := range slices.DeleteFunc(agents, func(a *Agent) bool { return a == nil }) {
		a.Drop()
	}
}

// Filler is the content of all bodies. It is larger than a record.
var Filler = load.Noise(4 * Record)

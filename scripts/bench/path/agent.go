package main

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

	"vedette/pki"
	"vedette/scripts/bench/load"
)

// agent is one connection of the load: HTTP/1.1 written by hand, because
// net/http would cost the machine more than what is measured.
type agent struct {
	*tls.Conn
	r    *bufio.Reader
	head []byte
	slow *pace // of bodies; nil: none
}

// identities are TLS configurations for agents that connect to one server.
type identities []*tls.Config

// identitiesOf makes the identities of all agents' leaves.
func identitiesOf(pin pki.Fingerprint, leaves ...*pki.Pair) identities {
	var out identities
	for _, p := range leaves {
		out = append(out, load.Client(pin, p))
	}
	return out
}

// dialTimeout bounds connect and handshake.
const dialTimeout = 20 * time.Second

// dial connects as agent number n. The connection has turnTimeout to do what
// it is for.
func (ids identities) dial(ctx context.Context, address string, n int) (*agent, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, ids[n%len(ids)])
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	if err := conn.SetDeadline(time.Now().Add(turnTimeout)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &agent{Conn: conn, r: bufio.NewReaderSize(conn, 1024)}, nil
}

// drop ends the connection without a farewell, and so without the wait that
// the kernel imposes on those who end first in order.
func (a *agent) drop() {
	if tcp, ok := a.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it only makes the end a reset
	}
	_ = a.NetConn().Close() // it is being thrown away
}

const (
	smallBody = 200
	// record is the largest TLS record.
	record = 16 << 10
)

// post sends a body of so many bytes and returns how many were taken.
func (a *agent) post(size int64, from []byte) (taken int64, err error) {
	a.head = append(a.head[:0], "POST "+takePath+" HTTP/1.1\r\nHost: central-node\r\nContent-Type: application/octet-stream\r\nContent-Length: "...)
	a.head = append(strconv.AppendInt(a.head, size, 10), "\r\n\r\n"...)
	if size <= smallBody { // in one write, as every client does
		a.head = append(a.head, from[:size]...)
		size = 0
	}
	if _, err := a.Write(a.head); err != nil {
		return 0, err
	}
	for size > 0 {
		n := min(size, int64(len(from)))
		if err := a.slow.wait(int(n)); err != nil {
			return 0, err
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

// answer reads what the Central Node says it took.
func (a *agent) answer() (int64, error) {
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
	var body [smallBody]byte
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

// fleet connects many agents, a bounded number at once, and sends a small
// request on each.
func fleet(ctx context.Context, ids identities, address string, n int) ([]*agent, error) {
	agents := make([]*agent, n)
	err := load.Spread(ctx, connecting, n, func(ctx context.Context, i int) error {
		a, err := ids.dial(ctx, address, i)
		if err != nil {
			return err
		}
		agents[i] = a
		_, err = a.post(smallBody, filler)
		return err
	})
	if err != nil {
		disband(agents)
		return nil, fmt.Errorf("connect %d agents: %w", n, err)
	}
	return agents, nil
}

// connecting is how many agents connect at once.
const connecting = 32

func disband(agents []*agent) {
	for _, a := range slices.DeleteFunc(agents, func(a *agent) bool { return a == nil }) {
		a.drop()
	}
}

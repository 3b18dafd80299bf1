package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"vedette/internal/door"
	"vedette/internal/socket"
	"vedette/proto/problem"
)

// The bounds of a refused request.
const (
	maxHeaderBytes = 16 << 10
	lingerBytes    = 4 << 20 // the largest package of an agent
	dropBytes      = 8 << 10 // of it at once
)

// tiny answers those who are not carried: one problem for each connection,
// whatever they ask.
type tiny struct {
	server *http.Server
	handed *door.Handed
	proxy  *Proxy
}

// refusedKey is the context key under which a request finds its connection.
type refusedKey struct{}

func newTiny(p *Proxy) *tiny {
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r.Context().Value(refusedKey{}).(*refused).why)
		}),
		ReadTimeout:    p.times.header, // and for what is read of a body
		WriteTimeout:   p.times.header + p.times.linger,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(p.door.Log().Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, refusedKey{}, c)
		},
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.SetKeepAlivesEnabled(false) // a refused caller has no reason to keep its connection
	return &tiny{server: server, handed: door.NewHanded(p.door.Addr()), proxy: p}
}

func (t *tiny) serve() error {
	err := t.server.Serve(t.handed)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil // no more will come, or shutdown was called
	}
	return fmt.Errorf("answer refused agents: %w", err)
}

func (t *tiny) shutdown(ctx context.Context) error {
	if t.server.Shutdown(ctx) == nil {
		return nil
	}
	return t.server.Close()
}

// answer takes a connection over. first is what was already read of it.
func (t *tiny) answer(c *door.Conn, first []byte, why *problem.Problem) {
	limit, leave := context.WithTimeout(context.Background(), t.proxy.times.header+t.proxy.times.linger)
	if !t.handed.Give(&refused{Conn: c, proxy: t.proxy, first: slices.Clone(first), why: why, gone: limit.Done(), leave: leave}) {
		leave()
		c.Cut() // the server is gone
	}
}

// refused is the connection of a caller that gets a problem. All of them
// together have the share of one agent in the ingress: however many they are,
// they take no more from those that are carried.
type refused struct {
	*door.Conn
	proxy *Proxy
	first []byte // read before
	why   *problem.Problem
	once  sync.Once

	gone  <-chan struct{} // closed when nothing more is read
	leave func()          // closes it
}

// Read gives what was read before, then the rest, at the pace that the share of
// the ingress allows.
func (r *refused) Read(p []byte) (int, error) {
	p = p[:min(len(p), r.proxy.ingress.Most())]
	if len(r.first) > 0 {
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, r.pay(n)
	}
	return r.paid(r.Conn, p)
}

// paid reads from the connection, or from what is under it.
func (r *refused) paid(from io.Reader, p []byte) (int, error) {
	n, err := from.Read(p)
	if n > 0 {
		if unpaid := r.pay(n); unpaid != nil {
			return 0, unpaid
		}
	}
	return n, err
}

func (r *refused) pay(n int) error {
	r.proxy.received.Add(uint64(n))
	return r.proxy.ingress.Take(owner{}, n, r.gone)
}

// Close lingers: closing while the caller still sends would reset its
// connection, and the answer could be lost with it.
func (r *refused) Close() error {
	r.once.Do(func() {
		defer r.leave()
		if raw, ok := r.NetConn().(*socket.Conn); ok && !r.proxy.ending.Load() && r.CloseWrite() == nil && raw.CloseWrite() == nil {
			_ = raw.SetReadDeadline(time.Now().Add(r.proxy.times.linger)) // fails only together with the copy
			r.drop(raw)
		}
	})
	return r.Conn.Close()
}

// drop reads what still comes until the caller has closed, or it is enough.
func (r *refused) drop(raw io.Reader) {
	buffer := make([]byte, min(dropBytes, r.proxy.ingress.Most()))
	for left := lingerBytes; left > 0; {
		n, err := r.paid(raw, buffer[:min(len(buffer), left)])
		if err != nil {
			return
		}
		left -= n
	}
}

package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"vedette/internal/door"
)

// lingering is how long a connection with the replaced certificate may go on
// doing nothing: what was written to it last is on its way by then.
const lingering = time.Second

// conn is one live connection.
type conn struct {
	*door.Conn
	idle  time.Time // since when it has nothing to do; zero: it has. Guarded by conns.mu
	told  bool      // that it is to be left. Guarded by conns.mu
	owner string    // account that its place is counted for; empty: none. Guarded by conns.mu
}

// goAway is the frame that tells a browser of HTTP/2 to send nothing new on a
// connection (RFC 9113, section 6.8: no stream named yet, so that what is under
// way is still answered).
const goAway = "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00"

// leave tells the browser to leave the connection, where that can be told. It is
// idle, so nobody else writes on it; who begins to at this very moment loses no
// more than by its end.
func (c *conn) leave() error {
	if c.ConnectionState().NegotiatedProtocol != "h2" {
		return errors.ErrUnsupported
	}
	if err := c.SetWriteDeadline(time.Now().Add(lingering)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.Conn, goAway); err != nil {
		return err
	}
	return c.SetWriteDeadline(time.Time{})
}

// conns are the live connections, as net/http knows them.
type conns struct {
	now        func() time.Time
	perAccount int

	mu        sync.Mutex // guards what follows
	live      map[*tls.Conn]*conn
	byAccount map[string]int
}

func newConns(perAccount int, now func() time.Time) *conns {
	return &conns{now: now, perAccount: perAccount, live: make(map[*tls.Conn]*conn), byAccount: make(map[string]int)}
}

type connKey struct{}

func (cs *conns) add(c *door.Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.live[c.Conn] = &conn{Conn: c, idle: cs.now()}
}

// context is http.Server.ConnContext.
func (cs *conns) context(ctx context.Context, c net.Conn) context.Context {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return context.WithValue(ctx, connKey{}, cs.live[c.(*tls.Conn)])
}

func connOf(r *http.Request) *conn { return r.Context().Value(connKey{}).(*conn) }

// state is http.Server.ConnState.
func (cs *conns) state(c net.Conn, s http.ConnState) {
	secured := c.(*tls.Conn)
	if s == http.StateClosed {
		cs.remove(secured)
		return
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	one := cs.live[secured]
	switch {
	case one == nil:
	case s == http.StateActive:
		one.idle = time.Time{}
	default:
		one.idle = cs.now()
	}
}

func (cs *conns) remove(secured *tls.Conn) {
	cs.mu.Lock()
	one := cs.live[secured]
	delete(cs.live, secured)
	if one != nil && one.owner != "" {
		if cs.byAccount[one.owner]--; cs.byAccount[one.owner] == 0 {
			delete(cs.byAccount, one.owner)
		}
	}
	cs.mu.Unlock()
	if one != nil {
		one.End()
	}
}

// admit gives the connection of somebody who is signed in a place among those.
// No account has more than half of them, so that none keeps the others out.
func (cs *conns) admit(c *conn, account string) bool {
	if c.Admitted() {
		return true
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.live[c.Conn.Conn] == nil || cs.byAccount[account] >= cs.perAccount || !c.Admit() {
		return false
	}
	if c.owner == "" {
		c.owner = account
		cs.byAccount[account]++
	}
	return true
}

// closeOutdated ends connections that show the replaced certificate and have
// nothing to do. Those of HTTP/2 are told first and closed the next time, or a
// request that is on its way would be lost.
func (cs *conns) closeOutdated() {
	now := cs.now()
	var telling, closing []*conn
	cs.mu.Lock()
	for _, c := range cs.live {
		if !c.Outdated() || c.idle.IsZero() || now.Sub(c.idle) < lingering {
			continue
		}
		if c.told {
			closing = append(closing, c)
			continue
		}
		c.told, c.idle = true, now
		telling = append(telling, c)
	}
	cs.mu.Unlock()
	for _, c := range telling {
		if c.leave() != nil {
			closing = append(closing, c)
		}
	}
	for _, c := range closing {
		_ = c.Close() // it is idle; net/http learns of it and says StateClosed
	}
}

package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"vedette/centralnode/trust"
	"vedette/proto/problem"
)

// connKey is the context key under which a request finds its connection.
type connKey struct{}

// Handle serves a pattern (net/http.ServeMux) to those whom the judge lets in
// through door. It is called before Run.
func (g *Gateway) Handle(door trust.Door, pattern string, h http.Handler) {
	g.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(connKey{}).(*conn)
		v := g.gate.current().Judge(door, c.caller)
		if v.Allowed && !c.Admitted() {
			if !c.Admit() {
				w.Header().Set("Connection", "close")
				problem.Write(w, problem.Full())
				return
			}
			// A change that came before Admit has left this connection alone, and is
			// in force now.
			v = g.gate.current().Judge(door, c.caller)
		}
		if !v.Allowed {
			g.refuse(w, c, door, v)
			return
		}
		r.Body = newPaced(http.NewResponseController(w), r.Body)
		h.ServeHTTP(w, r)
	})
}

// refuse answers with the code and ends the connection: a refused caller has
// no reason to keep one.
func (g *Gateway) refuse(w http.ResponseWriter, c *conn, door trust.Door, v trust.Verdict) {
	w.Header().Set("Connection", "close")
	problem.Write(w, problem.Refusal(v.Code))
	attrs := []any{"code", v.Code, "door", door, "way", c.caller.Way, "remote", c.caller.Remote.Addr().String(), "revision", v.Revision}
	if c.caller.HasLeaf() {
		attrs = append(attrs, "leaf", c.caller.Leaf.String())
	}
	g.door.Log().Info("caller refused", attrs...)
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	problem.Write(w, &problem.Problem{Title: "No such path", Status: http.StatusNotFound, Code: problem.NotFound})
}

// ErrCut is returned to a caller whose right was taken away while its request
// ran. Its connection is already gone, so the answer reaches nobody.
var ErrCut = errors.New("the caller's right was withdrawn during the request")

// Admit judges the caller of a request again, right before something of its is
// made durable. A change of trust that concerns the caller waits for Release.
func (g *Gateway) Admit(ctx context.Context, door trust.Door) (trust.Admission, error) {
	c := ctx.Value(connKey{}).(*conn)
	v, err := g.gate.admit(ctx, door, c.caller)
	if err != nil {
		return trust.Admission{}, err
	}
	if !v.Allowed {
		c.Cut()
		return trust.Admission{}, ErrCut
	}
	return trust.Admission{Caller: c.caller, Revision: v.Revision, Release: func() { g.gate.leave(c.caller) }}, nil
}

// recovered keeps a panic of one request in its connection.
func (g *Gateway) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // net/http's own way to end a connection
			default:
				g.log.Error("request ended by a panic", "panic", p, "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// The least pace of a request body: a grace, then 1 KiB a second.
const (
	bodyGrace = 5 * time.Second
	bodyPace  = 1024
)

// paced reads a body that has to arrive at the least pace. It goes by the
// monotonic clock, because deadlines of connections do.
type paced struct {
	control *http.ResponseController
	body    io.ReadCloser
	started time.Time
	read    int64
}

func newPaced(control *http.ResponseController, body io.ReadCloser) *paced {
	return &paced{control: control, body: body, started: time.Now()}
}

// Read fails with os.ErrDeadlineExceeded when the caller is slower than the
// least pace.
func (p *paced) Read(b []byte) (int, error) {
	due := p.started.Add(bodyGrace + time.Duration(p.read)*time.Second/bodyPace)
	if err := p.control.SetReadDeadline(due); err != nil {
		return 0, err
	}
	n, err := p.body.Read(b)
	p.read += int64(n)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		// At the end of the body net/http watches the connection; a deadline left
		// behind would look like a caller that went away.
		if clear := p.control.SetReadDeadline(time.Time{}); clear != nil {
			return n, clear
		}
	}
	return n, err
}

// Close ends the body.
func (p *paced) Close() error { return p.body.Close() }

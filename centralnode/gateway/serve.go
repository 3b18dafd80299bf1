package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"time"

	"vedette/centralnode/trust"
	"vedette/internal/farewell"
	"vedette/proto/problem"
)

// connKey is the context key under which a request finds its connection.
type connKey struct{}

// idKey is the context key under which a request of an external system finds
// the ID that it was let in with.
type idKey struct{}

// Handle serves a pattern (net/http.ServeMux) to those whom the judge lets in
// through door. It is called before Run.
func (g *Gateway) Handle(door trust.Door, pattern string, h http.Handler) {
	g.serve(door, pattern, func(w http.ResponseWriter, r *http.Request, c *conn) {
		e := entrance{door: door}
		if v, ok := g.letIn(w, c, e); !ok {
			return
		} else if !v.Allowed {
			g.refuse(w, r, c, e, v, problem.Refusal(v.Code))
			return
		}
		h.ServeHTTP(w, pacedRequest(w, r))
	})
}

// HandleSystem serves a pattern with the wildcard {system}, the ID of an
// external system, to those who were accepted with that ID. For those who were
// not, refused gives the answer. It is called before Run.
//
// A handler that answers late, after a long upload or a long poll, moves the
// connection's deadlines itself (net/http.ResponseController).
func (g *Gateway) HandleSystem(pattern string, h http.Handler, refused func(r *http.Request, c trust.Caller, id string, v trust.Verdict) *problem.Problem) {
	g.serve(trust.ExternalSystem, pattern, func(w http.ResponseWriter, r *http.Request, c *conn) {
		id, err := trust.ParseSystemID(r.PathValue("system"))
		if err != nil {
			w.Header().Set("Connection", "close")
			problem.Write(w, &problem.Problem{Title: "Not an ID", Status: http.StatusBadRequest, Code: problem.BadRequest, Detail: "The ID in the path is not one: " + err.Error() + "."})
			return
		}
		e := entrance{door: trust.ExternalSystem, id: id}
		if v, ok := g.letIn(w, c, e); !ok {
			return
		} else if !v.Allowed {
			g.refuse(w, r, c, e, v, refused(r, c.caller, id, v))
			return
		}
		h.ServeHTTP(w, pacedRequest(w, r.WithContext(context.WithValue(r.Context(), idKey{}, id))))
	})
}

// Route is what is served behind a door.
type Route struct {
	Door    trust.Door
	Pattern string // of net/http.ServeMux
}

// Routes lists what is served, in the order in which it was registered. Every
// other path is nobody's.
func (g *Gateway) Routes() []Route { return slices.Clone(g.routes) }

func (g *Gateway) serve(door trust.Door, pattern string, h func(w http.ResponseWriter, r *http.Request, c *conn)) {
	g.routes = append(g.routes, Route{door, pattern})
	g.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(connKey{}).(*conn)
		if c.unfit != nil {
			g.refuseUnfit(w, r, c)
			return
		}
		h(w, r, c)
	})
}

// letIn judges a request at an entrance. ok is false when it was answered
// because no more connections can be let in.
func (g *Gateway) letIn(w http.ResponseWriter, c *conn, e entrance) (v trust.Verdict, ok bool) {
	v = e.judge(g.gate.current(), c.caller)
	switch {
	case !v.Allowed:
		return v, true
	case e.door == trust.Description:
		// Who may be anybody stays a stranger, and a stranger's place is not kept.
		if !c.Admitted() {
			w.Header().Set("Connection", "close")
		}
		return v, true
	case c.Admitted() && c.cameBy(e):
		return v, true
	case e.door == trust.ExternalSystem && !c.Admitted() && g.connectedSystems(c.caller.Leaf) >= g.perSystem:
		w.Header().Set("Connection", "close")
		problem.Write(w, &problem.Problem{
			Title: "Too many connections", Status: http.StatusServiceUnavailable, Code: problem.Busy,
			Detail: "This external system keeps as many connections as one may have. Close some, or use them again.", RetryAfter: 30 * time.Second,
		})
		return v, false
	case !c.Admit():
		w.Header().Set("Connection", "close")
		problem.Write(w, problem.Full())
		return v, false
	}
	// A change that came before the entrance was noted has left this connection
	// alone, and is in force now.
	c.comesBy(e)
	return e.judge(g.gate.current(), c.caller), true
}

func pacedRequest(w http.ResponseWriter, r *http.Request) *http.Request {
	r.Body = newPaced(http.NewResponseController(w), r.Body)
	return r
}

// listening is how long somebody who was refused is listened to, and listeners
// how many of them at once: they are strangers.
var listening = farewell.Limits{Whole: 10 * time.Second, Stall: 2 * time.Second}

const listeners = 64

// farewell answers and ends the connection: a refused caller has no reason to
// keep one. It is heard out for a while, or it would lose the answer to what it
// is still sending.
func (g *Gateway) farewell(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	write := func(w http.ResponseWriter) { problem.Write(w, p) }
	if farewell.Needed(r) {
		select {
		case g.listeners <- struct{}{}:
			defer func() { <-g.listeners }()
			farewell.Give(w, r, listening, false, write)
			return
		default:
		}
	}
	w.Header().Set("Connection", "close")
	write(w)
}

// refuse answers a caller whom the judge does not let in.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, c *conn, e entrance, v trust.Verdict, p *problem.Problem) {
	defer g.farewell(w, r, p) // after the line is written: it may take a while
	if e.door == trust.AgentService {
		g.refusedAgents.Add(1)
	}
	g.refusals.add(e.door, p.Code)
	attrs := []any{"code", p.Code, "door", e.door, "way", c.caller.Way, "remote", c.caller.Remote.Addr().String(), "revision", v.Revision}
	if c.caller.HasLeaf() {
		attrs = append(attrs, "leaf", c.caller.Leaf.String())
	}
	if e.id != "" {
		attrs = append(attrs, "system", trust.System{ID: e.id, Leaf: c.caller.Leaf}.Key())
	}
	g.door.Log().Info("caller refused", attrs...)
}

// straight gives next only paths that are written without detours. ServeMux would
// answer the others by sending the caller elsewhere, whoever it is and whatever
// is there.
func straight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		if clean := path.Clean(p); p != clean && (clean == "/" || p != clean+"/") {
			notFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	problem.Write(w, &problem.Problem{Title: "No such path", Status: http.StatusNotFound, Code: problem.NotFound})
}

// ErrCut is returned to a caller whose right was taken away while its request
// ran. Its connection is already gone, so the answer reaches nobody.
var ErrCut = errors.New("the caller's right was withdrawn during the request")

// Admit judges the caller of a request again, right before something of its is
// made durable: at door, and at that of external systems with the ID of the
// request. A change of trust that concerns the caller waits for Release.
func (g *Gateway) Admit(ctx context.Context, door trust.Door) (trust.Admission, error) {
	c, e := ctx.Value(connKey{}).(*conn), entrance{door: door}
	if door == trust.ExternalSystem {
		e.id, _ = ctx.Value(idKey{}).(string) // nobody is accepted without one
	}
	v, err := g.gate.admit(ctx, e, c.caller)
	if err != nil {
		return trust.Admission{}, err
	}
	if !v.Allowed {
		c.Cut()
		return trust.Admission{}, ErrCut
	}
	return trust.Admission{Caller: c.caller, Revision: v.Revision, Release: func() { g.gate.leave(e, c.caller) }}, nil
}

// Caller is who makes a request.
func (g *Gateway) Caller(ctx context.Context) trust.Caller {
	return ctx.Value(connKey{}).(*conn).caller
}

// Certificate is the leaf that the caller of a request showed; nil when it
// showed none, or came through a Sensor.
func (g *Gateway) Certificate(ctx context.Context) *x509.Certificate {
	return ctx.Value(connKey{}).(*conn).certificate
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

// The least pace of a request body: a grace, then 1 KiB a second, and something
// within every half minute, however fast it was before.
const (
	bodyGrace = 5 * time.Second
	bodyPace  = 1024
	bodyStall = 30 * time.Second
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
	if stalled := time.Now().Add(bodyStall); due.After(stalled) {
		due = stalled
	}
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

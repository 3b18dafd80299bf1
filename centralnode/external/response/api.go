package response

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"vedette/centralnode/agents"
	"vedette/centralnode/external"
	"vedette/centralnode/trust"
	"vedette/internal/budget"
	"vedette/proto/problem"
)

const (
	// maxCalls and maxCallsPerSystem are how many calls there may be at once:
	// each may hold a body or a list of all hosts.
	maxCalls          = 32
	maxCallsPerSystem = 4
	// lookups are how many copies of the table of hosts there may be at once.
	lookups = 2
	// retryAfter is when to call again that could not be served.
	retryAfter = time.Second
	// writeGrace and writePace, in bytes a second, are the time that a caller has
	// to take its answer.
	writeGrace = 10 * time.Second
	writePace  = 32 << 10
)

// Hosts is the table of hosts.
type Hosts interface {
	Hosts() []agents.Host
}

// Config is what an API works with.
type Config struct {
	Hosts Hosts
	// Version is of the Central Node.
	Version string
}

// API answers about hosts.
type API struct {
	c       Config
	lookups budget.Gate

	mu    sync.Mutex // guards what follows
	calls int
	by    map[trust.System]int
}

// New makes an API.
func New(c Config) *API {
	return &API{c: c, lookups: budget.NewGate(lookups), by: make(map[trust.System]int)}
}

// Register gives the API its paths; handle is external.Room.Handle.
func (a *API) Register(handle func(pattern string, h http.Handler)) {
	const base = " /kata/response_api/v1/{system}/"
	handle("GET"+base+"sensors", a.handler(a.sensors))
	handle("GET"+base+"settings", a.handler(a.readSettings))
	handle("POST"+base+"settings", a.handler(a.setSettings))
	handle("DELETE"+base+"settings", a.handler(a.readSettings)) // nothing is set, so nothing can be deleted
	handle("POST"+base+"tasks/{task}", a.handler(a.startTask))
	handle("GET"+base+"tasks/{task}", a.handler(a.readTask))
}

// handler serves calls within the bounds. What serve does not answer itself is
// the problem that it returns.
func (a *API) handler(serve func(w http.ResponseWriter, r *http.Request, q query) *problem.Problem) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := external.Of(r.Context())
		if !a.enter(call.System) {
			call.Fail(w, &problem.Problem{
				Title: "Too many calls at once", Status: http.StatusTooManyRequests, Code: problem.Busy, RetryAfter: retryAfter,
				Detail: "Wait for the answer of one call before the next ones.",
			})
			return
		}
		defer a.leave(call.System)
		values, err := url.ParseQuery(r.URL.RawQuery)
		bad := badRequest("The query is malformed.")
		if err == nil {
			bad = serve(w, r, query{values})
		}
		if bad != nil {
			deadline(w, 0)
			call.Fail(w, bad)
		}
	})
}

func (a *API) enter(who trust.System) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls >= maxCalls || a.by[who] >= maxCallsPerSystem {
		return false
	}
	a.calls++
	a.by[who]++
	return true
}

func (a *API) leave(who trust.System) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls--
	if a.by[who]--; a.by[who] == 0 {
		delete(a.by, who)
	}
}

// answer answers with JSON.
func answer(w http.ResponseWriter, what any) *problem.Problem {
	body, err := json.Marshal(what)
	if err != nil {
		return unavailable()
	}
	deadline(w, len(body))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // the caller may be gone
	return nil
}

// deadline gives the caller the time to take so many bytes, however long its
// body took.
func deadline(w http.ResponseWriter, bytes int) {
	by := time.Now().Add(writeGrace + time.Duration(bytes)*time.Second/writePace)
	_ = http.NewResponseController(w).SetWriteDeadline(by) // a connection that cannot have one has ended
}

// query is the query of a request. What is misspelt or given twice is refused,
// because leaving it out would answer another question.
type query struct{ values url.Values }

// one is a parameter that may be given once; an empty one is like none.
func (q query) one(name string) (string, *problem.Problem) {
	for given, all := range q.values {
		switch {
		case given == name && len(all) > 1:
			return "", badRequest(name + " is given more than once.")
		case given != name && strings.EqualFold(given, name):
			return "", badRequest("A parameter is misspelt: it is written " + name + ".")
		}
	}
	return q.values.Get(name), nil
}

// required is a parameter that has to be given.
func (q query) required(name string) (string, *problem.Problem) {
	v, bad := q.one(name)
	if bad == nil && v == "" {
		bad = badRequest(name + " is missing.")
	}
	return v, bad
}

func badRequest(detail string) *problem.Problem {
	return &problem.Problem{Title: "Bad request", Status: http.StatusBadRequest, Code: problem.BadRequest, Detail: detail}
}

func notFound(title, detail string) *problem.Problem {
	return &problem.Problem{Title: title, Status: http.StatusNotFound, Code: problem.NotFound, Detail: detail}
}

func unavailable() *problem.Problem {
	return &problem.Problem{Title: "Not now", Status: http.StatusServiceUnavailable, Code: problem.Unavailable, RetryAfter: retryAfter}
}

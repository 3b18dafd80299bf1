package events

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"vedette/centralnode/eventlog"
	"vedette/centralnode/external"
	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/proto/problem"
)

const (
	// kept is how long events are given after they arrived.
	kept = 2 * time.Hour
	// retryAfter is when to call again that could not be served.
	retryAfter = 5 * time.Second
	// writeGrace and writePace, in bytes a second, are the time that a caller has
	// to take its answer.
	writeGrace = 10 * time.Second
	writePace  = 32 << 10
)

// Log is the event log.
type Log interface {
	Start(ctx context.Context, since time.Time) (eventlog.Cursor, error)
	Read(ctx context.Context, c eventlog.Cursor, oldest time.Time, yield func(eventlog.Record) bool) (eventlog.Cursor, error)
	Ready(c eventlog.Cursor) <-chan struct{}
}

// Config is what an API works with.
type Config struct {
	Log Log
	// Describe gives an event the form in which it is answered.
	Describe func(eventlog.Record) acts.Event
	Limits   Limits
	Logger   *slog.Logger
	Now      func() time.Time
}

// API answers with events.
type API struct {
	c        Config
	places   *places
	log      *slog.Logger
	limited  *budget.Limited
	stopping chan struct{} // closed when Run ends
}

// New makes an API.
func New(c Config) *API {
	c.Limits = c.Limits.withDefaults()
	limited := budget.NewLimited(c.Logger.Handler(), time.Second, c.Now, "system")
	return &API{c: c, places: newPlaces(c.Limits), log: slog.New(limited), limited: limited, stopping: make(chan struct{})}
}

// Register gives the API its paths; handle is external.Room.Handle.
func (a *API) Register(handle func(pattern string, h http.Handler)) {
	handle("GET /kata/events_api/v1/{system}/events", a.handler(plainQuery))
	handle("GET /kata/events_api/v1/{system}/{odd}", a.handler(oddQuery))
}

// handler serves calls whose parameters are where values finds them.
func (a *API) handler(values func(*url.URL) (url.Values, *problem.Problem)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := external.Of(r.Context())
		if r.ContentLength != 0 {
			// With an unread body nobody would notice that the caller goes away.
			w.Header().Set("Connection", "close")
			call.Fail(w, badRequest("This call has no body."))
			return
		}
		given, bad := values(r.URL)
		if bad != nil {
			call.Fail(w, bad)
			return
		}
		q, bad := parseQuery(given)
		if bad != nil {
			call.Fail(w, bad)
			return
		}
		a.serve(w, r, call, q)
	})
}

// Run ends the calls that wait when ctx ends; there is one Run. It belongs
// beside the door's, since the door gives calls under way little time then.
func (a *API) Run(ctx context.Context) error {
	defer close(a.stopping)
	a.limited.Report(ctx, time.Minute, a.c.Logger)
	return nil
}

// serve answers one call.
func (a *API) serve(w http.ResponseWriter, r *http.Request, call *external.Call, q query) {
	place, ok := a.places.enter(call.System)
	if !ok {
		call.Fail(w, &problem.Problem{
			Title: "Too many calls at once", Status: http.StatusTooManyRequests, Code: problem.Busy, RetryAfter: retryAfter,
			Detail: "As many calls for events are open as one external system, or all together, may have. One call that waits is enough.",
		})
		return
	}
	defer place.leave()
	if err := a.poll(w, r, q, place); err != nil && r.Context().Err() == nil {
		a.deadline(w, 0)
		call.Fail(w, a.problem(call, err))
	}
}

// poll answers as soon as there is an event to give, or when the caller does not
// want to wait any longer. An error says that nothing was answered.
func (a *API) poll(w http.ResponseWriter, r *http.Request, q query, place place) error {
	ctx := r.Context()
	over := time.NewTimer(q.wait)
	defer over.Stop()
	at, first := eventlog.Cursor{}, true
	if q.from != nil {
		at, first = *q.from, false
	}
	for ; ; first = false {
		answered, next, err := a.answer(ctx, w, q, at, first, place)
		if err != nil || answered {
			return err
		}
		at = next
		select {
		case <-a.c.Log.Ready(at):
			continue
		case <-over.C:
		case <-a.stopping:
		case <-ctx.Done():
			return ctx.Err()
		}
		a.write(w, newPage().end(at))
		return nil
	}
}

// answer reads on from a cursor, or from what is there when first is set, and
// answers with what was found; with nothing only when the caller does not wait.
func (a *API) answer(ctx context.Context, w http.ResponseWriter, q query, at eventlog.Cursor, first bool, place place) (answered bool, next eventlog.Cursor, err error) {
	done, err := place.turn(ctx)
	if err != nil {
		return false, at, err
	}
	defer done()
	oldest := a.c.Now().Add(-kept)
	if first {
		if at, err = a.c.Log.Start(ctx, oldest); err != nil {
			return false, at, err
		}
	}
	p := newPage()
	var unfit error
	next, err = a.c.Log.Read(ctx, at, oldest, func(r eventlog.Record) bool {
		if first {
			r.Skipped = 0 // what is too old for a beginning is not left out
		}
		unfit = p.add(a.c.Describe(r))
		return unfit == nil && p.events < q.most && p.body.Len() < a.c.Limits.AnswerBytes
	})
	if first {
		next.Skipped = 0
	}
	switch {
	case unfit != nil:
		return false, next, unfit
	case p.events > 0 || err == nil && q.wait == 0:
		// With an error the cursor still lies behind what was read; the next call
		// meets the error.
		a.write(w, p.end(next))
		return true, next, nil
	}
	return false, next, err
}

// write answers.
func (a *API) write(w http.ResponseWriter, body []byte) {
	a.deadline(w, len(body))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // the caller may be gone: it goes on with the token that it has
}

// deadline gives the caller the time to take so many bytes, whenever the call
// began.
func (a *API) deadline(w http.ResponseWriter, bytes int) {
	by := time.Now().Add(writeGrace + time.Duration(bytes)*time.Second/writePace)
	if err := http.NewResponseController(w).SetWriteDeadline(by); err != nil {
		a.log.Debug("set the deadline of an answer", "error", err) // the write tells
	}
}

// problem says why events could not be read.
func (a *API) problem(call *external.Call, err error) *problem.Problem {
	if errors.Is(err, eventlog.ErrCursor) {
		return badToken("continuation_token names no place in the event store that this server has now")
	}
	a.log.Warn("events could not be given to an external system", "system", call.System.Key(), "error", err)
	return &problem.Problem{
		Title: "Events cannot be read now", Status: http.StatusServiceUnavailable, Code: problem.Unavailable, RetryAfter: retryAfter,
		Detail: "The event log of this server does not work at the moment. Call again with the same token.",
	}
}

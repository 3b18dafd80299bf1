package external

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/audit"
	"vedette/internal/budget"
	"vedette/pki"
	"vedette/proto/problem"
)

// checkpointEvery is how often contacts are written.
const checkpointEvery = time.Minute

// Door is the gateway as this room sees it.
type Door interface {
	Trust() *trust.Snapshot
	Change(ctx context.Context, scope trust.Scope, commit func() (*trust.Snapshot, error)) (trust.Changed, error)
	HandleSystem(pattern string, h http.Handler, refused func(r *http.Request, c trust.Caller, id string, v trust.Verdict) *problem.Problem)
	Admit(ctx context.Context, door trust.Door) (trust.Admission, error)
	Caller(ctx context.Context) trust.Caller
	// Certificate is what the caller of a request showed; the door has checked that
	// it is one to go by.
	Certificate(ctx context.Context) *x509.Certificate
	// ConnectedSystem counts the live connections of a system.
	ConnectedSystem(who trust.System) int
}

// Config is what a Room works with.
type Config struct {
	Door  Door
	Store *store.Store
	Trail *audit.Trail
	// Certificate is the server certificate that callers see.
	Certificate pki.Source
	// Version is of this program, for those who check their connection.
	Version string
	Logger  *slog.Logger
	Now     func() time.Time
}

// Room knows the external systems that asked.
type Room struct {
	c        Config
	log      *slog.Logger // for what strangers cause
	limited  *budget.Limited
	asking   budget.Gate            // requests and contacts are written one after the other
	yielding *budget.Rate[struct{}] // requests that make room for others
	paths    map[string]methods     // complete when the door runs

	mu      sync.Mutex // guards what follows
	systems map[trust.System]*system
	waiting []*system       // for a decision, the oldest request first
	mail    map[string]bool // IDs of accepted mail sensors
	full    time.Time       // until when the disk need not be tried again
}

// New makes a Room, reads what is remembered of external systems, and serves
// their check of the connection.
func New(ctx context.Context, c Config) (*Room, error) {
	limited := budget.NewLimited(c.Logger.Handler(), time.Second, c.Now, "remote", "code")
	r := &Room{
		c: c, log: slog.New(limited), limited: limited,
		asking:   budget.NewGate(1),
		yielding: budget.NewRate[struct{}](yieldEvery, yieldBurst, 1, c.Now),
		paths:    make(map[string]methods),
		systems:  make(map[trust.System]*system),
	}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	r.Handle(ConnectionPattern, http.HandlerFunc(r.connection))
	return r, nil
}

// Handle serves a pattern with the wildcard {system} to accepted external
// systems. Whoever else calls gets its answer here: that it has asked, and
// waits, or why it may not. Where the patterns of a path name methods, others
// are answered with 405. It is called before the door runs.
func (r *Room) Handle(pattern string, h http.Handler) {
	method, path, named := strings.Cut(pattern, " ")
	if !named {
		r.serve(pattern, h)
		return
	}
	m := r.paths[path]
	if m == nil {
		m = make(methods)
		r.paths[path] = m
		r.serve(path, m)
	}
	m[method] = h
}

func (r *Room) serve(path string, h http.Handler) {
	r.c.Door.HandleSystem(path, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), callKey{}, r.begin(req))))
	}), r.refused)
}

// Log is for what external systems cause: a text is written once a second, and
// the rest is counted.
func (r *Room) Log() *slog.Logger { return r.log }

// Run writes contacts now and then, and at the end, until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	var reporting sync.WaitGroup
	defer reporting.Wait()
	reporting.Go(func() { r.limited.Report(ctx, checkpointEvery, r.c.Logger) })
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		r.checkpoint(context.WithoutCancel(ctx))
	}
	return nil
}

// checkpoint writes contacts that have changed. What cannot be written now is
// written later.
func (r *Room) checkpoint(ctx context.Context) {
	if r.asking.Enter(ctx) != nil {
		return // the last checkpoint writes them
	}
	defer r.asking.Leave()
	var changed []store.SystemContact
	r.mu.Lock()
	for _, s := range r.systems {
		if s.dirty {
			changed = append(changed, s.contact())
			s.dirty = false
		}
	}
	r.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	err := r.c.Store.SaveSystemContacts(ctx, changed)
	if err == nil {
		return
	}
	r.c.Logger.Warn("write contacts of external systems", "error", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changed {
		if s := r.systems[c.System()]; s != nil {
			s.dirty = true
		}
	}
}

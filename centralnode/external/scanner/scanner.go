package scanner

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"vedette/centralnode/alerts"
	"vedette/centralnode/external"
	"vedette/centralnode/scan"
	"vedette/internal/acts"
)

// Scans takes objects and has their verdicts: a *scan.Room.
type Scans interface {
	Begin(system string) (*scan.Upload, error)
	States(system, instance string, anyInstance bool, want []scan.State) []scan.Scan
	Delete(ctx context.Context, k scan.Key) error
	Instances(system, scanID string) []string
	Deletion(system, instance string, anyInstance bool) (*scan.Deletion, error)
	Limits() scan.Limits
	Status(ctx context.Context) acts.ScanStatus
}

// Alerts has what was detected: an *alerts.Room.
type Alerts interface {
	After(ctx context.Context, after int64, technologies []string, limit int) ([]alerts.Alert, error)
}

// Config is what an API works with.
type Config struct {
	Scans  Scans
	Alerts Alerts
	// Version is of this program.
	Version string
	Logger  *slog.Logger
}

// API answers external systems.
type API struct {
	c Config
	// begin is Scans.Begin, by what this package needs of an upload.
	begin   func(system string) (upload, error)
	lists   *places
	buffers sync.Pool // of *[bufferSize]byte
	// stall is how long a body may stop, linger how long somebody who was refused
	// is listened to.
	stall, linger time.Duration
}

// upload is an object on its way: a *scan.Upload.
type upload interface {
	Write(p []byte) (int, error)
	Commit(ctx context.Context, s scan.Submission) error
	Abandon()
}

// The time that callers have. A body also has to keep the pace of the gateway.
const (
	stallTimeout  = 30 * time.Second
	lingerTimeout = 30 * time.Second
	answerTimeout = 30 * time.Second // for each write of an answer
)

// listsPerSystem is how many long lists one system may be reading at once: each
// holds memory for as long as its reader takes.
const listsPerSystem = 4

// New makes an API.
func New(c Config) *API {
	a := &API{c: c, lists: newPlaces(listsPerSystem), stall: stallTimeout, linger: lingerTimeout}
	a.begin = func(system string) (upload, error) {
		u, err := c.Scans.Begin(system)
		if err != nil {
			return nil, err // not a nil *scan.Upload
		}
		return u, nil
	}
	a.buffers.New = func() any { return new([bufferSize]byte) }
	return a
}

// Register serves the API through handle, which serves a pattern with the
// wildcard {system} to those who were let in: Room.Handle of package external.
func (a *API) Register(handle func(pattern string, h http.Handler)) {
	for pattern, h := range map[string]func(w http.ResponseWriter, r *http.Request, call *external.Call){
		"POST scans":           a.submit,
		"DELETE scans":         a.deleteAll,
		"GET scans/filters":    a.filters,
		"DELETE scans/filters": a.deleteNamed("filters"),
		"GET scans/state":      a.states,
		"DELETE scans/state":   a.deleteNamed("state"),
		"DELETE scans/{scan}":  a.deleteOne,
		"GET detects":          a.detects,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		handle(method+" /kata/scanner/v1/sensors/{system}/"+path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h(w, r, external.Of(r.Context()))
		}))
	}
}

// places counts who is at something, for each system.
type places struct {
	most int

	mu    sync.Mutex // guards taken
	taken map[string]int
}

func newPlaces(most int) *places { return &places{most: most, taken: make(map[string]int)} }

// take takes a place until leave is called; ok is false when there is none.
func (p *places) take(system string) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[system] >= p.most {
		return nil, false
	}
	p.taken[system]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.taken[system]--; p.taken[system] == 0 {
			delete(p.taken, system)
		}
	}, true
}

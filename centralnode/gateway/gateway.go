package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/centralnode/trust"
	"vedette/internal/door"
	"vedette/pki"
)

// Limits is what the door lets through at once. Zero fields take the defaults.
type Limits struct {
	Connections         int // let in, all together: 20,000
	Strangers           int // not yet let in, all together: 4,096
	StrangersPerAddress int // not yet let in, from one address (IPv6: one /64): 256
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.Connections, 20_000)
	set(&l.Strangers, 4096)
	set(&l.StrangersPerAddress, 256)
	return l
}

// The time a caller has after its handshake. An agent that was let in may stay silent between two
// syncs, which are at most an hour apart; nobody else may stay silent at all.
const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 75 * time.Minute
	writeTimeout   = time.Minute
	maxHeaderBytes = 16 << 10
	drainTimeout   = 5 * time.Second
)

// maxPerSystem is how many connections one external system may keep, or a quarter
// of all when that is less: agents and others have theirs.
const maxPerSystem = 1024

// http1 is the ALPN name of what callers speak.
const http1 = "http/1.1"

// Config is what a Gateway needs.
type Config struct {
	Address     string     // host:port to listen on
	Certificate pki.Source // the server certificate, swapped under us
	Trust       *trust.Snapshot
	// Protocols are the ALPN names that are offered beside HTTP; Speak says who
	// speaks them.
	Protocols []string
	Limits    Limits
	Logger    *slog.Logger
	Now       func() time.Time
}

// Gateway is the door. Make one with New, register handlers with Handle, then
// Run it.
type Gateway struct {
	log  *slog.Logger
	now  func() time.Time
	door *door.Listener
	gate *gate
	live *door.Index[*conn]
	mux  *http.ServeMux
	// routes are what mux has, but for those who are nobody's.
	routes []Route
	// handed gives callers to the HTTP server.
	handed *door.Handed
	// perSystem is how many connections one external system may keep.
	perSystem int
	// listeners has one token for each caller that is listened to after its refusal.
	listeners chan struct{}
	// protocols are those beside HTTP, by their ALPN name.
	protocols map[string]func(*door.Conn)
	// refusedAgents counts agents that were not let in.
	refusedAgents atomic.Uint64
	refusals      refusals
	// changing serialises changes of trust; it is taken before gate and index.
	changing sync.Mutex
}

// New listens, so that an address in use is an error here and not a log line
// later.
func New(c Config) (*Gateway, error) {
	limits := c.Limits.withDefaults()
	config := pki.ServerConfig(c.Certificate, append(slices.Clone(c.Protocols), http1)...)
	// A lane's frame is one record, also the first ones.
	config.DynamicRecordSizingDisabled = true
	config.VerifyConnection = unfitLater(config.VerifyConnection)
	listener, err := door.Listen(door.Config{
		Address: c.Address, TLS: config, Logger: c.Logger, Now: c.Now,
		Limits: door.Limits{Admitted: limits.Connections, Strangers: limits.Strangers, StrangersPerAddress: limits.StrangersPerAddress},
	})
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	g := &Gateway{
		log: c.Logger, now: c.Now, door: listener,
		gate: newGate(c.Trust), live: door.NewIndex[*conn](), mux: http.NewServeMux(),
		handed: door.NewHanded(listener.Addr()), listeners: make(chan struct{}, listeners), perSystem: min(maxPerSystem, max(1, limits.Connections/4)), protocols: make(map[string]func(*door.Conn)),
	}
	g.mux.HandleFunc("/", notFound)
	return g, nil
}

// Speak gives connections that negotiated one of Config.Protocols to take,
// which owns them from then on. They are strangers until it admits them. It is
// called before Run.
func (g *Gateway) Speak(protocol string, take func(*door.Conn)) { g.protocols[protocol] = take }

// Address is where the gateway listens.
func (g *Gateway) Address() net.Addr { return g.door.Addr() }

// Counts returns the live connections that were let in, and the strangers.
func (g *Gateway) Counts() (admitted, strangers int) { return g.door.Counts() }

// RefusedAgents counts requests of agents that were refused since start.
func (g *Gateway) RefusedAgents() uint64 { return g.refusedAgents.Load() }

// Close gives the address back when Run was never called.
func (g *Gateway) Close() error { return g.door.Close() }

// Run serves until ctx ends, then lets current requests finish for a while.
// All goroutines of the gateway have ended when it returns.
func (g *Gateway) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           g.recovered(straight(g.mux)),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.door.Log().Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		// HTTP/1.1 only: every known client speaks it, and what HTTP/2 would add
		// in attacks is not there (docs/security.md).
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer g.handed.Close()
		return g.door.Run(ctx, g.take)
	})
	group.Go(func() error {
		err := server.Serve(g.handed)
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return nil // no more will come, or Shutdown was called
		}
		return fmt.Errorf("serve agents: %w", err)
	})
	group.Go(func() error {
		<-ctx.Done()
		// The context that ended cannot bound the drain.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if server.Shutdown(drain) == nil {
			return nil
		}
		for _, c := range g.live.All() {
			c.Cut()
		}
		return server.Close()
	})
	return group.Wait()
}

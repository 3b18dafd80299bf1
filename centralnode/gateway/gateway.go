package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/centralnode/trust"
	"vedette/internal/budget"
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

// The time a caller has. An agent that was let in may stay silent between two
// syncs, which are at most an hour apart; nobody else may stay silent at all.
const (
	handshakeTimeout = 5 * time.Second
	headerTimeout    = 5 * time.Second
	idleTimeout      = 75 * time.Minute
	writeTimeout     = time.Minute
	maxHeaderBytes   = 16 << 10
	drainTimeout     = 5 * time.Second
)

// Config is what a Gateway needs.
type Config struct {
	Address     string     // host:port to listen on
	Certificate pki.Source // the server certificate, swapped under us
	Trust       *trust.Snapshot
	Limits      Limits
	Logger      *slog.Logger
	Now         func() time.Time
}

// Gateway is the door. Make one with New, register handlers with Handle, then
// Run it.
type Gateway struct {
	log      *slog.Logger
	now      func() time.Time
	listener net.Listener
	tls      *tls.Config
	gate     *gate
	live     *index
	conns    *budget.Conns
	waiting  *strangers
	// stranger is the log for what those cause who proved nothing yet: a line
	// a second for each address. It writes through limited.
	stranger *slog.Logger
	limited  *budget.Limited
	mux      *http.ServeMux
	numbers  atomic.Uint64 // of connections
	// changing serialises changes of trust; it is taken before gate and index.
	changing sync.Mutex
}

// New listens, so that an address in use is an error here and not a log line
// later.
func New(c Config) (*Gateway, error) {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	limits := c.Limits.withDefaults()
	limited := budget.NewLimited(c.Logger.Handler(), time.Second, c.Now, "remote", "leaf", "code")
	g := &Gateway{
		log: c.Logger, now: c.Now, listener: listener,
		tls:      pki.ServerConfig(c.Certificate, "http/1.1"),
		gate:     newGate(c.Trust),
		live:     newIndex(),
		conns:    budget.NewConns(budget.Limits{Admitted: limits.Connections, Strangers: limits.Strangers, PerAddress: limits.StrangersPerAddress}),
		waiting:  newStrangers(limits.StrangersPerAddress),
		limited:  limited,
		stranger: slog.New(limited),
		mux:      http.NewServeMux(),
	}
	g.mux.HandleFunc("/", notFound)
	return g, nil
}

// Address is where the gateway listens.
func (g *Gateway) Address() net.Addr { return g.listener.Addr() }

// Counts returns the live connections that were let in, and the strangers.
func (g *Gateway) Counts() (admitted, strangers int) {
	u := g.conns.Usage()
	return u.Admitted, u.Strangers
}

// Close gives the address back when Run was never called.
func (g *Gateway) Close() error { return g.listener.Close() }

// Run serves until ctx ends, then lets current requests finish for a while.
// All goroutines of the gateway have ended when it returns.
func (g *Gateway) Run(ctx context.Context) error {
	handed := newHanded(g.listener.Addr())
	server := &http.Server{
		Handler:           g.recovered(g.mux),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.stranger.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		// HTTP/1.1 only: every known client speaks it, and what HTTP/2 would add
		// in attacks is not there (docs/security.md).
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.accept(ctx, handed) })
	group.Go(func() error {
		err := server.Serve(handed)
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return nil // accept has ended, or Shutdown was called
		}
		return fmt.Errorf("serve agents: %w", err)
	})
	group.Go(func() error { return g.reportSuppressed(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		// The context that ended cannot bound the drain.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		closing := g.listener.Close()
		if err := server.Shutdown(drain); err != nil {
			for _, c := range g.live.in(trust.Scope{Everybody: true}) {
				c.cut()
			}
			closing = errors.Join(closing, server.Close())
		}
		return ignoreClosed(closing)
	})
	return group.Wait()
}

// reportSuppressed logs now and then, and at the end, how many lines about
// strangers were held back.
func (g *Gateway) reportSuppressed(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return g.limited.Flush(context.WithoutCancel(ctx))
		}
		if err := g.limited.Flush(ctx); err != nil {
			return fmt.Errorf("log suppressed lines: %w", err)
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

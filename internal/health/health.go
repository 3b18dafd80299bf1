// Package health tells the machine itself how a daemon is: /livez, /readyz and
// /metrics on a local listener. It tells nothing about identities, and nobody
// authenticates.
package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// namespace is the prefix of every metric of ours.
const namespace = "vedette"

// Part is something that a daemon needs to do its work.
type Part struct {
	Name string
	// Trouble is a sentence while the part does not work, else empty.
	Trouble func() string
}

// Gauge is one number. Names follow the conventions of Prometheus: base units,
// no prefix of ours.
type Gauge struct {
	Name, Help string
	Read       func() float64
}

// Counter is one number that only grows. Its name ends with _total.
type Counter Gauge

// Family is numbers under one name that labels tell apart. Whoever gives them
// bounds how many there are: no label holds the name of a host or a file.
type Family struct {
	Name, Help string
	Labels     []string // names
	Counter    bool     // its numbers only grow, and its name ends with _total
	// Read gives each number with the values of the labels, in their order.
	Read func(give func(value float64, labels ...string))
}

// Server serves health and metrics.
type Server struct {
	listener net.Listener // nil: nowhere
	parts    []Part
	metrics  *prometheus.Registry
}

// Listen binds the address; with an empty one the Server serves nowhere.
func Listen(address string, parts []Part, gauges []Gauge, counters ...Counter) (*Server, error) {
	s := &Server{parts: parts, metrics: prometheus.NewRegistry()}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, g := range gauges {
		s.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: g.Name, Help: g.Help}, g.Read))
	}
	for _, c := range counters {
		s.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: c.Name, Help: c.Help}, c.Read))
	}
	if address == "" {
		return s, nil
	}
	var err error
	if s.listener, err = net.Listen("tcp", address); err != nil {
		return nil, fmt.Errorf("listen for health and metrics: %w", err)
	}
	return s, nil
}

// Add serves a family beside the rest. It is called before Run.
func (s *Server) Add(families ...Family) {
	for _, f := range families {
		s.metrics.MustRegister(newFamily(f))
	}
}

// Addr is where the server listens, nil when nowhere.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Close gives the address back when Run was never called.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve health and metrics: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return group.Wait()
}

// ready answers 200 when every part works, and otherwise 503 with each part
// that does not.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	var troubles []any
	for _, p := range s.parts {
		if t := p.Trouble(); t != "" {
			troubles = append(troubles, p.Name+": "+t)
		}
	}
	if len(troubles) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		for _, t := range troubles {
			fmt.Fprintln(w, t)
		}
		return
	}
	fmt.Fprintln(w, "ok")
}

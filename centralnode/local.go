package centralnode

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

// local serves health and metrics to the machine itself. It tells nothing
// about identities, and nobody authenticates.
type local struct {
	node     *Node
	listener net.Listener // nil: not configured
}

func newLocal(address string, n *Node) (*local, error) {
	l := &local{node: n}
	if address == "" {
		return l, nil
	}
	var err error
	if l.listener, err = net.Listen("tcp", address); err != nil {
		return nil, fmt.Errorf("listen for health and metrics: %w", err)
	}
	return l, nil
}

func (l *local) address() net.Addr {
	if l.listener == nil {
		return nil
	}
	return l.listener.Addr()
}

func (l *local) close() error {
	if l.listener == nil {
		return nil
	}
	return l.listener.Close()
}

func (l *local) run(ctx context.Context) error {
	if l.listener == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", l.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(l.metrics(), promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(l.listener); !errors.Is(err, http.ErrServerClosed) {
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

// ready answers 200 when packages are taken, and otherwise 503 with the
// reason.
func (l *local) ready(w http.ResponseWriter, _ *http.Request) {
	n := l.node
	for part, reason := range map[string]string{"state": n.state.State().Reason, "events": n.log.State().Reason} {
		if reason != "" {
			http.Error(w, part+": "+reason, http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

func (l *local) metrics() *prometheus.Registry {
	n, r := l.node, prometheus.NewRegistry()
	gauge := func(name, help string, read func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "vedette", Name: name, Help: help}, read))
	}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge("agent_connections", "Live connections of agents that were let in.", func() float64 {
		admitted, _ := n.gateway.Counts()
		return float64(admitted)
	})
	gauge("stranger_connections", "Live connections that were not yet let in.", func() float64 {
		_, strangers := n.gateway.Counts()
		return float64(strangers)
	})
	gauge("hosts", "Hosts that were ever seen.", func() float64 { return float64(n.table.Len()) })
	gauge("event_packages", "Packages in the event log.", func() float64 { return float64(n.log.State().Messages) })
	gauge("event_bytes", "Bytes in the event log.", func() float64 { return float64(n.log.State().Bytes) })
	gauge("event_log_degraded", "1 while packages are not acknowledged.", func() float64 {
		if n.log.State().Degraded {
			return 1
		}
		return 0
	})
	gauge("server_certificate_not_after_timestamp_seconds", "When the server certificate expires.", func() float64 {
		return float64(n.serving.Pair().Leaf().NotAfter.Unix())
	})
	return r
}

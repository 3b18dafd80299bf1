package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/signin"
	"vedette/centralnode/web/websession"
	"vedette/internal/door"
	"vedette/pki"
)

const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 2 * time.Minute
	drainTimeout   = 5 * time.Second
	maxHeaderBytes = 16 << 10
	maxStreams     = 100 // of one HTTP/2 connection
	lookEvery      = time.Second
)

// withoutTLS is what browsers get that were sent to http://.
const withoutTLS = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n" +
	"This address is served by HTTPS only: use https:// in place of http://.\n"

// Server is the web interface. Make one with New, then Run it.
type Server struct {
	config   Config
	log      *slog.Logger
	door     *door.Listener
	handed   *door.Handed
	conns    *conns
	sessions *websession.Store
	signin   *signin.Room
	kit      *page.Kit
	hosts    hosts
	flows    *flows

	mu    sync.Mutex // guards shown
	shown *tls.Certificate
}

// New makes the pages and listens, so that an address in use is an error here
// and not a log line later.
func New(c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("web interface: %w", err)
	}
	s := &Server{
		config: c, log: c.Logger, conns: newConns(max(1, c.Limits.Connections/2), c.Now), hosts: newHosts(c.Hosts, c.Names),
		sessions: websession.NewStore(websession.Config{Table: c.Sessions, Idle: c.Idle, Lifetime: c.Lifetime, Logger: c.Logger, Now: c.Now}),
		flows:    newFlows(), shown: c.Certificate.Current(),
	}
	if err := s.furnish(); err != nil {
		return nil, fmt.Errorf("web interface: %w", err)
	}
	secure := pki.ServerConfig(c.Certificate, "h2", "http/1.1")
	secure.ClientAuth = tls.NoClientCert // a browser would ask its person which one to show
	shown := secure.GetCertificate
	secure.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.look()
		return shown(hello)
	}
	var err error
	s.door, err = door.Listen(door.Config{
		Address: c.Address, TLS: secure, Plain: withoutTLS, Logger: c.Logger, Now: c.Now,
		Limits: door.Limits{Admitted: c.Limits.Connections, Strangers: c.Limits.Strangers, StrangersPerAddress: c.Limits.StrangersPerAddress},
	})
	if err != nil {
		return nil, fmt.Errorf("listen for the web interface: %w", err)
	}
	s.handed = door.NewHanded(s.door.Addr())
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() net.Addr { return s.door.Addr() }

// Routes lists what is served, beside the assets.
func (s *Server) Routes() []page.Route { return s.kit.Routes() }

// Close gives the address back when Run was never called.
func (s *Server) Close() error { return s.door.Close() }

// Run serves until ctx ends, then lets current requests finish for a while and
// ends the sessions. All goroutines of the server have ended when it returns.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler(),
		// "OPTIONS *" is a request like others.
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     slog.NewLogLogger(s.door.Log().Handler(), slog.LevelDebug),
		ConnContext:                  s.conns.context,
		ConnState:                    s.conns.state,
		// A browser keeps six connections of HTTP/1.1 to one server, and each page
		// that follows changes takes one of them for itself.
		Protocols: new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReadFrameSize: 16 << 10,
			MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
			SendPingTimeout: 30 * time.Second, WriteByteTimeout: writeTimeout,
		},
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer s.handed.Close()
		return s.door.Run(ctx, s.take)
	})
	group.Go(func() error {
		err := server.Serve(s.handed)
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return nil // no more will come, or Shutdown was called
		}
		return fmt.Errorf("serve the web interface: %w", err)
	})
	group.Go(func() error {
		s.watch(ctx)
		return nil
	})
	group.Go(func() error {
		s.signin.Run(ctx)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		s.flows.end()
		// The context that ended cannot bound the drain.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err := server.Shutdown(drain)
		if err != nil {
			err = server.Close()
		}
		s.sessions.Close()
		return err
	})
	return group.Wait()
}

// take gives a connection that came in to net/http.
func (s *Server) take(c *door.Conn) {
	s.conns.add(c)
	if !s.handed.Give(c.Conn) {
		s.conns.remove(c.Conn)
		_ = c.Close() // the server is gone
	}
}

// watch ends what has had its time.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.look()
			s.conns.closeOutdated()
			s.sessions.Sweep()
		case <-ctx.Done():
			return
		}
	}
}

// look notices that the certificate was replaced. Connections from before are
// outdated then: what is being answered on them is finished, the events that
// pages follow end, and so browsers come again and meet the new one.
func (s *Server) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.config.Certificate.Current(); now != s.shown {
		s.shown = now
		s.door.NewEpoch()
		s.flows.renew()
	}
}

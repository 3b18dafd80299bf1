package sshd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/foreign"
)

// suppressedEvery is how often held back log lines are counted.
const suppressedEvery = time.Minute

// door is one way to a server: it listens, and it says who came.
type door interface {
	listener() net.Listener
	// places is how many connections are accepted at a time; further ones wait
	// in the kernel's queue.
	places() int
	// arrive takes a place for a fresh connection; false: there is none, and the
	// connection is closed at once.
	arrive(raw net.Conn, c *connection) (visit, bool)
	// close releases what the door holds beside its listener.
	close() error
}

// visit is one connection as its door sees it.
type visit interface {
	// greet prepares the handshake, which ends with ctx. The identity is what
	// the handshake's callbacks return in ssh.Permissions, under identityKey;
	// nothing that was only offered counts.
	greet(ctx context.Context) (*ssh.ServerConfig, error)
	// settle takes in somebody who proved to be who; withdraw is called when
	// that does not hold any more.
	settle(ctx context.Context, id identity, withdraw func()) (acts.Actor, error)
	// leave gives everything back, once, at the end.
	leave()
	// silence is how long the client may say nothing; 0: for ever.
	silence() time.Duration
	// idle is how long the client may have no session; 0: for ever.
	idle() time.Duration
}

// identity is who somebody proved to be, and by what.
type identity struct {
	who     acts.Actor       // without a session yet
	key     string           // fingerprint of the public key; empty: none
	account accounts.Account // as it was checked; none at a door without accounts
}

type identityKey struct{}

// permit makes the permissions of somebody who proved to be who.
func permit(id identity) *ssh.Permissions {
	return &ssh.Permissions{ExtraData: map[any]any{identityKey{}: id}}
}

// Server serves one door.
type Server struct {
	cfg      Config
	door     door
	limited  *budget.Limited
	draining chan struct{} // closed when Run's context ends

	mu    sync.Mutex // guards conns
	conns map[*connection]struct{}
}

// newServer makes a server of a configuration with its defaults.
func newServer(cfg Config, d door, limited *budget.Limited) *Server {
	return &Server{
		cfg:      cfg,
		door:     d,
		limited:  limited,
		draining: make(chan struct{}),
		conns:    map[*connection]struct{}{},
	}
}

// limit makes the log of what strangers cause, of which they cannot cause much.
func limit(cfg Config) *budget.Limited {
	return budget.NewLimited(cfg.Logger.Handler(), time.Second, cfg.Now, "address")
}

// Addr returns where the server listens.
func (s *Server) Addr() net.Addr { return s.door.listener().Addr() }

// Close releases the door of a server that is never run.
func (s *Server) Close() error {
	return errors.Join(ignoreClosed(s.door.listener().Close()), s.door.close())
}

// Run serves until ctx ends: then it stops accepting, lets running commands end
// for Config.Drain, cuts what is left, and returns when every goroutine of its
// own has ended. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	// Commands must outlive ctx for the time of the drain.
	cutCtx, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() {
		close(s.draining)
		s.door.listener().Close()
	})
	defer stop()

	var reports sync.WaitGroup
	reportCtx, endReports := context.WithCancel(cutCtx)
	reports.Go(func() { s.limited.Report(reportCtx, suppressedEvery, s.cfg.Logger) })
	defer reports.Wait()
	defer endReports()

	var wg sync.WaitGroup
	err := s.accept(ctx, cutCtx, &wg)

	// Connections without a running command close now, the others when theirs
	// end.
	s.eachConnection((*connection).drain)
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	deadline := time.NewTimer(s.cfg.Drain)
	defer deadline.Stop()
	select {
	case <-ended:
	case <-deadline.C:
		s.eachConnection((*connection).cut)
		cut()
		<-ended
	}
	return errors.Join(err, s.Close())
}

// accept takes connections until ctx ends (nil) or the listener breaks.
func (s *Server) accept(ctx, cutCtx context.Context, wg *sync.WaitGroup) error {
	slots := make(chan struct{}, s.door.places())
	const firstPause, lastPause = 5 * time.Millisecond, time.Second
	pause := firstPause
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		raw, err := s.door.listener().Accept()
		if err != nil {
			<-slots
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept on %s: %w", s.Addr(), err)
			}
			s.cfg.Logger.Warn("cannot accept a connection", "err", err, "pause", pause)
			select {
			case <-time.After(pause):
				pause = min(2*pause, lastPause)
			case <-ctx.Done():
			}
			continue
		}
		pause = firstPause
		connCtx, end := context.WithCancel(cutCtx)
		c := &connection{server: s, peer: newPeer(raw, end), end: end}
		visit, ok := s.door.arrive(raw, c)
		if !ok {
			c.cut()
			<-slots
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			defer visit.leave()
			defer c.cut()
			defer func() {
				if r := recover(); r != nil {
					s.cfg.Logger.Error("panic in a connection", "panic", r, "stack", string(debug.Stack()))
				}
			}()
			s.serve(connCtx, c, visit)
		})
	}
}

func (s *Server) eachConnection(do func(*connection)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		do(c)
	}
}

// serve shakes hands and serves one connection to its end.
func (s *Server) serve(ctx context.Context, c *connection, v visit) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	select {
	case <-s.draining: // it came in while the drain began
		return
	default:
	}

	conn, channels, requests, err := s.shakeHands(ctx, c.peer, v)
	if err != nil {
		slog.New(s.limited).Info("nobody was let in", "address", addressText(c.peer.RemoteAddr()), "err", foreign.Line(err.Error()))
		return
	}
	defer conn.Close()
	id, ok := conn.Permissions.ExtraData[identityKey{}].(identity)
	if !ok { // a door that authenticates nobody lets nobody in
		s.cfg.Logger.Error("a door let somebody in without a name")
		return
	}
	if c.who, err = v.settle(ctx, id, c.withdraw); err != nil {
		s.cfg.Logger.Warn("a sign-in was withdrawn while it was made", "account", id.who.Account, "address", id.who.From, "err", err)
		return
	}
	c.log = s.cfg.Logger.With("account", c.who.Account, "address", c.who.From, "session", c.who.Session)
	c.serve(ctx, conn, channels, requests, v)
}

// shakeHands brings a connection to its sign-in within Config.Handshake.
func (s *Server) shakeHands(ctx context.Context, p *peer, v visit) (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Handshake)
	defer cancel()
	if err := p.SetDeadline(time.Now().Add(s.cfg.Handshake)); err != nil {
		return nil, nil, nil, err
	}
	config, err := v.greet(ctx)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("tell who connected: %w", err)
	}
	conn, channels, requests, err := ssh.NewServerConn(p, config)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := p.SetDeadline(time.Time{}); err != nil {
		return nil, nil, nil, errors.Join(err, conn.Close())
	}
	return conn, channels, requests, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// addressText is where a connection comes from, without its port: an address,
// or "local".
func addressText(a net.Addr) string {
	if addr := budget.AddrOf(a); addr.IsValid() {
		return addr.String()
	}
	return "local"
}

package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
)

// Streams are the three streams of a command. In ends with io.EOF only when
// the client ended it; Out and Err may be used by several goroutines at once.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Draining is closed when the server begins to stop: a command that would
	// run for ever ends then. Nil: never.
	Draining <-chan struct{}
}

// Command runs one command line for somebody and returns its exit status. The
// context ends when the client goes away, sends a signal, or the server cuts.
type Command func(ctx context.Context, who acts.Actor, args []string, s Streams) (exit int)

// Config says what a server does.
type Config struct {
	Command Command
	Logger  *slog.Logger
	// Version is shown to clients, as in "SSH-2.0-Vedette"; without blanks.
	Version string
	// Handshake bounds the time from connecting to being signed in; 0: 20 s.
	Handshake time.Duration
	// Drain is how long running commands may go on when Run's context ends;
	// 0: 5 s.
	Drain time.Duration
	// Connections bounds the connections at a time; 0: 256. Further ones wait
	// in the kernel's queue.
	Connections int
	// Channels bounds the sessions of one connection at a time; 0: 10.
	Channels int
}

func (c Config) withDefaults() Config {
	if c.Version == "" {
		c.Version = "Vedette"
	}
	if c.Handshake == 0 {
		c.Handshake = 20 * time.Second
	}
	if c.Drain == 0 {
		c.Drain = 5 * time.Second
	}
	if c.Connections == 0 {
		c.Connections = 256
	}
	if c.Channels == 0 {
		c.Channels = 10
	}
	return c
}

// door is one way to a server: it listens, and it says who came.
type door struct {
	listener net.Listener
	// greet prepares the handshake with a fresh connection. The identity is
	// what the handshake's callbacks return in ssh.Permissions, under
	// actorKey; nothing that was only offered counts.
	greet func(net.Conn) (*ssh.ServerConfig, error)
	// close releases what the door holds beside its listener.
	close func() error
}

type actorKey struct{}

// permit makes the permissions of somebody who proved to be who.
func permit(who acts.Actor) *ssh.Permissions {
	return &ssh.Permissions{ExtraData: map[any]any{actorKey{}: who}}
}

// algorithms are what we speak: post-quantum or curve25519 key exchange and
// AEAD ciphers only, which leaves nothing to prefix truncation.
func algorithms() ssh.Config {
	return ssh.Config{
		KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
		Ciphers:      []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM},
	}
}

// Server serves one door.
type Server struct {
	cfg      Config
	door     door
	draining chan struct{} // closed when Run's context ends

	mu    sync.Mutex // guards conns
	conns map[*connection]struct{}
}

func newServer(cfg Config, d door) *Server {
	return &Server{
		cfg:      cfg.withDefaults(),
		door:     d,
		draining: make(chan struct{}),
		conns:    map[*connection]struct{}{},
	}
}

// Addr returns where the server listens.
func (s *Server) Addr() net.Addr { return s.door.listener.Addr() }

// Close releases the door of a server that is never run.
func (s *Server) Close() error {
	return errors.Join(ignoreClosed(s.door.listener.Close()), s.door.close())
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
		s.door.listener.Close()
	})
	defer stop()

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
		cut()
		s.eachConnection((*connection).cut)
		<-ended
	}
	return errors.Join(err, s.Close())
}

// accept takes connections until ctx ends (nil) or the listener breaks.
func (s *Server) accept(ctx, cutCtx context.Context, wg *sync.WaitGroup) error {
	slots := make(chan struct{}, s.cfg.Connections)
	const firstPause, lastPause = 5 * time.Millisecond, time.Second
	pause := firstPause
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		raw, err := s.door.listener.Accept()
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
		wg.Go(func() {
			defer func() { <-slots }()
			defer raw.Close()
			defer func() {
				if r := recover(); r != nil {
					s.cfg.Logger.Error("panic in a connection", "panic", r, "stack", string(debug.Stack()))
				}
			}()
			s.serve(cutCtx, raw)
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
func (s *Server) serve(ctx context.Context, raw net.Conn) {
	c := &connection{server: s, raw: raw}
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

	if err := raw.SetDeadline(time.Now().Add(s.cfg.Handshake)); err != nil {
		s.cfg.Logger.Debug("cannot set a deadline", "err", err)
		return
	}
	config, err := s.door.greet(raw)
	if err != nil {
		s.cfg.Logger.Warn("cannot tell who connected", "err", err)
		return
	}
	conn, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		s.cfg.Logger.Info("nobody was let in", "err", err)
		return
	}
	defer conn.Close()
	who, ok := conn.Permissions.ExtraData[actorKey{}].(acts.Actor)
	if !ok { // a door that authenticates nobody lets nobody in
		s.cfg.Logger.Error("a door let somebody in without a name")
		return
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		s.cfg.Logger.Debug("cannot clear a deadline", "err", err)
		return
	}
	c.who = who
	c.log = s.cfg.Logger.With("account", who.Account, "from", who.From)
	c.serve(ctx, channels, requests)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

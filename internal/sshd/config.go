package sshd

import (
	"context"
	"io"
	"log/slog"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sessions"
	"vedette/internal/sshd/home"
)

// Streams are the three streams of a command. In ends with io.EOF only when
// the client ended it; Out and Err may be used by several goroutines at once.
// With a terminal they are what a program expects of one: a line that is
// written ends with \n, one that is typed too, ^C ends the command's context
// and ^D the input. Nothing is echoed.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Draining is closed when the server begins to stop: a command that would
	// run for ever ends then. Nil: never.
	Draining <-chan struct{}
	// Terminal is the client's; nil: the client gave none.
	Terminal *Terminal
}

// Command runs one command line for somebody and returns its exit status. A
// client that asks for a shell gets the command line "menu". The context ends
// when the client goes away, interrupts, is no longer allowed in, or the server
// cuts; what is written a moment after that still reaches a client that is
// there.
type Command func(ctx context.Context, who acts.Actor, args []string, s Streams) (exit int)

// Config says what a server does.
type Config struct {
	Command Command
	// Home gives somebody's home folder to scp and sftp; nil: there is none.
	Home func(who acts.Actor) home.Folder
	// Sessions is where those who signed in over the network are entered. It
	// ends them. Nil: a table of the server's own.
	Sessions *sessions.Table
	Logger   *slog.Logger
	// Version is shown to clients, as in "SSH-2.0-Vedette"; without blanks.
	Version string
	// Handshake bounds the time from connecting to being signed in; 0: 20 s.
	Handshake time.Duration
	// Silence is how long a client over the network may say nothing, not even
	// when asked, before it is taken for gone; 0: 60 s.
	Silence time.Duration
	// Idle is how long a client over the network may have no session before its
	// connection is closed, so that it takes nobody's place; 0: 5 min.
	Idle time.Duration
	// Drain is how long running commands may go on when Run's context ends;
	// 0: 5 s.
	Drain time.Duration
	// Connections bounds those of a unix socket at a time; 0: 256. Further ones
	// wait in the kernel's queue. Over the network Network.Limits counts.
	Connections int
	// Channels bounds the sessions of one connection at a time; 0: 10.
	Channels int
	// Now is the clock of the log's limits and of the sessions' begin; nil:
	// time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	orElse(&c.Version, "Vedette")
	orElse(&c.Handshake, 20*time.Second)
	orElse(&c.Silence, time.Minute)
	orElse(&c.Idle, 5*time.Minute)
	orElse(&c.Drain, 5*time.Second)
	orElse(&c.Connections, 256)
	orElse(&c.Channels, 10)
	if c.Sessions == nil {
		c.Sessions = sessions.NewTable()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func orElse[T comparable](value *T, otherwise T) {
	if none := *new(T); *value == none {
		*value = otherwise
	}
}

// algorithms are what we speak: post-quantum or curve25519 key exchange and
// AEAD ciphers only, which leaves nothing to prefix truncation. The MACs go
// with no cipher of ours and are named because an empty list means a default
// that has SHA-1 in it.
func algorithms() ssh.Config {
	return ssh.Config{
		KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
		Ciphers:      []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM},
		MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
	}
}

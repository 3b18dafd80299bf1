package sshd

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
)

// connection is one client, signed in as one account once its handshake is
// done.
type connection struct {
	server *Server
	peer   *peer
	end    context.CancelFunc // ends the contexts of its commands
	who    acts.Actor
	log    *slog.Logger

	mu        sync.Mutex    // guards what follows
	sessions  int           // open session channels
	terminals int           // of them, those that draw on a person's terminal
	draining  bool          // close when the last session has ended
	withdrawn bool          // it may not be here any more
	idle      *time.Timer   // runs while there is no session; nil: that has no bound
	mayIdle   time.Duration // how long it runs
}

// cut ends the connection and then the contexts of its commands, without
// waiting: what a command still says does not look like its proper end.
func (c *connection) cut() {
	c.peer.Close()
	c.end()
}

// withdraw ends a connection that may not be here any more. Nothing is heard
// from it and no command goes on; but what draws on a person's terminal has a
// moment to put it back and to say why.
func (c *connection) withdraw() {
	c.mu.Lock()
	c.draining, c.withdrawn = true, true
	terminals := c.terminals
	c.mu.Unlock()
	if terminals == 0 {
		c.cut()
		return
	}
	c.end()
	time.AfterFunc(lastWords, c.cut) // earlier, when the last session has ended
}

// draws counts a session that has a terminal, by +1 and -1.
func (c *connection) draws(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.terminals += by
}

// status is what a command's exit status looks like to the client: that of a
// connection which was withdrawn is never a success.
func (c *connection) status(exit int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.withdrawn && exit == 0 {
		return exitFailed
	}
	return exit
}

// serve serves channels until the client or the server ends the connection.
func (c *connection) serve(ctx context.Context, conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request, v visit) {
	if idle := v.idle(); idle > 0 {
		defer c.bound(idle).Stop() // when no session is left that starts it again
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.cut()
	wg.Go(func() { ssh.DiscardRequests(requests) }) // answers every global request with a refusal
	if silence := v.silence(); silence > 0 {
		wg.Go(func() { c.peer.keepAlive(ctx, conn, silence, c.cut) })
	}
	for offered := range channels {
		if offered.ChannelType() != "session" {
			c.reject(offered, ssh.Prohibited, "only session channels are served here")
			continue
		}
		if !c.reserve() {
			c.reject(offered, ssh.ResourceShortage, "too many sessions on this connection, or the daemon is stopping")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			c.release()
			continue // the connection has ended
		}
		wg.Go(func() {
			defer c.release()
			newSession(c, channel).serve(ctx, requests)
		})
	}
}

func (c *connection) reject(offered ssh.NewChannel, why ssh.RejectionReason, text string) {
	c.log.Debug("channel refused", "type", shortText(offered.ChannelType()), "reason", text)
	if err := offered.Reject(why, text); err != nil {
		c.log.Debug("cannot refuse a channel", "err", err)
	}
}

// reserve takes the place of one session, if there is one.
func (c *connection) reserve() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.sessions >= c.server.cfg.Channels {
		return false
	}
	c.sessions++
	if c.idle != nil {
		c.idle.Stop()
	}
	return true
}

func (c *connection) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions--
	switch {
	case c.sessions > 0:
	case c.draining:
		c.cut()
	case c.idle != nil:
		c.idle.Reset(c.mayIdle)
	}
}

// bound closes the connection when it has had no session for so long.
func (c *connection) bound(idle time.Duration) *time.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mayIdle = idle
	c.idle = time.AfterFunc(idle, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.draining || c.sessions > 0 {
			return // a session came at the last moment
		}
		c.draining = true
		c.log.Info("a connection without a session was closed", "after", idle)
		c.cut()
	})
	return c.idle
}

// busy says whether the connection has a session.
func (c *connection) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions > 0
}

// drain closes the connection as soon as it has no session.
func (c *connection) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.sessions == 0 {
		c.cut()
	}
}

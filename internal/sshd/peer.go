package sshd

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// peer is the connection under SSH. It notices at once that the other end has
// gone, also while what came before waits to be dealt with.
type peer struct {
	net.Conn
	gone  func()
	since time.Time
	heard atomic.Int64 // when something was read last, as time after since
}

func newPeer(raw net.Conn, gone func()) *peer {
	return &peer{Conn: raw, gone: gone, since: time.Now()}
}

func (p *peer) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.heard.Store(int64(time.Since(p.since)))
	}
	if err != nil {
		p.gone()
	}
	return n, err
}

// quiet is for how long nothing was read.
func (p *peer) quiet() time.Duration {
	return time.Since(p.since) - time.Duration(p.heard.Load())
}

// keepAlive asks a quiet client whether it is there until ctx ends, and cuts
// one that stays silent for too long. A client that is busy reading answers
// late, so whatever it sends counts as an answer.
func (p *peer) keepAlive(ctx context.Context, conn ssh.Conn, silence time.Duration, cut func()) {
	watchdog := time.NewTimer(silence)
	defer watchdog.Stop()
	question := time.NewTicker(silence / 3)
	defer question.Stop()
	asking := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() { // a question may wait for a client that does not read
		defer close(done)
		for range asking {
			if _, _, err := conn.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				return
			}
		}
	}()
	defer func() { close(asking); <-done }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watchdog.C:
			left := silence - p.quiet()
			if left <= 0 {
				cut()
				return
			}
			watchdog.Reset(left)
		case <-question.C:
			if p.quiet() < silence/4 {
				continue
			}
			select {
			case asking <- struct{}{}:
			default: // the last one is not answered yet
			}
		}
	}
}

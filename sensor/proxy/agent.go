package proxy

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"vedette/internal/door"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
)

// agent is the connection of an Endpoint Agent that was let in, and its stream.
type agent struct {
	proxy *Proxy
	conn  *door.Conn
	gone  chan struct{} // closed when it is cut

	// mu is taken before the locks of link and door.
	mu        sync.Mutex
	over      bool               // cut, or ended in order
	cancel    context.CancelFunc // while the stream is being opened
	stream    *link.Stream       // nil until it is open
	going     int                // directions that have not ended
	heard     bool               // the agent has ended its direction
	answered  bool               // the Central Node has ended its direction
	readUntil time.Time          // the read deadline of conn
	wrote     time.Time          // when conn took something, to the second

	writeUntil time.Time // the write deadline of conn; only for the direction to the agent
}

func newAgent(p *Proxy, c *door.Conn) *agent {
	return &agent{proxy: p, conn: c, gone: make(chan struct{}), going: 2}
}

// cut ends agent and stream at once, without close_notify: nothing more of the
// agent is forwarded when it returns.
func (a *agent) cut(code link.Code, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	a.over = true
	close(a.gone)
	if a.cancel != nil {
		a.cancel()
	}
	if a.stream != nil {
		a.stream.Reset(code, reason)
	}
	a.conn.Cut()
}

// open gets a stream, or says what to answer.
func (a *agent) open(ctx context.Context, meta link.Meta) *problem.Problem {
	ctx, cancel := context.WithTimeout(ctx, a.proxy.times.open)
	defer cancel()
	a.mu.Lock()
	if a.cancel = cancel; a.over {
		cancel()
	}
	a.mu.Unlock()
	stream, err := a.proxy.config.Link.Open(ctx, meta)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel = nil
	switch {
	case err == nil && a.over:
		stream.Reset(controlv1.CodeAgent, "")
	case err == nil:
		a.stream = stream
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Full() // every stream of the link is taken
	}
	if why := a.proxy.config.Link.Refusal(); why != nil {
		return why
	}
	return notNow() // it came back just now
}

// carry sends first, which the agent has said before, and starts both
// directions.
func (a *agent) carry(first []byte) {
	err := a.pay(len(first))
	if err == nil {
		_, err = a.stream.Write(first)
	}
	if err != nil {
		a.fail(err)
		return
	}
	a.proxy.carrying.Go(func() { a.run(a.up) })
	a.proxy.carrying.Go(func() { a.run(a.down) })
}

// fail cuts the agent because of an error.
func (a *agent) fail(err error) {
	a.proxy.door.Log().Debug("agent cut", "remote", a.conn.Remote.Addr().String(), "error", err)
	a.cut(controlv1.CodeAgent, "the agent's connection was cut")
}

// run is one direction. The second one that ends in order ends the connection,
// an error of either cuts it.
func (a *agent) run(direction func() error) {
	defer func() {
		if p := recover(); p != nil {
			a.proxy.log.Error("agent cut by a panic", "remote", a.conn.Remote.Addr().String(), "panic", p, "stack", string(debug.Stack()))
			a.cut(controlv1.CodeAgent, "")
		}
	}()
	if err := direction(); err != nil {
		a.fail(err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.going--; a.going > 0 || a.over {
		return
	}
	a.over = true
	_ = a.stream.Close() // both of its directions have ended
	_ = a.conn.Close()   // and so have those of the agent
}

var errTruncated = errors.New("the agent's TCP ended without close_notify")

// up carries what the agent says until its close_notify.
func (a *agent) up() error {
	if _, err := a.stream.ReadFrom((*incoming)(a)); err != nil {
		return err
	}
	if a.conn.Truncated() {
		return errTruncated
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil
	}
	a.heard = true
	if err := a.stream.SetReadDeadline(time.Now().Add(a.proxy.times.end)); err != nil {
		return err
	}
	return a.stream.CloseWrite()
}

// down carries what the Central Node says until it ends its direction.
func (a *agent) down() error {
	if _, err := a.stream.WriteTo((*outgoing)(a)); err != nil {
		return err
	}
	if err := a.conn.CloseWrite(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answered = true
	a.readUntil = time.Now().Add(a.proxy.times.end)
	return a.conn.SetReadDeadline(a.readUntil)
}

// pay waits for the agent's share of the ingress.
func (a *agent) pay(n int) error {
	if err := a.proxy.ingress.Take(ownerOf(a.conn), n, a.gone); err != nil {
		return err
	}
	a.proxy.received.Add(uint64(n))
	return nil
}

// incoming reads from an agent, at the pace that its share of the ingress
// allows.
type incoming agent

// Read reads at most as much as is granted at once, and pays for it.
func (in *incoming) Read(p []byte) (int, error) {
	a := (*agent)(in)
	p = p[:min(len(p), a.proxy.ingress.Most())]
	for {
		if err := a.mayRead(); err != nil {
			return 0, err
		}
		n, err := a.conn.Read(p)
		if n > 0 {
			if unpaid := a.pay(n); unpaid != nil {
				return 0, unpaid
			}
			return n, err
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || !a.busy() {
			return 0, err
		}
	}
}

// mayRead moves the read deadline on. That costs as much as a small write, so
// it is done now and then only.
func (a *agent) mayRead() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	idle := a.proxy.times.idle
	if a.answered {
		idle = a.proxy.times.end
	}
	now := time.Now()
	if a.readUntil.Sub(now) >= idle {
		return nil
	}
	a.readUntil = now.Add(idle + idle/16)
	return a.conn.SetReadDeadline(a.readUntil)
}

// busy says whether a silent agent is being sent something.
func (a *agent) busy() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.answered && time.Since(a.wrote) < a.proxy.times.idle
}

// outgoing writes to an agent.
type outgoing agent

// Write fails when the agent does not take p in time.
func (out *outgoing) Write(p []byte) (int, error) {
	a := (*agent)(out)
	if now := time.Now(); a.writeUntil.Sub(now) < a.proxy.times.write {
		a.writeUntil = now.Add(a.proxy.times.write + time.Second)
		if err := a.mayWrite(now); err != nil {
			return 0, err
		}
	}
	return a.conn.Write(p)
}

// mayWrite moves the deadlines on that depend on what is sent to the agent,
// once a second.
func (a *agent) mayWrite(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrote = now
	if a.heard && !a.over {
		if err := a.stream.SetReadDeadline(now.Add(a.proxy.times.end + time.Second)); err != nil {
			return err
		}
	}
	return a.conn.SetWriteDeadline(a.writeUntil)
}

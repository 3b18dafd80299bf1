package proxy

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"vedette/internal/door"
	"vedette/internal/socket"
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
	mu       sync.Mutex
	over     bool               // cut, or ended in order
	cancel   context.CancelFunc // while the stream is being opened
	stream   *link.Stream       // nil until it is open
	going    int                // directions that have not ended
	heard    bool               // the agent has ended its direction
	answered bool               // the Central Node has ended its direction
	wrote    time.Time          // when conn took something, roughly

	// Only for the direction from the agent: the deadline of its next Read, and
	// that it passed.
	readUntil time.Time
	silent    bool
	// Only for the direction to the agent: the write deadline of conn.
	writeUntil time.Time
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

// cutOnPanic leaves no stream behind when the goroutine that opens it panics.
func (a *agent) cutOnPanic() {
	if p := recover(); p != nil {
		a.cut(controlv1.CodeAgent, "")
		panic(p) // the door logs it
	}
}

// ended reports whether the agent was cut.
func (a *agent) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
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
	for ended := false; !ended; {
		if _, err := a.stream.ReadFrom((*incoming)(a)); err != nil {
			return err
		}
		if ended = !a.silent; a.silent {
			a.silent = false
			if err := a.awaitBytes(); err != nil {
				return err
			}
		}
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
	return a.conn.SetReadDeadline(time.Now().Add(a.proxy.times.end))
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

// Read reads at most as much as is granted at once, and pays for it. When the
// agent falls silent it pretends the end, so that no buffer waits with it.
func (in *incoming) Read(p []byte) (int, error) {
	a := (*agent)(in)
	if now := time.Now(); a.readUntil.Sub(now) < a.proxy.times.silence {
		a.readUntil = now.Add(2 * a.proxy.times.silence)
		if err := a.conn.SetReadDeadline(a.readUntil); err != nil {
			return 0, err
		}
	}
	n, err := a.conn.Read(p[:min(len(p), a.proxy.ingress.Most())])
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if n > 0 {
		if unpaid := a.pay(n); unpaid != nil {
			return 0, unpaid
		}
		if late {
			err = nil // what comes next does
		}
		return n, err
	}
	if a.silent = late; late {
		err = io.EOF
	}
	return 0, err
}

// awaitBytes waits until TCP has something for TLS, which has nothing left then
// that it could give. It holds no buffer and little stack.
func (a *agent) awaitBytes() error {
	raw, err := a.conn.NetConn().(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	for {
		if err := a.mayBeSilent(); err != nil {
			return err
		}
		err := raw.Read(socket.Readable)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !a.busy() {
			return err
		}
	}
}

// mayBeSilent sets how long the agent may be silent from now on.
func (a *agent) mayBeSilent() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.readUntil = time.Time{} // the next Read has its own
	if a.answered {
		return a.conn.SetReadDeadline(time.Now().Add(a.proxy.times.end))
	}
	return a.conn.SetReadDeadline(time.Now().Add(a.proxy.times.idle))
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
		a.writeUntil = now.Add(a.proxy.times.write + a.proxy.times.silence)
		if err := a.mayWrite(now); err != nil {
			return 0, err
		}
	}
	n, err := a.conn.Write(p)
	a.proxy.given.Add(uint64(n))
	return n, err
}

// mayWrite moves the deadlines on that depend on what is sent to the agent.
func (a *agent) mayWrite(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrote = now
	if a.heard && !a.over {
		if err := a.stream.SetReadDeadline(now.Add(a.proxy.times.end + a.proxy.times.silence)); err != nil {
			return err
		}
	}
	return a.conn.SetWriteDeadline(a.writeUntil)
}

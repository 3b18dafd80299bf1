package sensors

import (
	"context"
	"crypto/tls"
	"runtime/debug"

	"vedette/centralnode/trust"
	"vedette/internal/door"
	"vedette/pki"
	"vedette/proto/link"
)

// join makes a connection a lane, and stays with it to its end.
func (r *Room) join(ctx context.Context, c *door.Conn) {
	defer c.Cut() // gives its place at the door back; the lane has closed it in order by then
	defer r.caught("lane ended by a panic")
	remote := c.Remote.Addr().String()
	if why := unfit(c); why != "" {
		r.log.Info("lane refused", "remote", remote, "reason", why)
		return
	}
	id := c.Leaf
	newcomer := func() {}
	if r.c.Door.Trust().Sensor(id) == trust.Unknown {
		lease, ok := r.newcomers.Acquire(c.Remote.Addr())
		if !ok {
			r.log.Info("lane refused", "remote", remote, "reason", "too many unknown Sensors introduce themselves")
			return
		}
		newcomer = lease.Release
	}
	defer newcomer()

	lane, err := r.acceptor.Join(ctx, c, id.String())
	if err != nil {
		r.log.Info("lane refused", "remote", remote, "sensor", trust.SensorID(id), "reason", err.Error())
		return
	}
	p := r.linkOf(ctx, lane.Link(), c)
	if !p.add(lane, c) || c.Outdated() { // CutAll may have come before the link was known
		c.Cut()
	}
	select {
	case <-p.introduced:
		newcomer()
		<-lane.Done()
	case <-lane.Done():
	}
	p.remove(lane)
}

// unfit says why a connection can be nobody's lane, or nothing.
func unfit(c *door.Conn) string {
	switch {
	case c.ConnectionState().Version < tls.VersionTLS13:
		return "TLS 1.3 is demanded"
	case c.Certificate == nil:
		return "no certificate"
	}
	if err := pki.CheckLeaf(c.Certificate); err != nil {
		return err.Error()
	}
	return ""
}

// caught keeps a panic in its lane or link.
func (r *Room) caught(what string) {
	if p := recover(); p != nil {
		r.c.Logger.Error(what, "panic", p, "stack", string(debug.Stack()))
	}
}

// linkOf returns what belongs to a live link, whichever of its lanes is the
// first to ask. Whoever makes it has it served.
func (r *Room) linkOf(ctx context.Context, l *link.Link, c *door.Conn) *linked {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.links[l]; p != nil {
		return p
	}
	p := newLinked(r, l, c)
	r.links[l] = p
	ctx, p.end = context.WithCancelCause(ctx)
	r.running.Go(func() {
		defer p.end(nil)
		defer r.forget(p)
		r.serve(ctx, p)
	})
	return p
}

// forget takes a link out that has ended.
func (r *Room) forget(p *linked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, p.link)
	if s := r.sensors[p.id]; s != nil && s.link == p {
		s.link = nil
		s.contact.Last, s.dirty = r.c.Now(), true
	}
}

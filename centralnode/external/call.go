package external

import (
	"context"
	"net/http"
	"net/netip"

	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/proto/problem"
)

// Call is one request of an accepted external system.
type Call struct {
	System trust.System
	Remote netip.Addr
	// Type is what the system is treated as.
	Type acts.SystemType
	// Name is what it calls itself: foreign, at most 256 bytes.
	Name string

	room *Room
}

// callKey is the context key under which a request finds its call.
type callKey struct{}

// Of is the call that a handler under Room.Handle serves.
func Of(ctx context.Context) *Call { return ctx.Value(callKey{}).(*Call) }

// begin notes a call of a system that was let in.
func (r *Room) begin(req *http.Request) *Call {
	caller := r.c.Door.Caller(req.Context())
	c := &Call{
		System: trust.System{ID: req.PathValue("system"), Leaf: caller.Leaf},
		Remote: caller.Remote.Addr(), Type: acts.OtherSystem, room: r,
	}
	said, now := claimOf(req), r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.systems[c.System]; s != nil { // an administrator may just be deleting it
		s.called(c.Remote, now, said)
		c.Type, c.Name = s.kind(), s.name()
	}
	return c
}

// Admit asks whether the system may still have something made durable, right
// before that is done. A change of trust that concerns the system waits for
// Release. The error is gateway.ErrCut when the right was withdrawn since the
// call began: its connection is gone then, and the answer reaches nobody.
func (c *Call) Admit(ctx context.Context) (trust.Admission, error) {
	return c.room.c.Door.Admit(ctx, trust.ExternalSystem)
}

// Submitted counts an object that was taken.
func (c *Call) Submitted() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if s := c.room.systems[c.System]; s != nil {
		s.calls.Submitted++
		s.dirty = true
	}
}

// Fail answers with p and notes it as the system's last error.
func (c *Call) Fail(w http.ResponseWriter, p *problem.Problem) {
	c.room.note(c.System, p)
	problem.Write(w, p)
}

// note notes an answer that was an error.
func (r *Room) note(who trust.System, p *problem.Problem) {
	now := r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.systems[who]; s != nil {
		s.failed(p, now)
	}
}

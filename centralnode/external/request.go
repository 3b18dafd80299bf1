package external

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/budget"
	"vedette/internal/foreign"
	"vedette/internal/kv"
	"vedette/proto/problem"
)

// ActRequest is the act of an external system that asks, as audit records carry
// it.
const ActRequest = "external-system request"

// Bounds on the requests that nobody decided yet.
const (
	maxPending           = 256
	maxPendingPerAddress = 32 // an IPv6 address counts as its /64
	// idleAfter is how long a system that waits may be silent before its request
	// may make room: the documented pace is one call a minute.
	idleAfter = 10 * time.Minute
	// yieldEvery and yieldBurst are how often a request makes room for another.
	yieldEvery = 10 * time.Second
	yieldBurst = 20
	// fullFor is how long the disk is left alone after it took no request.
	fullFor = 2 * time.Second
	// maxTries bounds how often a request starts again because an administrator
	// decided about it, or about the one that yields, at the same time.
	maxTries = 5
)

var (
	errCrowded = errors.New("too many requests wait")
	errNotKept = errors.New("the request cannot be kept now")
)

// refused answers a caller whom the judge did not let in, and makes the request
// of one that is not known.
func (r *Room) refused(req *http.Request, c trust.Caller, id string, v trust.Verdict) *problem.Problem {
	who := trust.System{ID: id, Leaf: c.Leaf}
	said, code := claimOf(req), v.Code
	if code == problem.CertificateUnknown {
		var err error
		if code, err = r.ask(req.Context(), who, c.Remote.Addr(), said); err != nil {
			return notAsked(err)
		}
	}
	p := refusal(code, c.Leaf)
	if code != problem.WrongDoor && code != problem.NoCertificate {
		now := r.c.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		if s := r.systems[who]; s != nil {
			s.called(c.Remote.Addr(), now, said)
			s.failed(p, now)
		}
	}
	return p
}

// ask makes a Pending request of a system that is not known, unless too many
// wait, and returns the code of its state then.
func (r *Room) ask(ctx context.Context, who trust.System, from netip.Addr, said claim) (problem.Code, error) {
	if err := r.mayAsk(from); err != nil {
		return "", err // cheaply: nothing has waited, and nothing was read
	}
	if err := r.asking.Enter(ctx); err != nil {
		return "", errNotKept
	}
	defer r.asking.Leave()
	for range maxTries {
		// The queue may have been long. Whoever was accepted meanwhile gets in with
		// its next call.
		if v := r.c.Door.Trust().JudgeSystem(who.ID, trust.Caller{Leaf: who.Leaf}); v.Code != problem.CertificateUnknown {
			if v.Allowed {
				v.Code = problem.Pending
			}
			return v.Code, nil
		}
		yields, err := r.place(from)
		if err == nil {
			err = r.request(ctx, r.describe(ctx, who, from, said), yields)
		}
		switch {
		case err == nil, isConflict(err): // somebody was faster with one of the two
		case errors.Is(err, errCrowded):
			return "", err
		default:
			return "", r.notKept(ctx, who, from, err)
		}
	}
	return "", errNotKept
}

func isConflict(err error) bool {
	_, moved := errors.AsType[*kv.ConflictError](err)
	return moved
}

// describe is the request that a caller makes.
func (r *Room) describe(ctx context.Context, who trust.System, from netip.Addr, said claim) store.ExternalSystem {
	cert := r.c.Door.Certificate(ctx)
	return store.ExternalSystem{
		ID: who.ID, Fingerprint: who.Leaf, State: store.Pending,
		Type: cmp.Or(said.kind, acts.OtherSystem), Name: cmp.Or(said.name, foreign.Bounded(cert.Subject.CommonName, maxName)),
		Subject: foreign.Bounded(cert.Subject.String(), maxSubject), NotAfter: cert.NotAfter,
		Requested: r.c.Now(), Address: from.String(),
	}
}

// request writes a request, in the place of another one when that yields. It
// needs the gate of asking.
func (r *Room) request(ctx context.Context, v store.ExternalSystem, yields *store.ExternalSystem) error {
	who := v.System()
	record := audit.Record{
		Account: who.Key(), Face: string(acts.FaceAPI), From: v.Address,
		Act: ActRequest, Subject: []string{who.Leaf.String(), who.ID, v.Name},
	}
	scope := trust.Scope{Systems: []trust.System{who}}
	if yields != nil {
		record.Detail = "it took the place of " + yields.System().Leaf.String() + " with the ID " + yields.ID + ", which waited longest of those that do not call"
		scope.Systems = append(scope.Systems, yields.System())
	}
	_, err := r.c.Door.Change(ctx, scope, func() (*trust.Snapshot, error) {
		snapshot := r.c.Door.Trust()
		v.Changed = snapshot.KnownSystemID(who.ID)
		var change store.Change
		snapshot = snapshot.WithSystem(who, trust.Pending)
		change.PutExternalSystem(v)
		if yields != nil {
			snapshot = snapshot.WithSystem(yields.System(), trust.Unknown)
			change.DeleteExternalSystem(*yields)
		}
		revision, err := r.c.Trail.Commit(ctx, record, change.Ops, change.Expect)
		return snapshot.At(uint64(revision), false), err
	})
	r.Changed(ctx, who)
	if yields != nil {
		r.Changed(ctx, yields.System()) // also after a conflict, which shows that it was out of date
	}
	if err != nil {
		if yields != nil {
			r.yielding.Refund(struct{}{})
		}
		return err
	}
	attrs := []any{"system", who.Key(), "id", who.ID, "remote", v.Address, "fingerprint", who.Leaf.String(), "changed", v.Changed}
	if yields != nil {
		attrs = append(attrs, "instead_of", yields.System().Key())
	}
	r.c.Logger.Info("an external system asks to integrate", attrs...)
	return nil
}

// mayAsk says whether there is room for a request, without taking any.
func (r *Room) mayAsk(from netip.Addr) error {
	now := r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.full) && r.full.Sub(now) <= fullFor {
		return errNotKept
	}
	_, err := r.candidate(from, now)
	return err
}

// place finds a place for a request. Where all are taken, the oldest request of
// a system that has not called for a while yields its own: one that calls must
// not be kept out by identities that nobody uses.
func (r *Room) place(from netip.Addr) (yields *store.ExternalSystem, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	idle, err := r.candidate(from, r.c.Now())
	if err != nil || idle == nil {
		return nil, err
	}
	if _, ok := r.yielding.Allow(struct{}{}); !ok {
		return nil, errCrowded
	}
	kept := idle.kept
	return &kept, nil
}

// candidate is the system whose request has to make room for one from an
// address; nil when there is room. It needs mu.
func (r *Room) candidate(from netip.Addr, now time.Time) (idle *system, err error) {
	origin, here := budget.Network(from), 0
	var idleHere *system
	for _, s := range r.waiting { // the oldest first
		silent := now.Sub(s.last()) >= idleAfter
		if silent && idle == nil {
			idle = s
		}
		if s.origin != origin {
			continue
		}
		here++
		if silent && idleHere == nil {
			idleHere = s
		}
	}
	switch {
	case here >= maxPendingPerAddress:
		idle = idleHere
	case len(r.waiting) < maxPending:
		return nil, nil
	}
	if idle == nil {
		return nil, errCrowded
	}
	return idle, nil
}

// notKept reports why a request was not written, and leaves the disk alone for a
// moment.
func (r *Room) notKept(ctx context.Context, who trust.System, from netip.Addr, err error) error {
	if ctx.Err() != nil {
		return errNotKept // the caller went away
	}
	r.log.Warn("request of an external system not kept", "system", who.Key(), "remote", from.String(), "error", err)
	if _, storage := errors.AsType[*kv.StorageError](err); storage {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.full = r.c.Now().Add(fullFor)
	}
	return errNotKept
}

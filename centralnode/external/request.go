package external

import (
	"context"
	"crypto/x509"
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
	"vedette/pki"
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
	cert := r.c.Door.Certificate(ctx)
	if cert == nil {
		return problem.NoCertificate, nil
	}
	if err := pki.CheckLeaf(cert); err != nil {
		return "", err
	}
	if err := r.mayAsk(who, from); err != nil {
		return "", err // cheaply: nothing has waited, and nothing was read
	}
	if err := r.asking.Enter(ctx); err != nil {
		return "", errNotKept
	}
	defer r.asking.Leave()
	for {
		// The queue may have been long. Whoever was accepted meanwhile gets in with
		// its next call.
		if v := r.c.Door.Trust().JudgeSystem(who.ID, trust.Caller{Leaf: who.Leaf}); v.Code != problem.CertificateUnknown {
			if v.Allowed {
				v.Code = problem.Pending
			}
			return v.Code, nil
		}
		err := r.request(ctx, who, from, said, cert)
		var moved *kv.ConflictError
		switch {
		case err == nil, errors.As(err, &moved): // an administrator decided about one of the two
		case errors.Is(err, errCrowded):
			return "", err
		default:
			return "", r.notKept(who, from, err)
		}
	}
}

// request writes the request. It needs the gate of asking.
func (r *Room) request(ctx context.Context, who trust.System, from netip.Addr, said claim, cert *x509.Certificate) error {
	yields, makesRoom, err := r.place(who, from)
	if err != nil {
		return err
	}
	kept := false
	defer func() {
		if makesRoom && !kept {
			r.yielding.Refund(struct{}{})
		}
	}()
	v := store.ExternalSystem{
		ID: who.ID, Fingerprint: who.Leaf, State: store.Pending,
		Type: said.kind, Name: said.name,
		Subject: foreign.Bounded(cert.Subject.String(), maxSubject), NotAfter: cert.NotAfter,
		Requested: r.c.Now(), Address: from.String(),
	}
	if v.Type == "" {
		v.Type = acts.OtherSystem
	}
	if v.Name == "" {
		v.Name = foreign.Bounded(cert.Subject.CommonName, maxName)
	}
	record := audit.Record{
		Account: who.Key(), Face: string(acts.FaceAPI), From: from.String(),
		Act: ActRequest, Subject: []string{who.Leaf.String(), who.ID, v.Name},
	}
	scope := trust.Scope{Systems: []trust.System{who}}
	if makesRoom {
		record.Detail = "it took the place of " + yields.System().Leaf.String() + " with the ID " + yields.ID + ", which waited longest of those that do not call"
		scope.Systems = append(scope.Systems, yields.System())
	}
	_, err = r.c.Door.Change(ctx, scope, func() (*trust.Snapshot, error) {
		snapshot := r.c.Door.Trust()
		v.Changed = snapshot.KnownSystemID(who.ID)
		var change store.Change
		snapshot = snapshot.WithSystem(who, trust.Pending)
		change.PutExternalSystem(v)
		if makesRoom {
			snapshot = snapshot.WithSystem(yields.System(), trust.Unknown)
			change.DeleteExternalSystem(yields)
		}
		revision, err := r.c.Trail.Commit(ctx, record, change.Ops, change.Expect)
		return snapshot.At(uint64(revision), false), err
	})
	if err != nil {
		return err
	}
	kept = true
	r.Changed(ctx, who)
	attrs := []any{"system", who.Key(), "id", who.ID, "remote", from.String(), "fingerprint", who.Leaf.String(), "changed", v.Changed}
	if makesRoom {
		r.Changed(ctx, yields.System())
		attrs = append(attrs, "instead_of", yields.System().Key())
	}
	r.c.Logger.Info("an external system asks to integrate", attrs...)
	return nil
}

// mayAsk says whether there is room for a request, without taking any.
func (r *Room) mayAsk(who trust.System, from netip.Addr) error {
	now := r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.full) && r.full.Sub(now) <= fullFor {
		return errNotKept
	}
	_, _, err := r.candidate(who, from, now)
	return err
}

// place finds a place for a request. Where all are taken, the oldest request of
// a system that has not called for a while yields its own: one that calls must
// not be kept out by identities that nobody uses.
func (r *Room) place(who trust.System, from netip.Addr) (yields store.ExternalSystem, makesRoom bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	idle, makesRoom, err := r.candidate(who, from, r.c.Now())
	if err != nil || !makesRoom {
		return yields, false, err
	}
	if _, ok := r.yielding.Allow(struct{}{}); !ok {
		return yields, false, errCrowded
	}
	return idle.kept, true, nil
}

// candidate is the system whose request has to make room, if any has to. It
// needs mu.
func (r *Room) candidate(who trust.System, from netip.Addr, now time.Time) (idle *system, makesRoom bool, err error) {
	origin := budget.Network(from)
	var idleHere *system
	all, here := 0, 0
	for id, s := range r.systems {
		if id == who || s.kept.State != store.Pending {
			continue
		}
		silent := now.Sub(s.last()) >= idleAfter
		all++
		if silent {
			idle = older(idle, s)
		}
		if budget.Network(s.asked) == origin {
			here++
			if silent {
				idleHere = older(idleHere, s)
			}
		}
	}
	switch {
	case here >= maxPendingPerAddress:
		idle = idleHere
	case all < maxPending:
		return nil, false, nil
	}
	if idle == nil {
		return nil, false, errCrowded
	}
	return idle, true, nil
}

// older is whichever of two made its request first; a may be nil.
func older(a, b *system) *system {
	if a == nil || b.kept.Requested.Before(a.kept.Requested) {
		return b
	}
	return a
}

// notKept reports why a request was not written, and leaves the disk alone for a
// moment.
func (r *Room) notKept(who trust.System, from netip.Addr, err error) error {
	r.log.Warn("request of an external system not kept", "system", who.Key(), "remote", from.String(), "error", err)
	var storage *kv.StorageError
	if errors.As(err, &storage) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.full = r.c.Now().Add(fullFor)
	}
	return errNotKept
}

package uplink

import (
	"context"
	"fmt"
	"time"

	"vedette/internal/acts"
	"vedette/internal/machine"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// talk introduces the Sensor and does what the Central Node says, until the
// link or ctx ends, or something that it says makes no sense.
func (l *life) talk(ctx context.Context) error {
	if err := l.introduce(ctx); err != nil {
		return err
	}
	l.due = time.Now().Add(l.up.times.authorise)
	for {
		m, err := l.receive(ctx)
		if err == nil {
			err = l.handle(ctx, m)
		}
		if err != nil {
			return err
		}
	}
}

func (l *life) introduce(ctx context.Context) error {
	in, request := l.up.config.Introduce(), l.turn.target.Request
	return l.send(ctx, &controlv1.FromSensor{Message: &controlv1.FromSensor_Introduction{Introduction: &controlv1.Introduction{
		Name: in.Name, Version: in.Version, Addresses: in.Addresses,
		Server: l.up.config.Server[:], Request: request[:], ServerCertificate: in.ServerCertificate[:],
	}}})
}

// handle does what one message says. What is not known is skipped.
func (l *life) handle(ctx context.Context, m *controlv1.FromCentralNode) error {
	if l.state == controlv1.Authorisation_STATE_ACCEPTED && !l.due.IsZero() {
		l.due = time.Now().Add(l.up.times.policy) // it is on its way
	}
	switch m := m.GetMessage().(type) {
	case *controlv1.FromCentralNode_Authorisation:
		return l.authorised(ctx, m.Authorisation)
	case *controlv1.FromCentralNode_PolicyBegin:
		return senseless(l.assembler.Begin(m.PolicyBegin))
	case *controlv1.FromCentralNode_PolicyChunk:
		return senseless(l.assembler.Chunk(m.PolicyChunk))
	case *controlv1.FromCentralNode_PolicyEnd:
		policy, err := l.assembler.End(m.PolicyEnd)
		if err != nil {
			return senseless(err)
		}
		return l.take(ctx, policy)
	case *controlv1.FromCentralNode_NextPin:
		return l.announced(ctx, m.NextPin.GetFingerprint())
	case *controlv1.FromCentralNode_Measure:
		return l.measured(m.Measure)
	case *controlv1.FromCentralNode_Drain:
		l.leave()
	}
	return nil
}

func senseless(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errControl, err)
}

// authorised takes the state of the Sensor's request.
func (l *life) authorised(ctx context.Context, a *controlv1.Authorisation) error {
	state := a.GetState()
	switch state {
	case controlv1.Authorisation_STATE_PENDING, controlv1.Authorisation_STATE_ACCEPTED, controlv1.Authorisation_STATE_REJECTED, controlv1.Authorisation_STATE_SAME_SERVER:
	default:
		return fmt.Errorf("%w: authorisation %d", errControl, state)
	}
	beside, err := l.isBeside(a.GetServer())
	if err != nil {
		return err
	}
	if beside && !l.up.config.UnsafeSameServer && state != controlv1.Authorisation_STATE_REJECTED {
		state = controlv1.Authorisation_STATE_SAME_SERVER
	}
	before := l.state
	l.state, l.due = state, time.Time{}
	if state != controlv1.Authorisation_STATE_ACCEPTED {
		l.refused(state)
		if before == controlv1.Authorisation_STATE_ACCEPTED {
			return errNotAccepted // nothing of what the agents sent goes on, and one lane is enough
		}
		return nil
	}
	if before != state {
		l.complete(ctx)
	}
	if l.inForce() == nil {
		l.due = time.Now().Add(l.up.times.policy)
		l.up.say(l.turn, State{Link: acts.LinkUnreachable,
			Detail: fmt.Sprintf("The Central Node at %s has accepted this Sensor; its policy is on the way.", l.turn.target.Address)}, nil)
	}
	l.carry(ctx)
	return nil
}

// isBeside reports whether the Central Node is on this server, by its digest.
// It may keep that to itself.
func (l *life) isBeside(server []byte) (bool, error) {
	if len(server) != 0 && len(server) != len(machine.Digest{}) {
		return false, fmt.Errorf("%w: digest of a server has %d bytes", errControl, len(server))
	}
	beside := len(server) > 0 && machine.Digest(server) == l.up.config.Server
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beside = beside
	return beside, nil
}

// refused says how the Sensor's request stands, and lets no agent in.
func (l *life) refused(state controlv1.Authorisation_State) {
	u, address := l.up, l.turn.target.Address
	s := State{Expected: l.turn.pins().pin}
	switch state {
	case controlv1.Authorisation_STATE_PENDING:
		s.Link = acts.LinkPending
		s.Detail = fmt.Sprintf("The request waits for an administrator of the Central Node at %s.", address)
		s.Next = fmt.Sprintf("Compare the fingerprint of the link identity, %s, with that of the request under Sensor servers at the Central Node, and accept it there.", u.config.Identity.Fingerprint())
	case controlv1.Authorisation_STATE_REJECTED:
		s.Link = acts.LinkRejected
		s.Detail = fmt.Sprintf("An administrator of the Central Node at %s rejected this Sensor.", address)
		s.Next = fmt.Sprintf("Ask them why; to ask again, confirm it once more: %s.", setCommand(address))
	case controlv1.Authorisation_STATE_SAME_SERVER:
		s.Link, s.Detail = acts.LinkSameServer, acts.SameServerRule
		s.Next = "Install the Sensor on another server, or let the agents connect to the Central Node."
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.carrier == l {
		u.carrier = nil
	}
	if u.turn == l.turn {
		u.set(s, nil)
	}
}

// take puts a policy in force, and says so to the Central Node.
func (l *life) take(ctx context.Context, p *controlv1.Policy) error {
	cut := l.up.config.Apply(p)
	l.up.notePolicy(p)
	if l.state == controlv1.Authorisation_STATE_ACCEPTED {
		l.due = time.Time{}
	}
	err := l.send(ctx, &controlv1.FromSensor{Message: &controlv1.FromSensor_PolicyTaken{PolicyTaken: &controlv1.PolicyTaken{
		Version: &controlv1.PolicyVersion{StoreId: p.StoreID, Revision: p.Revision}, Cut: uint32(cut),
	}}})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.policy = p
	l.mu.Unlock()
	l.carry(ctx)
	return nil
}

// notePolicy warns of a policy that is older than one before.
func (u *Uplink) notePolicy(p *controlv1.Policy) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if before := u.past.revision; u.past.take(p) {
		u.log.Warn("the Central Node's policy went back: was it restored from a backup? withdrawals since then do not hold",
			"from", before, "to", p.Revision, "store", p.StoreID)
	}
}

func (l *life) inForce() *controlv1.Policy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.policy
}

// announced takes the certificate that the Central Node will show next.
func (l *life) announced(ctx context.Context, fingerprint []byte) error {
	var next pki.Fingerprint
	switch len(fingerprint) {
	case 0:
	case len(next):
		next = pki.Fingerprint(fingerprint)
	default:
		return fmt.Errorf("%w: announced certificate has %d bytes", errControl, len(fingerprint))
	}
	now, changed := l.turn.announce(next)
	if !changed {
		return nil
	}
	l.up.log.Info("the Central Node announced its next certificate", "pin", now.pin, "next", now.next)
	if err := l.up.config.Announce(ctx, now.pin, now.next); err != nil {
		// It is accepted until the Sensor stops; the next link brings it again.
		l.up.log.Warn("announced certificate of the Central Node not kept", "error", err)
	}
	return nil
}

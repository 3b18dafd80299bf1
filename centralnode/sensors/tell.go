package sensors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/centralnode/trust"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// maxWithdrawn is how many withdrawn leaves a policy names, so that a Sensor
// can say "withdrawn" and not just "unknown". The list itself decides.
const maxWithdrawn = 10_000

// tell keeps what the Sensor knows in step with what is in force. Nothing else
// sends on the link, except that it is about to end.
func (p *linked) tell(ctx context.Context) error {
	select {
	case <-p.introduced:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		if err := p.bring(ctx); err != nil {
			return err
		}
		if wait := p.unanswered(); wait > 0 {
			due.Reset(wait)
		} else if wait < 0 {
			return p.tooLate(errUntaken)
		}
		select {
		case <-p.poked:
		case <-due.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// bring sends the difference between what the Sensor was told and what is in
// force, until there is none.
func (p *linked) bring(ctx context.Context) error {
	for {
		t := p.room.c.Door.Trust()
		state := p.standing(t)
		if state != p.told {
			p.settle(state)
			if err := p.authorise(ctx, state); err != nil {
				return err
			}
			p.told = state
			p.room.log.Info("Sensor was told how it stands", "sensor", trust.SensorID(p.id), "remote", p.remote, "state", state.String())
			continue
		}
		if state != controlv1.Authorisation_STATE_ACCEPTED || p.whole == (version{true, t.Policy}) {
			return nil
		}
		if err := p.policy(ctx, t); err != nil {
			return err
		}
	}
}

func (p *linked) authorise(ctx context.Context, state controlv1.Authorisation_State) error {
	if state == controlv1.Authorisation_STATE_UNSPECIFIED {
		return nil // deleted: the link is about to end
	}
	return p.say(ctx, &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Authorisation{Authorisation: &controlv1.Authorisation{
		State: state, Server: p.room.c.Server[:],
	}}})
}

// policy sends the policy of a snapshot, and stops in the middle when another
// one is in force: the beginning of that makes the Sensor forget this one.
func (p *linked) policy(ctx context.Context, t *trust.Snapshot) error {
	messages, err := p.room.policies.of(p.room.c.StoreID, t)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.begun = version{true, t.Policy}
	p.mu.Unlock()
	for _, m := range messages {
		if now := p.room.c.Door.Trust(); now.Policy != t.Policy || p.standing(now) != p.told {
			return nil
		}
		if err := p.send(ctx, m); err != nil {
			return err
		}
	}
	p.whole = version{true, t.Policy}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.taken.covers(t.Policy) {
		p.unsaid = append(p.unsaid, sent{t.Policy, time.Now()})
	}
	return nil
}

// unanswered is how long the oldest unanswered policy may still wait; negative
// when it is late, zero when there is none.
func (p *linked) unanswered() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unsaid) == 0 {
		return 0
	}
	if wait := policyTime - time.Since(p.unsaid[0].at); wait > 0 {
		return wait
	}
	return -1
}

// tooLate notes that the Sensor has not taken a policy.
func (p *linked) tooLate(err error) error {
	p.mu.Lock()
	p.late = true
	p.mu.Unlock()
	p.room.noteLate(p)
	return err
}

func (p *linked) say(ctx context.Context, m *controlv1.FromCentralNode) error {
	raw, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("marshal control message: %w", err)
	}
	return p.send(ctx, raw)
}

// send gives the Sensor policyTime to read what was sent before.
func (p *linked) send(ctx context.Context, message []byte) error {
	limited, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	err := p.link.Send(limited, message)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return p.tooLate(errUnread)
	}
	return err
}

// policies keeps the messages of the last policy, which all Sensors get.
type policies struct {
	mu       sync.Mutex
	is       version
	messages [][]byte
}

func (c *policies) of(storeID string, t *trust.Snapshot) ([][]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is == (version{true, t.Policy}) {
		return c.messages, nil
	}
	listed := t.AllListed()
	slices.SortFunc(listed, func(a, b pki.Fingerprint) int { return bytes.Compare(a[:], b[:]) })
	policy := controlv1.Policy{
		StoreID: storeID, Revision: t.Policy, Validation: t.Validation,
		Listed: plain(listed), Withdrawn: plain(t.LastWithdrawn(maxWithdrawn)),
	}
	var messages [][]byte
	for _, m := range policy.Split() {
		raw, err := proto.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("marshal policy: %w", err)
		}
		messages = append(messages, raw)
	}
	c.is, c.messages = version{true, t.Policy}, messages
	return messages, nil
}

func plain(fs []pki.Fingerprint) []controlv1.Fingerprint {
	out := make([]controlv1.Fingerprint, len(fs))
	for i, f := range fs {
		out[i] = controlv1.Fingerprint(f)
	}
	return out
}

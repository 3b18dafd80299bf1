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
	due := time.NewTimer(stuckTime) // set anew before anything depends on it
	defer due.Stop()
	for {
		unheard := p.askAgain(ctx)
		if err := p.bring(ctx); err != nil {
			return err
		}
		wait, waits := p.unanswered()
		if waits && wait <= 0 {
			return p.tooLate(errUntaken)
		}
		if unheard && (!waits || wait > askEvery) {
			wait, waits = askEvery, true
		}
		if waits {
			due.Reset(wait)
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
			if state != controlv1.Authorisation_STATE_ACCEPTED {
				p.unmeasure(false)
			}
			p.settle(state)
			if err := p.authorise(ctx, state); err != nil {
				return err
			}
			p.told = state
			p.room.log.Info("Sensor was told how it stands", "sensor", trust.SensorID(p.id), "remote", p.remote, "state", state.String())
			continue
		}
		if err := p.measure(ctx, state); err != nil {
			return err
		}
		if _, waits := p.unanswered(); waits || state != controlv1.Authorisation_STATE_ACCEPTED || p.whole == (version{true, t.Policy}) {
			return nil // an answer has this look again
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
// one is in force: the beginning of that makes the Sensor forget this one. What
// comes into force after the end of a policy was sent waits for its answer, so
// that a slow line carries the newest list and not all of them.
func (p *linked) policy(ctx context.Context, t *trust.Snapshot) error {
	messages, err := p.room.policies.of(p.room.c.StoreID, t)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if p.since.IsZero() {
		p.since = time.Now()
	}
	p.mu.Unlock()
	for i, m := range messages {
		if now := p.room.c.Door.Trust(); now.Policy != t.Policy || p.standing(now) != p.told {
			return nil
		}
		if i == len(messages)-1 { // the answer may be here before send returns
			p.mu.Lock()
			p.whole = version{true, t.Policy}
			p.mu.Unlock()
		}
		if err := p.send(ctx, m); err != nil {
			return err
		}
	}
	p.sent = time.Now()
	return nil
}

// unanswered says whether a policy that was sent to its end waits for its
// answer, and how long it still may.
func (p *linked) unanswered() (wait time.Duration, waits bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.whole.is || p.taken.covers(p.whole.revision) {
		return 0, false
	}
	return stuckTime - time.Since(p.sent), true
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

// send gives the Sensor stuckTime to read some of what was sent before.
func (p *linked) send(ctx context.Context, message []byte) error {
	limited, cancel := context.WithTimeout(ctx, stuckTime)
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

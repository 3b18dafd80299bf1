package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// Why a link is ended here.
var (
	errNotAccepted = errors.New("the Sensor is not accepted any more")
	errDrained     = errors.New("the Central Node takes nothing new and did not end the link")
)

// takenOverShown is how long an accepted link tells that its like was taken over.
const takenOverShown = time.Hour

// life is one link, from its first lane to its end.
type life struct {
	up     *Uplink
	turn   *turn
	link   *link.Link
	remote string // where the first lane went, and the others go: a name may have many addresses

	cancel  context.CancelCauseFunc // ends the life
	running sync.WaitGroup          // keepers of lanes and the reporter

	mu       sync.Mutex // guards what follows; locked after Uplink.mu
	places   [maxPlaces]place
	full     bool              // the Central Node has no room for more than the usual places
	policy   *controlv1.Policy // in force; nil: none yet
	measure  measure           // what the Central Node reflects
	beside   bool              // the Central Node is on this server
	leaving  *time.Timer       // runs when the Central Node takes nothing new
	carrying time.Time         // since when agents are carried

	// Of the control loop alone.
	due       time.Time // when the next message must be there; zero: whenever
	state     controlv1.Authorisation_State
	assembler controlv1.Assembler
}

// run stays with the link to its end. It returns for how long the link carried
// agents, and why it ended.
func (l *life) run(whole context.Context) (carried time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(whole)
	l.cancel = cancel
	l.up.mu.Lock()
	l.up.life = l
	l.up.mu.Unlock()
	l.mu.Lock()
	l.want(ctx, 0, true)
	l.mu.Unlock()

	err = l.talk(ctx)

	l.up.mu.Lock()
	l.up.life = nil
	if l.up.carrier == l {
		l.up.carrier = nil
	}
	l.up.mu.Unlock()
	l.up.noteTakeOver(err)
	if !l.staysSaid(err) {
		l.up.fail(whole, l.turn, err)
	}
	cancel(nil)
	l.link.Close(closing(err))
	l.running.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving != nil {
		l.leaving.Stop()
	}
	if !l.carrying.IsZero() {
		carried = time.Since(l.carrying)
	}
	return carried, err
}

// staysSaid reports whether the state says already why there is no link: the
// Central Node does not want this Sensor, and only the conversation is over.
func (l *life) staysSaid(err error) bool {
	if errors.Is(err, errNotAccepted) {
		return true
	}
	var ended *link.Error
	if !errors.As(err, &ended) || !ended.Remote || ended.Code != link.CodeNone && ended.Code != controlv1.CodeNotAccepted {
		return false
	}
	now := l.up.State().Link
	return now == acts.LinkRejected || now == acts.LinkSameServer
}

// closing is what the Central Node is told when the end is ours.
func closing(err error) (link.Code, string) {
	switch {
	case errors.Is(err, errControl):
		return controlv1.CodeControl, err.Error()
	case errors.Is(err, errTimeout), errors.Is(err, errDrained):
		return link.CodeTimeout, err.Error()
	case errors.Is(err, errNotAccepted):
		return controlv1.CodeNotAccepted, err.Error()
	}
	return link.CodeShutdown, "the Sensor leaves"
}

// carry lets agents in, once the Sensor is accepted and a policy of this link is
// in force.
func (l *life) carry(ctx context.Context) {
	u := l.up
	u.mu.Lock()
	defer u.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.turn != l.turn || u.carrier == l || l.leaving != nil || l.policy == nil || l.state != controlv1.Authorisation_STATE_ACCEPTED {
		return
	}
	u.carrier, l.carrying = l, time.Now()
	s := State{Link: acts.LinkAccepted, Expected: l.turn.pins().pin}
	if !u.takenOver.IsZero() && u.config.Now().Sub(u.takenOver) < takenOverShown {
		s.Detail = "Another link with this Sensor's link identity took over at " + u.takenOver.UTC().Format("2006-01-02 15:04:05") +
			" UTC: two machines use one identity, or an old link of this Sensor was replaced."
	}
	u.set(s, nil)
	l.running.Go(func() { l.report(ctx) })
}

// leave lets no agent in any more: the Central Node takes nothing new on this
// link. Streams go on until it ends the link.
func (l *life) leave() {
	u := l.up
	u.mu.Lock()
	defer u.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving != nil {
		return
	}
	l.leaving = time.AfterFunc(u.times.drain, func() { l.cancel(errDrained) })
	if u.carrier == l {
		u.carrier = nil
	}
	if u.turn == l.turn {
		u.set(State{Link: acts.LinkUnreachable, Next: nextPasses, Expected: l.turn.pins().pin,
			Detail: fmt.Sprintf("The Central Node at %s takes no new agents on this link, which is about to end.", l.turn.target.Address)}, nil)
	}
}

// report sends what the Sensor counts and measures, now and then.
func (l *life) report(ctx context.Context) {
	tick := time.NewTicker(l.up.times.report)
	defer tick.Stop()
	var told time.Time // when the last minute began that this link has carried
	for {
		m := &controlv1.FromSensor{Message: &controlv1.FromSensor_Report{Report: l.up.config.Report()}}
		err := l.send(ctx, m)
		if err == nil {
			told, err = l.tell(ctx, told)
		}
		if err != nil {
			return // the link has ended, and says why elsewhere
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *life) send(ctx context.Context, m *controlv1.FromSensor) error {
	raw, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("marshal control message: %w", err)
	}
	return l.link.Send(ctx, raw)
}

// receive waits for the next message, until it is due.
func (l *life) receive(ctx context.Context) (*controlv1.FromCentralNode, error) {
	waiting := ctx
	if !l.due.IsZero() {
		var cancel context.CancelFunc
		waiting, cancel = context.WithDeadlineCause(ctx, l.due, errTimeout)
		defer cancel()
	}
	raw, err := l.link.Receive(waiting)
	switch {
	case err == nil:
	case waiting.Err() != nil:
		return nil, context.Cause(waiting)
	default:
		return nil, err
	}
	m := new(controlv1.FromCentralNode)
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("%w: %w", errControl, err)
	}
	return m, nil
}

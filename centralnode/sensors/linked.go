package sensors

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/centralnode/trust"
	"vedette/internal/budget"
	"vedette/internal/door"
	"vedette/internal/foreign"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// lane is one connection of a link, and the door's side of it.
type lane struct {
	*link.Lane
	conn *door.Conn
}

// linked is a Sensor whose link lives.
type linked struct {
	room   *Room
	link   *link.Link
	id     pki.Fingerprint
	peer   netip.Addr              // where the first lane came from
	remote string                  // the same as text
	end    context.CancelCauseFunc // ends the link; the cause says why
	// introduced is closed when the Sensor has said who it is and its request is
	// known.
	introduced chan struct{}
	poked      chan struct{} // something may have to be told
	messages   *budget.Rate[struct{}]

	mu      sync.Mutex // guards what follows
	lanes   []lane
	beside  bool    // on the server of the Central Node
	whole   version // policy that was sent to its end
	taken   version
	since   time.Time // when the first policy was begun that is not taken; zero: there is none
	late    bool      // the link is ended because of it
	unheard bool      // its request may have to be made again
	asked   time.Time // when that was last tried
	moved   chan struct{}
	spare   int // streams that may still be refused, until the Sensor is Accepted (again)
	ingress,
	refused uint64
	reporting time.Time // since when it reports; zero: it does not
	measuring measuring

	// Of the sender alone.
	told   controlv1.Authorisation_State
	sent   time.Time // when the end of the last whole policy was sent
	handed bool      // the Sensor has something to measure with
}

// version is the revision of a policy, if there is one.
type version struct {
	is       bool
	revision uint64
}

func (v version) covers(revision uint64) bool { return v.is && v.revision >= revision }

// The control messages of one Sensor: as many at once, and one a period.
const (
	messageBurst  = 1000
	messagePeriod = 2 * time.Millisecond
)

func newLinked(r *Room, l *link.Link, c *door.Conn) *linked {
	return &linked{
		room: r, link: l, id: c.Leaf, peer: c.Remote.Addr(), remote: c.Remote.Addr().String(),
		introduced: make(chan struct{}), poked: make(chan struct{}, 1), moved: make(chan struct{}),
		messages: budget.NewRate[struct{}](messagePeriod, messageBurst, 1, time.Now), spare: maxEarly,
	}
}

// serve does what a link needs until it ends, or ctx does.
func (r *Room) serve(ctx context.Context, p *linked) {
	log := r.log.With("sensor", trust.SensorID(p.id), "remote", p.remote)
	log.Info("Sensor connected")

	parts, running := errgroup.WithContext(ctx)
	part := func(do func(context.Context) error) {
		parts.Go(func() (err error) {
			err = errPanic
			defer r.caught("link ended by a panic")
			err = do(running)
			return err
		})
	}
	part(p.listen)
	part(p.tell)
	part(p.carry)
	<-running.Done()
	p.close(context.Cause(running))
	_ = parts.Wait() // the first one's error is the cause
	log.Info("Sensor disconnected", "reason", foreign.Line(p.link.Err().Error()))
}

// close ends the link with what the cause says, and waits for it.
func (p *linked) close(why error) {
	p.unmeasure(true)
	code, reason := closing(why)
	p.link.Close(code, reason)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

// wake lets those look again who wait for the Sensor. It needs mu.
func (p *linked) wake() {
	close(p.moved)
	p.moved = make(chan struct{})
}

// poke has the sender look at what is in force.
func (p *linked) poke() {
	select {
	case p.poked <- struct{}{}:
	default: // it is going to look
	}
}

// add keeps a lane of the link, or says that it may not be kept.
func (p *linked) add(l *link.Lane, c *door.Conn) bool {
	accepted := p.standing(p.room.c.Door.Trust()) == controlv1.Authorisation_STATE_ACCEPTED
	p.mu.Lock()
	defer p.mu.Unlock()
	if !accepted && len(p.lanes) > 0 {
		return false
	}
	if accepted && !c.Admit() {
		p.room.noRoom(p)
		return false
	}
	p.lanes = append(p.lanes, lane{l, c})
	return true
}

func (r *Room) noRoom(p *linked) {
	r.log.Warn("lane refused", "remote", p.remote, "sensor", trust.SensorID(p.id), "reason", "as many connections as were configured are let in")
}

func (p *linked) remove(l *link.Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.lanes {
		if n.Lane == l {
			p.lanes = append(p.lanes[:i:i], p.lanes[i+1:]...)
			return
		}
	}
}

// settle gives the lanes the places that their Sensor has a right to, before it
// hears how it stands.
func (p *linked) settle(state controlv1.Authorisation_State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state == controlv1.Authorisation_STATE_ACCEPTED {
		p.spare = maxStreams
	} else {
		p.room.tests.cut(p.id)
	}
	for i, n := range p.lanes {
		if state == controlv1.Authorisation_STATE_ACCEPTED {
			if n.conn.Admit() {
				continue
			}
			p.room.noRoom(p)
		} else if i == 0 {
			continue
		}
		n.conn.Cut()
	}
}

// standing is what a Sensor is told of its request. Before its Introduction it
// is what the lists say.
func (p *linked) standing(t *trust.Snapshot) controlv1.Authorisation_State {
	switch t.Sensor(p.id) {
	case trust.Pending:
		return controlv1.Authorisation_STATE_PENDING
	case trust.Rejected:
		return controlv1.Authorisation_STATE_REJECTED
	case trust.Accepted:
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.beside && !p.room.c.UnsafeSameServer {
			return controlv1.Authorisation_STATE_SAME_SERVER
		}
		return controlv1.Authorisation_STATE_ACCEPTED
	default:
		return controlv1.Authorisation_STATE_UNSPECIFIED
	}
}

// isIntroduced reports whether the Sensor has said who it is.
func (p *linked) isIntroduced() bool {
	select {
	case <-p.introduced:
		return true
	default:
		return false
	}
}

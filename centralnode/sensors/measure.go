package sensors

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"vedette/centralnode/trust"
	controlv1 "vedette/proto/control/v1"
)

// Reflector answers what Sensors measure the path with.
type Reflector interface {
	// Add begins a session with whoever has the address; session 0 is none.
	Add(peer netip.Addr) (session uint16, key [32]byte, port uint16)
	Remove(session uint16)
	// Seen is how many packets of a session were answered, and how many bore its
	// id but came from another address.
	Seen(session uint16) (answered, strays uint32)
}

// settling is what a Sensor has until what it measures is enough for a verdict.
const settling = time.Minute

// lately is how far back the counters of a session are compared, at least.
const lately = 10 * time.Second

// seen are the counters of a session at a time.
type seen struct {
	at               time.Time
	answered, strays uint32
}

// measuring is a link's session at the reflector.
type measuring struct {
	session uint16 // 0: there is none
	port    uint16
	begun   time.Time
	over    bool // there will be none any more
	// before was seen lately or longer ago, last after that.
	before, last seen
}

// measure hands out what an Accepted Sensor measures the path with, once, and
// says to one that is not Accepted any more that nothing is reflected.
func (p *linked) measure(ctx context.Context, state controlv1.Authorisation_State) error {
	if state != controlv1.Authorisation_STATE_ACCEPTED {
		if !p.handed {
			return nil
		}
		p.handed = false
		return p.sayMeasure(ctx, &controlv1.Measure{})
	}
	m := p.begin()
	if m == nil {
		return nil
	}
	// Whoever takes the Accept back from here on finds the session; one who did
	// before did not.
	if p.standing(p.room.c.Door.Trust()) != controlv1.Authorisation_STATE_ACCEPTED {
		p.unmeasure(false)
		return nil
	}
	p.handed = true
	return p.sayMeasure(ctx, m)
}

// begin makes a session at the reflector, where there is none yet.
func (p *linked) begin() *controlv1.Measure {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room.c.Reflector == nil || p.measuring.over || p.measuring.session != 0 {
		return nil
	}
	session, key, port := p.room.c.Reflector.Add(p.peer)
	if session == 0 {
		p.room.log.Warn("the path to a Sensor is not measured: as many sessions as there can be are in use", "sensor", trust.SensorID(p.id))
		return nil
	}
	p.measuring.session, p.measuring.port, p.measuring.begun = session, port, p.room.c.Now()
	return &controlv1.Measure{Key: key[:], Session: uint32(session), Port: uint32(port)}
}

// unmeasure has nothing reflected to the Sensor any more, until measure makes
// another session; over says that none will be made on this link.
func (p *linked) unmeasure(over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.measuring.session != 0 {
		p.room.c.Reflector.Remove(p.measuring.session)
	}
	p.measuring = measuring{over: over || p.measuring.over}
}

func (p *linked) sayMeasure(ctx context.Context, m *controlv1.Measure) error {
	return p.say(ctx, &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Measure{Measure: m}})
}

// see looks at the counters of the session, when that is due. It needs the lock
// of p.
func (p *linked) see(now time.Time) {
	m := &p.measuring
	if since := now.Sub(m.last.at); m.session == 0 || 0 <= since && since < lately {
		return
	}
	m.before, m.last = m.last, seen{at: now}
	m.last.answered, m.last.strays = p.room.c.Reflector.Seen(m.session)
}

// unmeasured says in a sentence why a Sensor cannot measure loss and delay, as
// far as it can be told from here. It needs the lock of p.
func (p *linked) unmeasured() string {
	reflector, m := p.room.c.Reflector, p.measuring
	switch {
	case reflector == nil:
		return "The Central Node reflects no measuring packets: stamp.listen is off in its configuration."
	case m.session == 0:
		return "The Central Node has no free session for measuring packets."
	case p.room.c.Now().Sub(m.begun) < settling:
		return "The measurement began less than a minute ago."
	}
	switch answered, strays := reflector.Seen(m.session); {
	case answered != m.before.answered:
		return fmt.Sprintf("The Central Node answers measuring packets of the Sensor, and none of the answers is counted there: let UDP from port %d of the Central Node back to the Sensor.", m.port)
	case strays != m.before.strays:
		return fmt.Sprintf("Measuring packets arrive from another address than the link's, %s, and are not answered: have NAT and policy routing give UDP and TCP of the Sensor one address.", p.remote)
	default:
		return fmt.Sprintf("No measuring packet of the Sensor arrives: let UDP from the Sensor to port %d of the Central Node through, and the answers back; if the Sensor measures to another reflector ([quality] reflector), its `link status` says what is missing.", m.port)
	}
}

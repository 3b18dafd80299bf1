package sensors

import (
	"bytes"
	"context"
	"net/netip"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/budget"
	"vedette/pki"
)

// The acts of Sensors, by the word that audit records carry.
const (
	actRequest   = "sensor request"
	actDuplicate = "sensor duplicate-identity"
)

// duplicateFor is how long a duplicate identity is shown after it was last met.
const duplicateFor = time.Hour

// sensor is what is kept in memory of a Sensor that asked once.
type sensor struct {
	contact   store.SensorContact
	dirty     bool       // contact is to be written
	asked     netip.Addr // where its request came from
	link      *linked    // nil: not connected
	duplicate time.Time  // when its identity was last met twice
	late      bool       // its last link ended because of a policy
}

// load reads what is remembered.
func (r *Room) load(ctx context.Context) error {
	servers, _, err := r.c.Store.SensorServers(ctx)
	if err != nil {
		return err
	}
	contacts, err := r.c.Store.SensorContacts(ctx)
	if err != nil {
		return err
	}
	for _, v := range servers {
		s := &sensor{contact: store.SensorContact{Fingerprint: v.Fingerprint, Address: v.Address, Request: v.Request}}
		s.asked, _ = netip.ParseAddr(v.Address) // no address counts as one
		r.sensors[v.Fingerprint] = s
	}
	for _, c := range contacts {
		s := r.sensors[c.Fingerprint]
		if s == nil {
			continue
		}
		if s.contact.Request != nil {
			c.Request = s.contact.Request // it was rejected with this one
		}
		s.contact = c
	}
	return nil
}

// met notes what a Sensor said of itself, and makes its request when it asks.
func (r *Room) met(ctx context.Context, p *linked, c store.SensorContact) error {
	switch r.c.Door.Trust().Sensor(p.id) {
	case trust.Unknown:
		if err := r.ask(ctx, p, c); err != nil {
			return err
		}
	case trust.Rejected:
		before := r.contact(p.id).Request
		if bytes.Equal(c.Request, before) {
			break
		}
		if _, ok := r.again.Allow(p.id); !ok {
			c.Request = before // so that it may ask with the new one later
			break
		}
		if err := r.ask(ctx, p, c); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sensors[p.id]; s != nil && p.link.Err() == nil { // an older link may be late
		s.contact, s.dirty, s.link = c, true, p
	}
	return nil
}

func (r *Room) contact(id pki.Fingerprint) store.SensorContact {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sensors[id]; s != nil {
		return s.contact
	}
	return store.SensorContact{}
}

// ask makes a Pending request, unless too many wait.
func (r *Room) ask(ctx context.Context, p *linked, c store.SensorContact) error {
	if err := r.asking.Enter(ctx); err != nil {
		return context.Cause(ctx)
	}
	defer r.asking.Leave()
	address, _ := netip.ParseAddr(p.remote)
	if err := r.mayAsk(p, address); err != nil {
		return err
	}
	v, _, err := r.c.Store.SensorServer(ctx, p.id)
	if err != nil {
		return r.notKept(p, err)
	}
	v = store.SensorServer{Fingerprint: p.id, State: store.Pending, Requested: r.c.Now(), Address: p.remote, Version: v.Version}
	var change store.Change
	change.PutSensorServer(v)
	change.PutSensorContact(c)
	record := audit.Record{
		Account: trust.SensorID(p.id), Face: string(acts.FaceLink), From: p.remote,
		Act: actRequest, Subject: []string{p.id.String(), c.Name}, Result: audit.Done,
	}
	_, err = r.c.Door.Change(ctx, trust.Scope{Sensors: []pki.Fingerprint{p.id}}, func() (*trust.Snapshot, error) {
		revision, err := r.c.Trail.Commit(ctx, record, change.Ops, change.Expect)
		if err != nil {
			return nil, err
		}
		return r.c.Door.Trust().WithSensor(p.id, trust.Pending).At(uint64(revision), false), nil
	})
	if err != nil {
		return r.notKept(p, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sensors[p.id]
	if s == nil {
		s = &sensor{}
		r.sensors[p.id] = s
	}
	s.contact, s.asked = c, address
	r.c.Logger.Info("a Sensor asks to be accepted", "sensor", trust.SensorID(p.id), "remote", p.remote, "fingerprint", p.id.String())
	return nil
}

func (r *Room) notKept(p *linked, err error) error {
	r.log.Warn("request of a Sensor not kept", "sensor", trust.SensorID(p.id), "remote", p.remote, "error", err)
	return errNotKept
}

// mayAsk says why a Sensor may not make a request now.
func (r *Room) mayAsk(p *linked, from netip.Addr) error {
	snapshot, origin := r.c.Door.Trust(), budget.Network(from)
	r.mu.Lock()
	defer r.mu.Unlock()
	all, here := 0, 0
	for id, s := range r.sensors {
		if id != p.id && trust.SensorID(id) == trust.SensorID(p.id) {
			r.c.Logger.Warn("a Sensor was refused because another one has the same id", "remote", p.remote, "fingerprint", p.id.String(), "other", id.String())
			return errTwin
		}
		if snapshot.Sensor(id) != trust.Pending {
			continue
		}
		if all++; budget.Network(s.asked) == origin {
			here++
		}
	}
	if all >= maxPending || here >= maxPendingPerAddress {
		return errCrowded
	}
	return nil
}

// Decided puts into effect at a Sensor what was decided about it: the gateway
// has it in force by now.
func (r *Room) Decided(id pki.Fingerprint) {
	gone := r.c.Door.Trust().Sensor(id) == trust.Unknown
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.links {
		if p.id != id {
			continue
		}
		if gone {
			p.end(errDeleted)
		}
		p.poke()
	}
	if gone {
		delete(r.sensors, id)
	}
}

// duplicate is told by the acceptor that links of one identity take over from
// each other.
func (r *Room) duplicate(peer string) {
	id, err := pki.ParseFingerprint(peer)
	if err != nil {
		return // the room names its peers by fingerprint
	}
	r.log.Warn("two machines use one link identity", "sensor", trust.SensorID(id))
	now := r.c.Now()
	r.mu.Lock()
	s := r.sensors[id]
	fresh := s != nil && now.Sub(s.duplicate) > duplicateFor
	if s != nil {
		s.duplicate = now
	}
	r.mu.Unlock()
	if !fresh {
		return // one record an hour: taking over costs the peer nothing
	}
	err = r.c.Trail.Note(context.Background(), audit.Record{
		Account: trust.SensorID(id), Face: string(acts.FaceLink), Act: actDuplicate, Subject: []string{peer},
		Result: audit.Refused, Detail: "links of this identity took over from each other three times in a minute",
	})
	if err != nil {
		r.c.Logger.Error("write audit record", "act", actDuplicate, "error", err)
	}
}

// noteLate remembers why the link of a Sensor ends.
func (r *Room) noteLate(p *linked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sensors[p.id]; s != nil {
		s.late = true
	}
	r.c.Logger.Warn("a Sensor did not take the policy in time: its link is ended", "sensor", trust.SensorID(p.id), "remote", p.remote)
}

// noteTaken forgets that a policy was late.
func (r *Room) noteTaken(p *linked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sensors[p.id]; s != nil {
		s.late = false
	}
}

// checkpoint writes contacts that have changed.
func (r *Room) checkpoint(ctx context.Context) error {
	var changed []store.SensorContact
	r.mu.Lock()
	for _, s := range r.sensors {
		if s.link != nil && s.link.link.Err() == nil {
			s.contact.Last, s.dirty = r.c.Now(), true
		}
		if s.dirty {
			changed = append(changed, s.contact)
			s.dirty = false
		}
	}
	r.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	err := r.c.Store.SaveSensorContacts(ctx, changed)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range changed {
			if s := r.sensors[c.Fingerprint]; s != nil {
				s.dirty = true
			}
		}
	}
	return err
}

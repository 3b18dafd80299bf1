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
	controlv1 "vedette/proto/control/v1"
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
	since     time.Time  // when it was made
	link      *linked    // nil: not connected
	duplicate time.Time  // when its identity was last met twice
	late      bool       // its last link ended because of a policy
	quality   quality
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
		s := &sensor{contact: store.SensorContact{Fingerprint: v.Fingerprint, Address: v.Address, Request: v.Request}, since: v.Requested}
		s.asked, _ = netip.ParseAddr(v.Address) // no address counts as one
		r.sensors[v.Fingerprint] = s
	}
	for _, c := range contacts {
		s := r.sensors[c.Fingerprint]
		if s == nil {
			continue
		}
		s.contact = c
	}
	r.loadHistories(ctx)
	return nil
}

// met notes what a Sensor said of itself, and makes its request when it asks.
func (r *Room) met(ctx context.Context, p *linked, c store.SensorContact) error {
	if r.c.Door.Trust().Sensor(p.id) == trust.Unknown {
		if err := r.ask(ctx, p, c); err != nil {
			return err
		}
	}
	r.mu.Lock()
	s := r.sensors[p.id]
	if s == nil || p.link.Err() != nil { // an older link may be late
		r.mu.Unlock()
		return nil
	}
	if s.link != p {
		s.quality.found = nil // another link, which has to be measured first
	}
	drawn := !bytes.Equal(s.contact.Request, c.Request)
	s.contact, s.dirty, s.link = c, true, p
	r.mu.Unlock()
	if drawn {
		// A rejection answers what was drawn last, also after an abrupt end.
		if _, ok := r.drawn.Allow(p.id); ok {
			r.save(ctx, func(s *sensor) bool { return s.dirty && s.contact.Fingerprint == p.id })
		}
	}
	p.mu.Lock()
	p.unheard = true
	p.mu.Unlock()
	return nil
}

// askAgain makes the request of a Rejected Sensor that has drawn another one
// since. It says whether that is to be tried again: once a minute is soon
// enough, and there may have been no room.
func (p *linked) askAgain(ctx context.Context) (later bool) {
	p.mu.Lock()
	unheard, due := p.unheard, time.Since(p.asked) >= askEvery
	if unheard && due {
		p.unheard, p.asked = false, time.Now()
	}
	p.mu.Unlock()
	if !unheard || !due {
		return unheard
	}
	if p.room.hear(ctx, p) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unheard = true
	return true
}

// hear reports whether nothing is left to ask for a Sensor.
func (r *Room) hear(ctx context.Context, p *linked) bool {
	if r.c.Door.Trust().Sensor(p.id) != trust.Rejected {
		return true
	}
	v, _, err := r.c.Store.SensorServer(ctx, p.id)
	if err != nil {
		_ = r.notKept(p, err) // the link goes on
		return false
	}
	c := r.contact(p.id)
	if bytes.Equal(c.Request, v.Request) {
		return true // that one was rejected
	}
	if _, ok := r.again.Allow(p.id); !ok {
		return false
	}
	if err := r.ask(ctx, p, c); err != nil {
		r.again.Refund(p.id)
		r.log.Info("a rejected Sensor asks again and has to wait", "sensor", trust.SensorID(p.id), "remote", p.remote, "reason", err.Error())
		return false
	}
	return true
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
	if err := r.writing.Enter(ctx); err != nil {
		return context.Cause(ctx)
	}
	defer r.writing.Leave()
	v, found, err := r.c.Store.SensorServer(ctx, p.id)
	if err != nil {
		return r.notKept(p, err)
	}
	if found && v.State != store.Rejected {
		return nil // another link of it asked, or somebody decided
	}
	address, _ := netip.ParseAddr(p.remote)
	yields, err := r.place(p, address)
	if err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept && !yields.IsZero() {
			r.yielding.Refund(struct{}{})
		}
	}()
	v = store.SensorServer{Fingerprint: p.id, State: store.Pending, Requested: r.c.Now(), Address: p.remote, Version: v.Version}
	var change store.Change
	change.PutSensorServer(v)
	change.PutSensorContact(c)
	record := audit.Record{
		Account: trust.SensorID(p.id), Face: string(acts.FaceLink), From: p.remote,
		Act: actRequest, Subject: []string{p.id.String(), c.Name}, Result: audit.Done,
	}
	scope := trust.Scope{Sensors: []pki.Fingerprint{p.id}}
	if !yields.IsZero() {
		old, _, err := r.c.Store.SensorServer(ctx, yields)
		if err != nil {
			return r.notKept(p, err)
		}
		change.DeleteSensorServer(old)
		record.Detail = "it took the place of " + yields.String() + ", which waited longest of those that are not connected"
		scope.Sensors = append(scope.Sensors, yields)
	}
	_, err = r.c.Door.Change(ctx, scope, func() (*trust.Snapshot, error) {
		revision, err := r.c.Trail.Commit(ctx, record, change.Ops, change.Expect)
		if err != nil {
			return nil, err
		}
		snapshot := r.c.Door.Trust().WithSensor(p.id, trust.Pending)
		if !yields.IsZero() {
			snapshot = snapshot.WithSensor(yields, trust.Unknown)
		}
		return snapshot.At(uint64(revision), false), nil
	})
	if err != nil {
		return r.notKept(p, err)
	}
	kept = true
	if !yields.IsZero() {
		r.Decided(yields)
		r.log.Warn("a request of a Sensor that is not connected made room", "sensor", trust.SensorID(yields), "remote", p.remote)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sensors[p.id]
	if s == nil {
		s = &sensor{contact: c}
		r.sensors[p.id] = s
	}
	s.asked, s.since = address, v.Requested
	r.c.Logger.Info("a Sensor asks to be accepted", "sensor", trust.SensorID(p.id), "remote", p.remote, "fingerprint", p.id.String())
	return nil
}

func (r *Room) notKept(p *linked, err error) error {
	r.log.Warn("request of a Sensor not kept", "sensor", trust.SensorID(p.id), "remote", p.remote, "error", err)
	return errNotKept
}

// place finds a place for a request. Where all are taken, the oldest request of
// a Sensor that is not connected yields its own: one that is there must not be
// kept out by identities that nobody uses.
func (r *Room) place(p *linked, from netip.Addr) (yields pki.Fingerprint, err error) {
	snapshot, origin := r.c.Door.Trust(), budget.Network(from)
	r.mu.Lock()
	defer r.mu.Unlock()
	var idle, idleHere pki.Fingerprint
	all, here := 0, 0
	for id, s := range r.sensors {
		if id != p.id && trust.SensorID(id) == trust.SensorID(p.id) {
			r.c.Logger.Warn("a Sensor was refused because another one has the same id", "remote", p.remote, "fingerprint", p.id.String(), "other", id.String())
			return yields, errTwin
		}
		if snapshot.Sensor(id) != trust.Pending {
			continue
		}
		gone := s.link == nil || s.link.link.Err() != nil
		all++
		if gone {
			idle = r.older(idle, id)
		}
		if budget.Network(s.asked) == origin {
			here++
			if gone {
				idleHere = r.older(idleHere, id)
			}
		}
	}
	switch {
	case here >= maxPendingPerAddress:
		yields = idleHere
	case all >= maxPending:
		yields = idle
	default:
		return yields, nil
	}
	if yields.IsZero() {
		return yields, errCrowded
	}
	if _, ok := r.yielding.Allow(struct{}{}); !ok {
		return pki.Fingerprint{}, errCrowded
	}
	return yields, nil
}

// older is whichever of two requests was made first; a is none when it is zero.
// It needs mu.
func (r *Room) older(a, b pki.Fingerprint) pki.Fingerprint {
	if a.IsZero() || r.sensors[b].since.Before(r.sensors[a].since) {
		return b
	}
	return a
}

// Decided puts into effect at a Sensor what was decided about it: the gateway
// has it in force by now.
func (r *Room) Decided(id pki.Fingerprint) {
	snapshot := r.c.Door.Trust()
	gone := snapshot.Sensor(id) == trust.Unknown
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.links {
		if p.id != id {
			continue
		}
		if p.standing(snapshot) != controlv1.Authorisation_STATE_ACCEPTED {
			p.unmeasure(false) // now, and not when it has read what comes before
		}
		if gone {
			p.end(errDeleted)
		}
		p.mu.Lock()
		p.unheard = true // it may have drawn another request while that was decided
		p.mu.Unlock()
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
func (r *Room) checkpoint(ctx context.Context) {
	r.mu.Lock()
	for _, s := range r.sensors {
		s.quality.history.forget(r.c.Now())
		if s.link != nil && s.link.link.Err() == nil {
			s.contact.Last, s.dirty = r.c.Now(), true
		}
	}
	r.mu.Unlock()
	r.save(ctx, func(s *sensor) bool { return s.dirty })
}

// save writes the contacts of some Sensors. What cannot be written now is
// written later.
func (r *Room) save(ctx context.Context, which func(*sensor) bool) {
	if r.writing.Enter(ctx) != nil {
		return // the last checkpoint writes them
	}
	defer r.writing.Leave()
	var changed []store.SensorContact
	r.mu.Lock()
	for _, s := range r.sensors {
		if which(s) {
			changed = append(changed, s.contact)
			s.dirty = false
		}
	}
	r.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	err := r.c.Store.SaveSensorContacts(ctx, changed)
	if err == nil {
		return
	}
	r.c.Logger.Warn("write contacts of Sensors", "error", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changed {
		if s := r.sensors[c.Fingerprint]; s != nil {
			s.dirty = true
		}
	}
}

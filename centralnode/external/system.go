package external

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/foreign"
	"vedette/proto/problem"
)

// Bounds on what is kept of a system, in bytes but for the addresses.
const (
	maxAddresses = 8
	maxName      = 256
	maxSubject   = 512
	maxError     = 512
	maxTitle     = 64
)

// system is what is kept in memory of an external system that asked once.
type system struct {
	kept   store.ExternalSystem
	origin netip.Prefix // where its request came from
	calls  store.SystemContact
	// addresses are those that called, the last one first.
	addresses []netip.Addr
	dirty     bool // the contact is to be written
}

func newSystem(v store.ExternalSystem) *system {
	s := &system{kept: v, calls: store.SystemContact{ID: v.ID, Fingerprint: v.Fingerprint}}
	if asked, err := netip.ParseAddr(v.Address); err == nil {
		s.origin, s.addresses = budget.Network(asked), []netip.Addr{asked}
	}
	return s
}

// contact is what is written of the calls.
func (s *system) contact() store.SystemContact {
	c := s.calls
	c.Addresses = addressTexts(s.addresses)
	return c
}

func addressTexts(addresses []netip.Addr) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = a.String()
	}
	return out
}

// last is when it was last heard of.
func (s *system) last() time.Time {
	if s.calls.Last.After(s.kept.Requested) {
		return s.calls.Last
	}
	return s.kept.Requested
}

// called notes a call.
func (s *system) called(from netip.Addr, now time.Time, c claim) {
	s.dirty = true
	s.calls.Calls++
	s.calls.Last = now
	s.calls.Type, s.calls.Name = cmp.Or(c.kind, s.calls.Type), cmp.Or(c.name, s.calls.Name)
	switch at := slices.Index(s.addresses, from); {
	case at == 0:
		return
	case at > 0:
		s.addresses = slices.Delete(s.addresses, at, at+1)
	case len(s.addresses) >= maxAddresses:
		s.addresses = s.addresses[:maxAddresses-1]
	}
	s.addresses = slices.Insert(s.addresses, 0, from)
}

// failed notes an answer that was an error.
func (s *system) failed(p *problem.Problem, now time.Time) {
	s.dirty = true
	s.calls.Refused++
	s.calls.LastErrorAt = now
	s.calls.LastError = foreign.Bounded(fmt.Sprintf("%d %s: %s", p.Status, p.Code, cmp.Or(p.Detail, p.Title)), maxError)
}

// kind is what the system is treated as. Its own claim counts for nothing until
// an administrator has confirmed it.
func (s *system) kind() acts.SystemType {
	if s.kept.Confirmed {
		return s.kept.Type
	}
	return acts.OtherSystem
}

// name is what it calls itself now.
func (s *system) name() string { return cmp.Or(s.calls.Name, s.kept.Name) }

// load reads what is remembered.
func (r *Room) load(ctx context.Context) error {
	kept, _, err := r.c.Store.ExternalSystems(ctx)
	if err != nil {
		return err
	}
	contacts, err := r.c.Store.SystemContacts(ctx)
	if err != nil {
		return err
	}
	for _, v := range kept {
		r.systems[v.System()] = newSystem(v)
	}
	for _, c := range contacts {
		s := r.systems[c.System()]
		if s == nil {
			continue
		}
		s.calls, s.addresses = c, nil
		for _, text := range c.Addresses {
			if a, err := netip.ParseAddr(text); err == nil && len(s.addresses) < maxAddresses {
				s.addresses = append(s.addresses, a)
			}
		}
	}
	r.sortOut()
	return nil
}

// sortOut finds those who wait, and the mail sensors, anew. It needs mu, or
// nobody else yet.
func (r *Room) sortOut() {
	r.waiting, r.mail = r.waiting[:0], make(map[string]bool)
	for _, s := range r.systems {
		switch k := s.kept; {
		case k.State == store.Pending:
			r.waiting = append(r.waiting, s)
		case k.State == store.Accepted && k.Confirmed && k.Type == acts.MailSensor:
			r.mail[k.ID] = true
		}
	}
	clear(r.waiting[len(r.waiting):cap(r.waiting)])
	slices.SortFunc(r.waiting, func(a, b *system) int { return a.kept.Requested.Compare(b.kept.Requested) })
}

// MailSensor reports whether an accepted external system of this ID is a mail
// sensor, as an administrator confirmed.
func (r *Room) MailSensor(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mail[id]
}

// Changed takes in what was decided about a system: the gateway has it in force
// by now. It reads the system anew, because it may have asked again since.
func (r *Room) Changed(ctx context.Context, who trust.System) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Under mu, so that of two readings the later one stays.
	v, found, err := r.c.Store.ExternalSystem(context.WithoutCancel(ctx), who)
	if err != nil {
		r.c.Logger.Error("read an external system after a decision", "system", who.Key(), "error", err)
		return
	}
	switch s := r.systems[who]; {
	case !found:
		delete(r.systems, who)
	case s == nil || !s.kept.Requested.Equal(v.Requested): // it asked anew
		r.systems[who] = newSystem(v)
	default:
		if s.kept.State != v.State { // what was answered before was about that
			s.calls.LastError, s.calls.LastErrorAt, s.dirty = "", time.Time{}, true
		}
		s.kept = v
	}
	r.sortOut()
}

// Look is what the room sees of a system. Name is foreign.
type Look struct {
	Addresses []netip.Addr // that called, the last one first; at most 8
	Last      time.Time    // zero: no call since its request was made
	Calls     uint64       // since the request was made, of any kind
	Submitted uint64       // objects taken
	Refused   uint64       // calls that were answered with an error
	LastError string       // as the caller read it, since the last decision
	// LastErrorAt is when that was answered.
	LastErrorAt time.Time
	Connections int // kept connections
	// Type and Name are what it says of itself now. Once an administrator has
	// confirmed a type, that one counts.
	Type acts.SystemType
	Name string
}

// Look looks at a system.
func (r *Room) Look(who trust.System) Look {
	connections := r.c.Door.ConnectedSystem(who)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.systems[who]
	if s == nil {
		return Look{Connections: connections}
	}
	c := s.calls
	return Look{
		Addresses: slices.Clone(s.addresses), Last: c.Last, Calls: c.Calls, Submitted: c.Submitted, Refused: c.Refused,
		LastError: c.LastError, LastErrorAt: c.LastErrorAt, Connections: connections,
		Type: cmp.Or(c.Type, s.kept.Type), Name: s.name(),
	}
}

// Title is what a system calls itself as a table shows it: clean, and at most 64
// bytes, for what is cleaned may become many times as long.
func Title(name string) string { return foreign.Bounded(foreign.Line(name), maxTitle) }

// claim is what a call says of its caller.
type claim struct {
	kind acts.SystemType
	name string
}

// claimOf reads the claims sensorType and sensorName of any call. Words that are
// no type claim nothing.
func claimOf(req *http.Request) claim {
	if req.URL.RawQuery == "" {
		return claim{}
	}
	query := req.URL.Query()
	c := claim{name: foreign.Bounded(query.Get("sensorName"), maxName)}
	if text := query.Get("sensorType"); text != "" {
		c.kind, _ = acts.ParseSystemType(text)
	}
	return c
}

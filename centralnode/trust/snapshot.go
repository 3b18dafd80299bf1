package trust

import (
	"maps"
	"slices"

	"vedette/pki"
)

// Request is the state of a wish to join, of a Sensor or of an external system.
// The zero value is of one that never asked, or was deleted.
type Request uint8

// States of a request.
const (
	Unknown Request = iota
	Pending
	Accepted
	Rejected
)

// Lists is what a snapshot is made of.
type Lists struct {
	// Revision is the store's revision that the lists were read at.
	Revision uint64
	// Policy is the revision at which the agents' part of them, which Sensors
	// have a copy of, last changed.
	Policy uint64
	// Validation is the switch Validate Endpoint Agent TLS certificates.
	Validation bool
	Listed     []pki.Fingerprint
	Withdrawn  []pki.Fingerprint // the most recent last
	Sensors    map[pki.Fingerprint]Request
	Systems    map[System]Request
	// Changed are those of Systems that asked when another leaf of their ID was
	// known.
	Changed []System
}

// Snapshot is the lists at one revision of the store. It is never changed
// after it was made, so any number of connections may read it.
type Snapshot struct {
	Revision   uint64
	Policy     uint64
	Validation bool

	listed    map[pki.Fingerprint]struct{}
	withdrawn map[pki.Fingerprint]struct{}
	order     []pki.Fingerprint // of the withdrawals
	sensors   map[pki.Fingerprint]Request
	systems   map[System]systemRequest
	systemIDs map[string]int // how many leaves are known with an ID
}

// NewSnapshot makes a snapshot. A leaf that is both listed and withdrawn is
// listed: it was added again after its withdrawal.
func NewSnapshot(l Lists) *Snapshot {
	s := &Snapshot{
		Revision: l.Revision, Policy: l.Policy, Validation: l.Validation,
		listed:    make(map[pki.Fingerprint]struct{}, len(l.Listed)),
		withdrawn: make(map[pki.Fingerprint]struct{}, len(l.Withdrawn)),
		order:     slices.Clone(l.Withdrawn),
		sensors:   maps.Clone(l.Sensors),
		systems:   make(map[System]systemRequest, len(l.Systems)),
		systemIDs: make(map[string]int, len(l.Systems)),
	}
	for who, state := range l.Systems {
		if state != Unknown {
			s.addSystem(who, systemRequest{state: state})
		}
	}
	for _, who := range l.Changed {
		if r, known := s.systems[who]; known {
			r.changed = true
			s.systems[who] = r
		}
	}
	for _, f := range l.Listed {
		s.listed[f] = struct{}{}
	}
	for _, f := range l.Withdrawn {
		s.withdrawn[f] = struct{}{}
	}
	return s
}

// Listed reports whether f is on the list of agent certificates.
func (s *Snapshot) Listed(f pki.Fingerprint) bool {
	_, ok := s.listed[f]
	return ok
}

// Withdrawn reports whether f was on the list once.
func (s *Snapshot) Withdrawn(f pki.Fingerprint) bool {
	_, ok := s.withdrawn[f]
	return ok
}

// Sensor is the state of a link identity's request.
func (s *Snapshot) Sensor(f pki.Fingerprint) Request { return s.sensors[f] }

// AcceptedSensors counts the Sensors that may carry agents.
func (s *Snapshot) AcceptedSensors() (n int) {
	for _, state := range s.sensors {
		if state == Accepted {
			n++
		}
	}
	return n
}

// AllListed returns the list of agent certificates, in no order.
func (s *Snapshot) AllListed() []pki.Fingerprint { return slices.Collect(maps.Keys(s.listed)) }

// Len is how many leaves are on the list of agent certificates.
func (s *Snapshot) Len() int { return len(s.listed) }

// LastWithdrawn returns the most recent withdrawals that still hold, at most so
// many.
func (s *Snapshot) LastWithdrawn(most int) []pki.Fingerprint {
	var out []pki.Fingerprint
	for _, f := range slices.Backward(s.order) {
		if len(out) == most {
			break
		}
		if !s.Listed(f) {
			out = append(out, f)
		}
	}
	return out
}

// WithValidation returns what s is with the switch in another position.
func (s *Snapshot) WithValidation(on bool) *Snapshot {
	other := *s
	other.Validation = on
	return &other
}

// With returns what s is with some leaves on the list.
func (s *Snapshot) With(leaves []pki.Fingerprint) *Snapshot {
	other := *s
	other.listed = maps.Clone(s.listed)
	for _, f := range leaves {
		other.listed[f] = struct{}{}
	}
	return &other
}

// Without returns what s is with some leaves withdrawn.
func (s *Snapshot) Without(leaves []pki.Fingerprint) *Snapshot {
	other := *s
	other.listed, other.withdrawn = maps.Clone(s.listed), maps.Clone(s.withdrawn)
	gone := make(map[pki.Fingerprint]bool, len(leaves))
	for _, f := range leaves {
		delete(other.listed, f)
		other.withdrawn[f] = struct{}{}
		gone[f] = true
	}
	other.order = slices.DeleteFunc(slices.Clone(s.order), func(f pki.Fingerprint) bool { return gone[f] })
	other.order = append(other.order, leaves...)
	return &other
}

// WithSensor returns what s is with a Sensor's request in a state; Unknown
// stands for one that was deleted.
func (s *Snapshot) WithSensor(f pki.Fingerprint, state Request) *Snapshot {
	other := *s
	if other.sensors = maps.Clone(s.sensors); other.sensors == nil {
		other.sensors = make(map[pki.Fingerprint]Request)
	}
	if other.sensors[f] = state; state == Unknown {
		delete(other.sensors, f)
	}
	return &other
}

// At returns s as of the store's revision at which it was committed. agents
// says that the commit changed the agents' part of the lists.
func (s *Snapshot) At(revision uint64, agents bool) *Snapshot {
	other := *s
	if other.Revision = revision; agents {
		other.Policy = revision
	}
	return &other
}

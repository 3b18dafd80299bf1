package trust

import (
	"maps"

	"vedette/pki"
)

// Snapshot is the lists at one revision of the store. It is never changed
// after it was made, so any number of connections may read it.
type Snapshot struct {
	// Revision is the store's revision that the lists were read at.
	Revision uint64
	// Validation is the switch Validate Endpoint Agent TLS certificates.
	Validation bool

	listed    map[pki.Fingerprint]struct{}
	withdrawn map[pki.Fingerprint]struct{}
}

// NewSnapshot makes a snapshot. A leaf that is both listed and withdrawn is
// listed: it was added again after its withdrawal.
func NewSnapshot(revision uint64, validation bool, listed, withdrawn []pki.Fingerprint) *Snapshot {
	s := &Snapshot{
		Revision: revision, Validation: validation,
		listed:    make(map[pki.Fingerprint]struct{}, len(listed)),
		withdrawn: make(map[pki.Fingerprint]struct{}, len(withdrawn)),
	}
	for _, f := range listed {
		s.listed[f] = struct{}{}
	}
	for _, f := range withdrawn {
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

// WithValidation returns what s would be with the switch in another position,
// for previews.
func (s *Snapshot) WithValidation(on bool) *Snapshot {
	other := *s
	other.Validation = on
	return &other
}

// Without returns what s would be with some leaves withdrawn, for previews.
func (s *Snapshot) Without(leaves []pki.Fingerprint) *Snapshot {
	other := *s
	other.listed, other.withdrawn = maps.Clone(s.listed), maps.Clone(s.withdrawn)
	for _, f := range leaves {
		delete(other.listed, f)
		other.withdrawn[f] = struct{}{}
	}
	return &other
}

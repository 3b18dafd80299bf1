package store

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

const (
	externalSystemPrefix = "external-system/"
	systemContactPrefix  = "system-contact/"
	scanPriorityKey      = "scan-priority"
)

// ExternalSystem is an external system's request to integrate and what was
// decided about it. Its texts are foreign, bounded by the writer.
type ExternalSystem struct {
	V           int             `json:"v"`
	ID          string          `json:"id"`
	Fingerprint pki.Fingerprint `json:"fingerprint"` // of the certificate that it proved
	State       RequestState    `json:"state"`
	// Type and Name are what it said of itself when it asked, until an
	// administrator has Confirmed or corrected the type.
	Type      acts.SystemType `json:"type"`
	Confirmed bool            `json:"confirmed,omitempty"`
	Name      string          `json:"name"`
	Subject   string          `json:"subject"`   // of the certificate
	NotAfter  time.Time       `json:"not_after"` // of the certificate
	// Changed says that its ID was known with another certificate when it asked.
	Changed   bool      `json:"changed,omitempty"`
	Requested time.Time `json:"requested"`
	// Address is where the request came from.
	Address   string    `json:"address"`
	Decided   time.Time `json:"decided,omitzero"`
	DecidedBy string    `json:"decided_by,omitempty"`

	Version kv.Revision `json:"-"`
}

// System is who the request is of.
func (v ExternalSystem) System() trust.System { return trust.System{ID: v.ID, Leaf: v.Fingerprint} }

// SystemContact is what was noted of an external system's calls. It lives in
// memory and is written now and then, so it has a key of its own: an act is
// never stale because of it. Its texts are foreign, bounded by the writer.
type SystemContact struct {
	V           int             `json:"v"`
	ID          string          `json:"id"`
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	// Type and Name are what it says of itself now.
	Type      acts.SystemType `json:"type,omitempty"`
	Name      string          `json:"name,omitempty"`
	Last      time.Time       `json:"last,omitzero"`
	Addresses []string        `json:"addresses"` // the one that called last is first
	Calls     uint64          `json:"calls"`
	Submitted uint64          `json:"submitted"`
	Refused   uint64          `json:"refused"`
	LastError string          `json:"last_error,omitempty"`
	// LastErrorAt is when that was answered.
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// System is who the contact is of.
func (c SystemContact) System() trust.System { return trust.System{ID: c.ID, Leaf: c.Fingerprint} }

func systemKey(prefix string, who trust.System) string {
	d := who.Digest()
	return prefix + hex.EncodeToString(d[:])
}

// ExternalSystems reads all of them, and the revision they were read at.
func (s *Store) ExternalSystems(ctx context.Context) ([]ExternalSystem, kv.Revision, error) {
	entries, rev, err := s.kv.List(ctx, externalSystemPrefix)
	if err != nil {
		return nil, 0, err
	}
	out, err := externalSystems(entries)
	return out, rev, err
}

func externalSystems(entries []kv.Entry) ([]ExternalSystem, error) {
	out := make([]ExternalSystem, 0, len(entries))
	for _, e := range entries {
		var v ExternalSystem
		if err := entity.Decode(e, 1, &v); err != nil {
			return nil, err
		}
		v.Version = e.Revision
		out = append(out, v)
	}
	return out, nil
}

// ExternalSystem reads one.
func (s *Store) ExternalSystem(ctx context.Context, who trust.System) (ExternalSystem, bool, error) {
	var v ExternalSystem
	rev, found, err := s.get(ctx, systemKey(externalSystemPrefix, who), 1, &v)
	v.Version = rev
	return v, found, err
}

// PutExternalSystem writes one over the version that was read; a new one has
// version 0.
func (c *Change) PutExternalSystem(v ExternalSystem) {
	key := systemKey(externalSystemPrefix, v.System())
	v.V = 1
	c.Put(key, v)
	c.Seen(key, v.Version)
}

// DeleteExternalSystem forgets one, which must still be the one that was read,
// and its contact.
func (c *Change) DeleteExternalSystem(v ExternalSystem) {
	key := systemKey(externalSystemPrefix, v.System())
	c.Delete(key)
	c.Seen(key, v.Version)
	c.Delete(systemKey(systemContactPrefix, v.System()))
}

// PutSystemContact writes what was noted of an external system's calls.
func (c *Change) PutSystemContact(v SystemContact) {
	v.V = 1
	c.Put(systemKey(systemContactPrefix, v.System()), v)
}

// SystemContacts reads what was noted.
func (s *Store) SystemContacts(ctx context.Context) ([]SystemContact, error) {
	entries, _, err := s.kv.List(ctx, systemContactPrefix)
	if err != nil {
		return nil, err
	}
	out := make([]SystemContact, 0, len(entries))
	for _, e := range entries {
		var v SystemContact
		if err := entity.Decode(e, 1, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// contactsAtOnce is how many contacts are written in one transaction: one of
// them has at most some 3 KiB, and a transaction at most 16 MiB.
const contactsAtOnce = 1000

// SaveSystemContacts writes contacts off the watch. Those of systems that were
// deleted meanwhile are left out.
func (s *Store) SaveSystemContacts(ctx context.Context, contacts []SystemContact) error {
	for some := range slices.Chunk(contacts, contactsAtOnce) {
		if err := s.saveSystemContacts(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) saveSystemContacts(ctx context.Context, contacts []SystemContact) error {
	for {
		systems, _, err := s.ExternalSystems(ctx)
		if err != nil {
			return err
		}
		versions := make(map[trust.System]kv.Revision, len(systems))
		for _, v := range systems {
			versions[v.System()] = v.Version
		}
		var c Change
		for _, v := range contacts {
			if version, known := versions[v.System()]; known {
				c.PutSystemContact(v)
				c.Seen(systemKey(externalSystemPrefix, v.System()), version)
			}
		}
		err = c.ApplyQuietly(ctx, s.kv)
		var moved *kv.ConflictError
		if !errors.As(err, &moved) {
			return err
		}
		// An administrator decided meanwhile, which nobody does all the time.
	}
}

type scanPriority struct {
	V  int  `json:"v"`
	On bool `json:"on"`
}

// ScanPriority reads the switch Maximum scan priority, which is off until it was
// set, and the revision at which it was last set.
func (s *Store) ScanPriority(ctx context.Context) (on bool, version kv.Revision, err error) {
	var v scanPriority
	version, _, err = s.get(ctx, scanPriorityKey, 1, &v)
	return v.On, version, err
}

// SetScanPriority sets the switch, last set at revision seen.
func (c *Change) SetScanPriority(on bool, seen kv.Revision) {
	c.Put(scanPriorityKey, scanPriority{V: 1, On: on})
	c.Seen(scanPriorityKey, seen)
}

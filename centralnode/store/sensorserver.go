package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vedette/centralnode/trust"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

const (
	sensorServerPrefix  = "sensor-server/"
	sensorContactPrefix = "sensor-contact/"
)

// SensorServer is a Sensor's request to join and what was decided about it.
type SensorServer struct {
	V           int             `json:"v"`
	Fingerprint pki.Fingerprint `json:"fingerprint"` // of the link identity
	State       RequestState    `json:"state"`
	Requested   time.Time       `json:"requested"`
	// Address is where the request came from.
	Address string `json:"address"`
	// Request is what the Sensor had drawn when it was rejected; another one asks
	// again.
	Request   []byte    `json:"request,omitempty"`
	Decided   time.Time `json:"decided,omitzero"`
	DecidedBy string    `json:"decided_by,omitempty"`

	Version kv.Revision `json:"-"`
}

// SensorContact is what a Sensor said last. It lives in memory and is written
// now and then, so it has a key of its own: an act is never stale because of
// it. Its texts are foreign, bounded by the writer.
type SensorContact struct {
	V                 int             `json:"v"`
	Fingerprint       pki.Fingerprint `json:"fingerprint"` // of the link identity
	Name              string          `json:"name"`
	Software          string          `json:"version"` // of the Sensor's program
	Addresses         []string        `json:"addresses"`
	Address           string          `json:"address"` // that it connected from
	SameServer        bool            `json:"same_server,omitempty"`
	ServerCertificate pki.Fingerprint `json:"server_certificate,omitzero"` // that its agents pin
	Request           []byte          `json:"request,omitempty"`
	Last              time.Time       `json:"last,omitzero"`
}

// RequestState is a trust.Request as it is kept.
type RequestState string

// States of a request.
const (
	Pending  RequestState = "pending"
	Accepted RequestState = "accepted"
	Rejected RequestState = "rejected"
)

// Trust is the state as the judge knows it.
func (r RequestState) Trust() (trust.Request, error) {
	switch r {
	case Pending:
		return trust.Pending, nil
	case Accepted:
		return trust.Accepted, nil
	case Rejected:
		return trust.Rejected, nil
	default:
		return trust.Unknown, fmt.Errorf("state %q of a request is not known", r)
	}
}

// SensorServers reads all of them, and the revision they were read at.
func (s *Store) SensorServers(ctx context.Context) ([]SensorServer, kv.Revision, error) {
	entries, rev, err := s.kv.List(ctx, sensorServerPrefix)
	if err != nil {
		return nil, 0, err
	}
	out, err := sensorServers(entries)
	return out, rev, err
}

func sensorServers(entries []kv.Entry) ([]SensorServer, error) {
	out := make([]SensorServer, 0, len(entries))
	for _, e := range entries {
		v := SensorServer{}
		if err := entity.Decode(e, 1, &v); err != nil {
			return nil, err
		}
		v.Version = e.Revision
		out = append(out, v)
	}
	return out, nil
}

// SensorServer reads one.
func (s *Store) SensorServer(ctx context.Context, f pki.Fingerprint) (SensorServer, bool, error) {
	var v SensorServer
	rev, found, err := s.get(ctx, hexKey(sensorServerPrefix, f), 1, &v)
	v.Version = rev
	return v, found, err
}

// PutSensorServer writes one over the version that was read; a new one has
// version 0.
func (c *Change) PutSensorServer(v SensorServer) {
	key := hexKey(sensorServerPrefix, v.Fingerprint)
	v.V = 1
	c.Put(key, v)
	c.Seen(key, v.Version)
}

// DeleteSensorServer forgets one, which must still be the one that was read,
// and what it said.
func (c *Change) DeleteSensorServer(v SensorServer) {
	key := hexKey(sensorServerPrefix, v.Fingerprint)
	c.Delete(key)
	c.Seen(key, v.Version)
	c.Delete(hexKey(sensorContactPrefix, v.Fingerprint))
	c.deleteSensorHistory(v.Fingerprint)
}

// PutSensorContact writes what a Sensor said.
func (c *Change) PutSensorContact(v SensorContact) {
	v.V = 1
	c.Put(hexKey(sensorContactPrefix, v.Fingerprint), v)
}

// SensorContacts reads what Sensors said.
func (s *Store) SensorContacts(ctx context.Context) ([]SensorContact, error) {
	entries, _, err := s.kv.List(ctx, sensorContactPrefix)
	if err != nil {
		return nil, err
	}
	out := make([]SensorContact, 0, len(entries))
	for _, e := range entries {
		var v SensorContact
		if err := entity.Decode(e, 1, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// SaveSensorContacts writes contacts off the watch. Those of Sensors that were
// deleted meanwhile are left out.
func (s *Store) SaveSensorContacts(ctx context.Context, contacts []SensorContact) error {
	return s.saveSaid(ctx, func(c *Change, servers map[pki.Fingerprint]SensorServer) {
		for _, v := range contacts {
			if server, known := servers[v.Fingerprint]; known {
				c.PutSensorContact(v)
				c.Seen(hexKey(sensorServerPrefix, v.Fingerprint), server.Version)
			}
		}
	})
}

// saveSaid writes what Sensors said off the watch; put sees those that are known,
// and again when one of them is decided about meanwhile.
func (s *Store) saveSaid(ctx context.Context, put func(*Change, map[pki.Fingerprint]SensorServer)) error {
	for {
		all, _, err := s.SensorServers(ctx)
		if err != nil {
			return err
		}
		servers := make(map[pki.Fingerprint]SensorServer, len(all))
		for _, v := range all {
			servers[v.Fingerprint] = v
		}
		var c Change
		put(&c, servers)
		if len(c.Ops) == 0 {
			return nil
		}
		err = c.ApplyQuietly(ctx, s.kv)
		var moved *kv.ConflictError
		if !errors.As(err, &moved) {
			return err
		}
		// An administrator decided meanwhile, which nobody does all the time.
	}
}

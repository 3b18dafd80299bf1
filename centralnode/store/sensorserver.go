package store

import (
	"context"
	"fmt"
	"time"

	"vedette/centralnode/trust"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

const sensorServerPrefix = "sensor-server/"

// SensorServer is a Sensor's request to join and what was decided about it.
// Name, version and addresses are what the Sensor said last: foreign text,
// bounded by the writer.
type SensorServer struct {
	V           int             `json:"v"`
	Fingerprint pki.Fingerprint `json:"fingerprint"` // of the link identity
	State       RequestState    `json:"state"`
	// Request is what the Sensor's administrator drew; another one asks again.
	Request   []byte    `json:"request,omitempty"`
	Name      string    `json:"name"`
	Software  string    `json:"version"` // of the Sensor's program
	Addresses []string  `json:"addresses"`
	Address   string    `json:"address"` // that it connected from
	SameHost  bool      `json:"same_server,omitempty"`
	Server    []byte    `json:"server_certificate,omitempty"` // fingerprint that its agents pin
	Requested time.Time `json:"requested"`
	Decided   time.Time `json:"decided,omitzero"`
	DecidedBy string    `json:"decided_by,omitempty"`
	Last      time.Time `json:"last,omitzero"` // contact, written now and then

	Version kv.Revision `json:"-"`
}

// RequestState is a trust.Request as it is kept.
type RequestState string

// States of a request.
const (
	Pending  RequestState = "pending"
	Accepted RequestState = "accepted"
	Rejected RequestState = "rejected"
)

func (r RequestState) trust() (trust.Request, error) {
	switch r {
	case Pending:
		return trust.Pending, nil
	case Accepted:
		return trust.Accepted, nil
	case Rejected:
		return trust.Rejected, nil
	default:
		return trust.Unknown, fmt.Errorf("state %q of a Sensor server is not known", r)
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

// DeleteSensorServer forgets one, which must still be the one that was read.
func (c *Change) DeleteSensorServer(v SensorServer) {
	key := hexKey(sensorServerPrefix, v.Fingerprint)
	c.Delete(key)
	c.Seen(key, v.Version)
}

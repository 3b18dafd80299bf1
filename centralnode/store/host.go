package store

import (
	"context"
	"time"

	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

const hostPrefix = "host/"

// Host is what is remembered of a host. Its texts came from outside and are
// bounded by the writer.
type Host struct {
	V            int               `json:"v"`
	AgentID      string            `json:"agent_id"`
	Name         string            `json:"name"`
	Addresses    []string          `json:"addresses"`
	OSFamily     string            `json:"os_family"`
	OSName       string            `json:"os_name"`
	OSVersion    string            `json:"os_version"`
	AgentVersion string            `json:"agent_version"`
	Collector    string            `json:"collector"`
	Way          string            `json:"way"`
	Remote       string            `json:"remote"`
	Leaf         pki.Fingerprint   `json:"leaf"`
	First        time.Time         `json:"first"`
	Last         time.Time         `json:"last"`
	Dropped      map[string]uint64 `json:"dropped,omitempty"`
	Suppressed   uint64            `json:"suppressed,omitempty"`
	ClockSkew    time.Duration     `json:"clock_skew,omitempty"`
}

// Hosts reads all hosts.
func (s *Store) Hosts(ctx context.Context) ([]Host, error) {
	entries, _, err := s.kv.List(ctx, hostPrefix)
	if err != nil {
		return nil, err
	}
	out := make([]Host, 0, len(entries))
	for _, e := range entries {
		var h Host
		if err := entity.Decode(e, 1, &h); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// SaveHosts writes hosts in one transaction, off the watch: contacts are not
// acts, and nobody waits for them.
func (s *Store) SaveHosts(ctx context.Context, hosts []Host) error {
	var c Change
	for _, h := range hosts {
		h.V = 1
		c.Put(hostPrefix+h.AgentID, h)
	}
	return c.ApplyQuietly(ctx, s.kv)
}

// Revision returns the store's present revision.
func (s *Store) Revision() kv.Revision { return s.kv.Revision() }

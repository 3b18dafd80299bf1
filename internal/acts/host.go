package acts

import (
	"time"

	"vedette/pki"
)

// Host is one row of the table of hosts. Its texts came from outside.
type Host struct {
	AgentID      string          `json:"agent_id"`
	Name         string          `json:"name"`
	Addresses    []string        `json:"addresses"`
	OSFamily     string          `json:"os_family"`
	OSName       string          `json:"os_name"`
	OSVersion    string          `json:"os_version"`
	AgentVersion string          `json:"agent_version"`
	Collector    string          `json:"collector"`
	Way          string          `json:"way"`              // "direct", or the Sensor's id
	Sensor       string          `json:"sensor,omitempty"` // the Sensor's name
	Remote       string          `json:"remote"`
	Certificate  pki.Fingerprint `json:"certificate,omitzero"`
	FirstContact time.Time       `json:"first_contact"`
	LastContact  time.Time       `json:"last_contact"`
	Connected    bool            `json:"connected"`
	// Conflict is set when two installations use one agent id at once.
	Conflict   string            `json:"conflict,omitempty"`
	Dropped    map[string]uint64 `json:"dropped,omitempty"`
	Suppressed uint64            `json:"suppressed,omitempty"`
	ClockSkew  time.Duration     `json:"clock_skew_ns,omitempty"` // the host's clock minus ours at last contact
}

// HostFilter selects hosts by a part of the name, address or agent id.
type HostFilter struct {
	Host string
}

package acts

import (
	"time"

	"vedette/pki"
)

// RequestState is the state of a wish to join.
type RequestState string

// States of a request.
const (
	Pending  RequestState = "Pending"
	Accepted RequestState = "Accepted"
	Rejected RequestState = "Rejected"
)

// The types of Sensor servers, as documented.
const (
	TypeSameServer = "Central Node" // on the server of the Central Node
	TypeRemote     = "Remote"
)

// SensorServer is one row of the Central Node's table of Sensor servers.
type SensorServer struct {
	// ID is the first 16 digits of the link identity's fingerprint, in lower
	// case. Events and hosts name their Sensor by it.
	ID string `json:"id"`
	// Fingerprint is of the link identity.
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	// Name, Version and Addresses are what the Sensor says of itself.
	Name      string       `json:"name"`
	Version   string       `json:"version"`
	Addresses []string     `json:"addresses"`
	Address   string       `json:"address"` // that it connects from, or did
	Type      string       `json:"type"`
	State     RequestState `json:"state"`
	// Problem is a sentence when the Sensor cannot do its work.
	Problem string `json:"problem,omitempty"`
	// NextStep tells the administrator in a sentence what to do about it now, or
	// that all is well.
	NextStep string `json:"next_step"`
	// ServerCertificate is what agents pin at this Sensor.
	ServerCertificate pki.Fingerprint `json:"server_certificate,omitzero"`
	Requested         time.Time       `json:"requested"`
	Decided           time.Time       `json:"decided,omitzero"`
	DecidedBy         string          `json:"decided_by,omitempty"`
	// Revision is of the request and what was decided about it. An act that is
	// given it is refused when either was changed since.
	Revision    uint64    `json:"revision"`
	LastContact time.Time `json:"last_contact,omitzero"`
	// Connected, and what follows, is about the link that lives now.
	Connected      bool          `json:"connected"`
	Lanes          int           `json:"lanes"`
	Agents         int           `json:"agents"`
	PolicyRevision uint64        `json:"policy_revision"` // that the Sensor has in force
	PolicyBehind   bool          `json:"policy_behind"`   // accepted, and not that of the Central Node yet
	RTT            time.Duration `json:"rtt_ns,omitempty"`
	Quality        *LinkQuality  `json:"quality,omitempty"` // as the Sensor reports it; nil: it does not
	Mute           bool          `json:"mute,omitempty"`    // it reports for a minute, and never that: an older version
	IngressBytes   uint64        `json:"ingress_bytes"`     // read from agents since the Sensor's start
	Refused        uint64        `json:"refused"`           // agents that the Sensor refused since its start
}

// SensorServerList is the table with what it was read at.
type SensorServerList struct {
	Servers        []SensorServer `json:"servers"`
	PolicyRevision uint64         `json:"policy_revision"` // in force at the Central Node
	Revision       uint64         `json:"revision"`
}

// ServerFilter chooses what is shown of a Server list, be it of Sensor servers or
// of external systems.
type ServerFilter struct {
	State RequestState // empty: any
	// Text is a part of what the list says of a row: an address, a name, an ID, or
	// a fingerprint in any notation. Upper and lower case do not count.
	Text string
	// Offset rows are left out, those that need a decision come first; Limit bounds
	// what follows, and 0 does not.
	Offset, Limit int
}

// SensorServerPage is what a filter chose of the table.
type SensorServerPage struct {
	SensorServerList              // with the chosen rows only
	Counts           SensorCounts // of the whole table
	Matching         int          // rows that the filter lets through
	Offset           int          // of the first row here
}

// DecideSensorServer names the Sensor that an administrator accepts, rejects or
// deletes: by fingerprint, by id, or by an address or name that only one has.
type DecideSensorServer struct {
	Which string
	// Fingerprint is of the link identity that a person compared; zero: none
	// beside Which.
	Fingerprint pki.Fingerprint
	Revision    uint64
}

// SensorServerDecision is what came of it.
type SensorServerDecision struct {
	Server   SensorServer  `json:"server"`
	Revision uint64        `json:"revision"`
	Cut      int           `json:"cut"` // agents' connections that were ended
	Took     time.Duration `json:"took_ns"`
}

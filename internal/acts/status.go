package acts

import "time"

// Status is what a daemon says of itself.
type Status struct {
	Daemon      string       `json:"daemon"` // "centralnode", "sensor"
	Version     string       `json:"version"`
	Started     time.Time    `json:"started"`
	Address     string       `json:"address"` // where agents connect
	StoreID     string       `json:"store_id"`
	Revision    uint64       `json:"revision"`
	SSH         SSHDoor      `json:"ssh"`
	Web         string       `json:"web"` // address of the web interface, as configured; empty: nowhere
	Certificate Certificate  `json:"server_certificate"`
	Validation  bool         `json:"validation"`
	Agents      AgentCounts  `json:"agents"`
	Sensors     SensorCounts `json:"sensors"`
	Events      EventState   `json:"events"`
	Systems     SystemCounts `json:"external_systems"`
	Scan        ScanStatus   `json:"scan"`
	Alerts      AlertCounts  `json:"alerts"`
	// Problems are sentences that need a person, the worst first.
	Problems []string `json:"problems,omitempty"`
	// Needs are all that waits for a person, the problems among them, with what to
	// do about it. What an actor may not see is left out.
	Needs []Need `json:"needs,omitempty"`
}

// Need is something that waits for a person.
type Need struct {
	Level NeedLevel `json:"level"`
	About NeedAbout `json:"about"`
	// Subject is the one thing among those that it is about, by the name that its
	// acts take: a Sensor's id, an agent's id; empty: no one thing.
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`           // a sentence
	Next    string `json:"next,omitempty"` // what to do, a sentence
}

// NeedLevel says how urgent a need is.
type NeedLevel string

// The levels of needs.
const (
	NeedProblem  NeedLevel = "problem"  // something does not work, or soon will not
	NeedDecision NeedLevel = "decision" // somebody waits for a person
	NeedNote     NeedLevel = "note"     // good to know
)

// NeedAbout says where a need is settled.
type NeedAbout string

// What needs are about.
const (
	AboutServer            NeedAbout = "server" // the machine and its disks
	AboutEvents            NeedAbout = "events"
	AboutScan              NeedAbout = "scan"
	AboutSensors           NeedAbout = "sensors"
	AboutSystems           NeedAbout = "external-systems"
	AboutServerCertificate NeedAbout = "server-certificate"
	AboutAgentCertificates NeedAbout = "agent-certificates"
	AboutHosts             NeedAbout = "hosts"
	AboutAlerts            NeedAbout = "alerts"
)

// SSHDoor is where administrators connect over the network.
type SSHDoor struct {
	Address string `json:"address"`  // as configured; empty: only the local socket
	HostKey string `json:"host_key"` // fingerprint as OpenSSH prints it
	// Sessions are those who are signed in now, over the network.
	Sessions int `json:"sessions"`
}

// AgentCounts counts hosts and their connections.
type AgentCounts struct {
	Hosts       int `json:"hosts"`
	Connections int `json:"connections"`
	Strangers   int `json:"strangers"` // connections that were not yet let in
}

// SensorCounts counts Sensor servers by what was decided about them.
type SensorCounts struct {
	Pending   int `json:"pending"`
	Accepted  int `json:"accepted"`
	Rejected  int `json:"rejected"`
	Connected int `json:"connected"` // accepted ones that have a link now
}

// SystemCounts counts external systems by what was decided about them.
type SystemCounts struct {
	Pending  int `json:"pending"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
}

// EventState is the state of the event log.
type EventState struct {
	Degraded bool      `json:"degraded"`
	Reason   string    `json:"reason,omitempty"`
	Packages uint64    `json:"packages"`
	Bytes    uint64    `json:"bytes"`
	Oldest   time.Time `json:"oldest,omitzero"`
	Store    string    `json:"store"` // "embedded" or "cluster"
	// Durability says what an acknowledged package has survived.
	Durability string `json:"durability"`
	Refused    uint64 `json:"refused"` // packages answered "try again" since start
}

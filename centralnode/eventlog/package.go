package eventlog

import (
	agentv1 "vedette/proto/agent/v1"

	"vedette/pki"
)

// Package is what one agent sent in one call, and what the Central Node knows
// about it.
type Package struct {
	// AgentID and QueueID are 32 lower-case hexadecimal digits each.
	AgentID, QueueID string
	// Seq grows from package to package of one queue and starts at 1.
	Seq uint64
	// Way is "direct" or the id of the Sensor that carried it.
	Way string
	// Remote is the agent's address as the door saw it.
	Remote string
	// Leaf is the agent certificate that was shown, zero for none.
	Leaf pki.Fingerprint
	// Host is the name that the agent gave itself: foreign text.
	Host string
	// PolicyRevision is the revision of the lists under which the package was
	// allowed.
	PolicyRevision uint64
	// Events are at most MaxEvents.
	Events []*agentv1.Event
	// Encoded are the events instead, as they came, each an encoded
	// agentv1.Event. What is in them is checked and not decoded.
	Encoded [][]byte
}

// Outcome says what Append found.
type Outcome int

const (
	// Stored: the package is durable now.
	Stored Outcome = iota + 1
	// Duplicate: the package had been stored before; nothing changed.
	Duplicate
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case Duplicate:
		return "duplicate"
	}
	return "unknown"
}

// Receipt is the answer to a package that is durable.
type Receipt struct {
	Outcome Outcome
	// DurableSeq is the highest seq of the package's queue that is durable.
	DurableSeq uint64
}

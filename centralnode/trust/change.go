package trust

import (
	"time"

	"vedette/pki"
)

// Scope names the callers that a change of trust concerns: everybody, or the
// holders of some leaves, those who come through some Sensors, and some
// external systems.
type Scope struct {
	Everybody bool
	Leaves    []pki.Fingerprint
	Sensors   []pki.Fingerprint
	Systems   []System
}

// Changed reports a change of trust that is in force.
type Changed struct {
	Revision uint64
	// Cut is how many live connections the change ended.
	Cut int
	// Unfinished is how many things were still being made durable when the
	// wait for them ended. It is 0 unless the disk hangs.
	Unfinished int
	Took       time.Duration
}

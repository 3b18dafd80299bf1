package trust

import (
	"time"

	"vedette/pki"
)

// Scope names the callers that a change of trust concerns: everybody, or the
// holders of some leaves and those who come through some Sensors.
type Scope struct {
	Everybody bool
	Leaves    []pki.Fingerprint
	Sensors   []pki.Fingerprint
}

// Changed reports a change of trust that is in force.
type Changed struct {
	Revision uint64
	// Cut is how many live connections the change ended.
	Cut int
	// Unfinished is how many packages were still being made durable when the
	// wait for them ended. It is 0 unless the disk hangs.
	Unfinished int
	Took       time.Duration
}

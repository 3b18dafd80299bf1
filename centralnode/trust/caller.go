package trust

import (
	"net/netip"

	"vedette/pki"
)

// Direct is the way of a caller who connected to the Central Node itself.
const Direct = "direct"

// Caller is who is at the door. It is made once for each connection and never
// changes.
type Caller struct {
	// Way is Direct, or the id of the Sensor that carries the connection.
	Way    string
	Remote netip.AddrPort
	// Leaf is the zero fingerprint when the caller showed no certificate.
	Leaf pki.Fingerprint
	// Connection numbers the caller's connection; numbers are not used again.
	Connection uint64
}

// HasLeaf reports whether the caller showed a certificate.
func (c Caller) HasLeaf() bool { return !c.Leaf.IsZero() }

// Admission is the right of a caller to have one thing made durable. A change
// of trust that concerns the caller waits until Release, so Release it as soon
// as the thing is durable or has failed.
type Admission struct {
	Caller   Caller
	Revision uint64 // the state of trust that admitted it
	Release  func()
}

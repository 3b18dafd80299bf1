package trust

import (
	"encoding/hex"
	"net/netip"

	"vedette/pki"
)

// Direct is the way of a caller who connected to the Central Node itself.
const Direct = "direct"

// Caller is who is at the door. It is made once for each connection and never
// changes.
type Caller struct {
	// Way is Direct, or the id of the Sensor that carries the connection.
	Way string
	// Sensor is the link identity of that Sensor, zero when the way is direct.
	Sensor pki.Fingerprint
	// Remote is the caller's address; through a Sensor it is what that says.
	Remote netip.AddrPort
	// Leaf is the zero fingerprint when the caller showed no certificate.
	Leaf pki.Fingerprint
	// Connection numbers the caller's connection; numbers are not used again.
	Connection uint64
}

// HasLeaf reports whether the caller showed a certificate.
func (c Caller) HasLeaf() bool { return !c.Leaf.IsZero() }

// SensorID is the short name of a link identity, for people and for events: its
// first 16 hexadecimal digits. Whoever decides goes by the whole fingerprint.
func SensorID(f pki.Fingerprint) string { return hex.EncodeToString(f[:8]) }

// Admission is the right of a caller to have one thing made durable. A change
// of trust that concerns the caller waits until Release, so Release it as soon
// as the thing is durable or has failed.
type Admission struct {
	Caller   Caller
	Revision uint64 // the state of trust that admitted it
	Release  func()
}

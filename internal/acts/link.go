package acts

import (
	"time"

	"vedette/pki"
)

// LinkState is how a Sensor stands with its Central Node.
type LinkState string

// States of the link.
const (
	LinkUnconfigured       LinkState = "Unconfigured"        // no Central Node is configured
	LinkUnreachable        LinkState = "Unreachable"         // no connection now
	LinkPending            LinkState = "Pending"             // waits for an administrator of the Central Node
	LinkAccepted           LinkState = "Accepted"            // agents are carried
	LinkRejected           LinkState = "Rejected"            // an administrator of the Central Node said no
	LinkCertificateChanged LinkState = "Certificate changed" // the server met shows another certificate; nothing is sent to it
	LinkSameServer         LinkState = "Same server"         // on one server with the Central Node, where a Sensor is no proxy
)

// SameServerRule is the documented reason why a Sensor is no proxy (source
// document, "Configuring traffic redirection from Endpoint Agent to the Sensor
// server").
const SameServerRule = "You can only use the Sensor component as a proxy server if the Sensor and Central Node components are located on different servers."

// CentralNode is what a Sensor knows of its Central Node.
type CentralNode struct {
	Address string    `json:"address,omitempty"` // host:port, empty while Unconfigured
	State   LinkState `json:"state"`
	Since   time.Time `json:"since"`
	// Detail says why, Next what to do, each a sentence.
	Detail string `json:"detail,omitempty"`
	Next   string `json:"next,omitempty"`
	// Expected is the pin, Met the certificate last met at the address.
	Expected pki.Fingerprint `json:"expected,omitzero"`
	Met      pki.Fingerprint `json:"met,omitzero"`
	// LinkIdentity is what the Central Node shows for this Sensor.
	LinkIdentity pki.Fingerprint `json:"link_identity"`
	Revision     uint64          `json:"revision"`
}

// SetCentralNode configures the Central Node of a Sensor.
type SetCentralNode struct {
	// Address is a name or an IPv4 or IPv6 address, with :port where it is not 443.
	Address string
	// Fingerprint is what a person confirmed, or a script knows.
	Fingerprint pki.Fingerprint
	Revision    uint64
}

// Lane is one connection of the link.
type Lane struct {
	Class      string    `json:"class"`
	Congestion string    `json:"congestion"`
	Local      string    `json:"local"`
	Remote     string    `json:"remote"`
	Since      time.Time `json:"since"`
	// Idle says that nothing was sent for a while, so that there is no round trip
	// and no rate of now.
	Idle bool `json:"idle,omitempty"`
	// What the kernel says of the connection (TCP_INFO); zero where it does not.
	RTT           time.Duration `json:"rtt_ns,omitempty"`
	Segments      uint64        `json:"segments,omitempty"`                      // with data, sent
	Retransmitted uint64        `json:"retransmitted,omitempty"`                 // of these, sent again
	DeliveryRate  uint64        `json:"delivery_rate_bits_per_second,omitempty"` // that TCP measured last
}

// Link is a look at a Sensor's link.
type Link struct {
	CentralNode
	Lanes          []Lane        `json:"lanes"`
	Warnings       []string      `json:"warnings,omitempty"`
	RTT            time.Duration `json:"rtt_ns,omitempty"`
	Streams        int           `json:"streams"`
	RetainedBytes  int           `json:"retained_bytes"`
	PolicyRevision uint64        `json:"policy_revision"`
	Validation     bool          `json:"validation"`
	Ingress        Ingress       `json:"ingress"`
	Quality        LinkQuality   `json:"quality"`
	Time           time.Time     `json:"time"`
}

// Ingress is what a Sensor reads from its agents.
type Ingress struct {
	Agents    int    `json:"agents"`    // connections that are carried
	Strangers int    `json:"strangers"` // connections that are not carried (yet)
	Refused   uint64 `json:"refused"`   // since start
	Bytes     uint64 `json:"bytes"`     // read since start
	Rate      uint64 `json:"bits_per_second"`
	Limit     uint64 `json:"limit_bits_per_second"`
	Held      bool   `json:"held"` // the limit holds agents back now
}

// SensorStatus is what a Sensor says about itself.
type SensorStatus struct {
	Daemon      string      `json:"daemon"` // "sensor"
	Version     string      `json:"version"`
	Started     time.Time   `json:"started"`
	Address     string      `json:"address"` // where agents connect
	StoreID     string      `json:"store_id"`
	Revision    uint64      `json:"revision"`
	SSH         SSHDoor     `json:"ssh"`
	Certificate Certificate `json:"server_certificate"`
	Link        Link        `json:"link"`
	// Problems are sentences that need a person, the worst first.
	Problems []string `json:"problems,omitempty"`
}

package acts

import (
	"fmt"
	"strings"
	"time"

	"vedette/pki"
)

// SystemType is what an external system is, as documented.
type SystemType string

// The types of external systems.
const (
	MailSensor  SystemType = "mail sensor"
	OtherSystem SystemType = "other system"
)

// ParseSystemType reads a type as a person or a caller writes it.
func ParseSystemType(s string) (SystemType, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "mail", "mail sensor", "mail-sensor":
		return MailSensor, nil
	case "other", "other system", "other-system":
		return OtherSystem, nil
	}
	return "", fmt.Errorf("type %q is not known; the types are mail and other", s)
}

// ExternalSystem is one row of the table of external systems: a request to
// integrate and what was decided about it. It is known by its ID together with
// its certificate. Its texts came from outside.
type ExternalSystem struct {
	// ID is what the external system calls itself in every path.
	ID string `json:"id"`
	// Fingerprint is of the certificate that it proved to hold.
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	// Sensor is the documented column: the address of the external system's
	// server, the one that called last.
	Sensor string `json:"sensor"`
	// Type is what it is treated as; while Pending it is the caller's own claim,
	// until an administrator confirms or corrects it.
	Type SystemType `json:"type"`
	// Name is what it calls itself, or the name in its certificate. The documented
	// table shows a dash for a mail sensor.
	Name     string       `json:"name"`
	Subject  string       `json:"subject"`   // of the certificate
	NotAfter time.Time    `json:"not_after"` // of the certificate; it warns and cuts nobody
	State    RequestState `json:"state"`
	// Changed marks a request of an ID that was known with another certificate;
	// Others are the certificates that the ID has beside this one, the accepted
	// ones first, MaxOthers at most.
	Changed   bool              `json:"changed"`
	Others    []pki.Fingerprint `json:"others,omitempty"`
	Requested time.Time         `json:"requested"`
	Decided   time.Time         `json:"decided,omitzero"`
	DecidedBy string            `json:"decided_by,omitempty"`
	// Revision is of the request and what was decided about it. An act that is
	// given it is refused when either was changed since.
	Revision uint64 `json:"revision"`
	// Addresses are those that called with this certificate most recently.
	Addresses []string  `json:"addresses"`
	LastCall  time.Time `json:"last_call,omitzero"`
	// Calls, Submitted and Refused count since the request was made: calls of any
	// kind, objects taken for scanning, and calls that were answered with an error.
	Calls     uint64 `json:"calls"`
	Submitted uint64 `json:"submitted"`
	Refused   uint64 `json:"refused"`
	// LastError is the last answer that was an error, as the caller read it.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	// Connections and Waiting are about now: kept connections, and objects of this
	// ID that have no verdict yet.
	Connections int `json:"connections"`
	Waiting     int `json:"waiting"`
	// NextStep tells the administrator in a sentence what to do about it now, or
	// that all is well.
	NextStep string `json:"next_step"`
}

// MaxOthers is how many other certificates of its ID an external system is shown
// with: anybody may ask with as many as he likes.
const MaxOthers = 8

// ExternalSystemList is the table with what stands above it, and what it was
// read at.
type ExternalSystemList struct {
	Systems []ExternalSystem `json:"systems"`
	// ServerCertificate is the fingerprint of the Central Node, for the
	// administrators of the external systems to compare.
	ServerCertificate pki.Fingerprint `json:"server_certificate"`
	// MaximumScanPriority is the documented switch: mail sensors first.
	MaximumScanPriority bool   `json:"maximum_scan_priority"`
	Revision            uint64 `json:"revision"`
}

// ExternalSystemPage is what a filter chose of the table.
type ExternalSystemPage struct {
	ExternalSystemList              // with the chosen rows only
	Counts             SystemCounts // of the whole table
	Matching           int          // rows that the filter lets through
	Offset             int          // of the first row here
	// PriorityRevision is of the switch, as Revision is of a row.
	PriorityRevision uint64
}

// ExternalSystemDetail is one external system with what the check of its
// connection needs.
type ExternalSystemDetail struct {
	ExternalSystem
	// ServerCertificate is the fingerprint of the Central Node.
	ServerCertificate pki.Fingerprint
	// Address is where the Central Node listens for it, as host:port; the host may
	// be empty, for every address that the server has.
	Address string
}

// DecideExternalSystem names the request that an administrator accepts, rejects
// or deletes: by ID or by fingerprint, when only one has it, or by both.
type DecideExternalSystem struct {
	Which string
	// Fingerprint is of the certificate that a person compared; zero: none beside
	// Which.
	Fingerprint pki.Fingerprint
	// Type is what the administrator confirms or corrects on Accept; empty: as
	// claimed.
	Type SystemType
	// EachType has a preview of Accept say what every type means, for a person who
	// chooses while he confirms.
	EachType bool
	Revision uint64
}

// ExternalSystemDecision is what came of it.
type ExternalSystemDecision struct {
	System   ExternalSystem `json:"system"`
	Revision uint64         `json:"revision"`
	Cut      int            `json:"cut"` // connections that were ended, uploads and all
	Took     time.Duration  `json:"took_ns"`
}

// SetScanPriority sets the documented switch Maximum scan priority.
type SetScanPriority struct {
	On       bool
	Revision uint64
}

// ScanPriority is where the switch stands.
type ScanPriority struct {
	On       bool   `json:"maximum_scan_priority"`
	Revision uint64 `json:"revision"`
}

package acts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/pki"
)

// Certificate describes a certificate to a person.
type Certificate struct {
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	Subject     string          `json:"subject"`
	Names       []string        `json:"names"` // DNS names and addresses in the SAN
	Serial      pki.Serial      `json:"serial"`
	NotBefore   time.Time       `json:"not_before"`
	NotAfter    time.Time       `json:"not_after"`
	Key         string          `json:"key"` // "ECDSA P-256", "RSA 3072"
	Warnings    []string        `json:"warnings,omitempty"`
}

// ServerCertificate is the certificate a daemon shows to those who connect.
type ServerCertificate struct {
	Certificate
	Since    time.Time `json:"since"` // in use
	Revision uint64    `json:"revision"`
	PEM      string    `json:"pem"`                // the leaf, without key
	Uploaded *File     `json:"kata_pem,omitempty"` // a kata.pem that waits for install
	Cut      int       `json:"cut,omitempty"`      // connections that were ended, in the answer to an act
	// FollowUps are what is to be done now and by whom, in the answer to an act
	// that replaced the certificate.
	FollowUps []FollowUp `json:"follow_ups,omitempty"`
}

// FollowUp is what an act leaves to others: until they have done it they are cut
// off.
type FollowUp struct {
	Whom  string   `json:"whom"`  // "Endpoint Agents"
	Count int      `json:"count"` // of them today
	Who   []string `json:"who,omitempty"`
	Step  string   `json:"step"`
}

// File is an uploaded file that waits for an act.
type File struct {
	Name string    `json:"name"`
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
	// Fingerprint is of the certificate inside; zero when the file violates the
	// PEM rule, and then Problem says which parts and Hint what to do.
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	Problem     string          `json:"problem,omitempty"`
	Hint        string          `json:"hint,omitempty"`
	Revision    uint64          `json:"revision"` // at which it was uploaded
}

// DiscardServerCertificate is the input of forgetting the uploaded kata.pem.
type DiscardServerCertificate struct {
	Revision uint64 // of the file that was seen; 0: whatever is there
}

// FileFault is one rule that an uploaded file violates, and what to do about it.
type FileFault struct {
	Name string // of the file; empty: there is only one
	Text string
	Hint string
	Err  error // for the log, and for callers that ask which rule it is
}

// FileFaults are all that is wrong with an upload. Where there is one, an Error
// of code Invalid has them as its cause.
type FileFaults []FileFault

// maxTold is how many faults stand in one sentence: an upload may have thousands.
const maxTold = 16

// Error names the faults.
func (f FileFaults) Error() string {
	var texts []string
	for i, one := range f {
		if i == maxTold {
			texts = append(texts, fmt.Sprintf("and %d more", len(f)-i))
			break
		}
		if one.Name != "" {
			one.Text = one.Name + ": " + one.Text
		}
		texts = append(texts, one.Text)
	}
	return strings.Join(texts, "; ")
}

// Hints are the next steps, each once.
func (f FileFaults) Hints() string {
	var hints []string
	for _, one := range f[:min(maxTold, len(f))] {
		if one.Hint != "" && !slices.Contains(hints, one.Hint) {
			hints = append(hints, one.Hint)
		}
	}
	return strings.Join(hints, "; ")
}

// Unwrap returns the causes.
func (f FileFaults) Unwrap() []error {
	var causes []error
	for _, one := range f {
		if one.Err != nil {
			causes = append(causes, one.Err)
		}
	}
	return causes
}

// GenerateServerCertificate is the input of generating a server certificate.
type GenerateServerCertificate struct {
	Names    []string    // further DNS names and addresses, beside the local and configured ones
	Keep     bool        // the names of the certificate in use, too
	Key      pki.KeyKind // empty: ECDSA P-256
	Revision uint64      // of the preview; 0: no check
}

// InstallServerCertificate is the input of installing a supplied certificate.
type InstallServerCertificate struct {
	PEM      []byte // certificate and private key; nil: the uploaded kata.pem
	Revision uint64
}

// PreparedServerCertificate is a certificate that nobody serves yet. Its key is
// in it and nowhere else: whoever drops it forgets the key.
type PreparedServerCertificate struct {
	Certificate
	Act      string    // that made it, as audit records call it
	Pair     *pki.Pair // never shown
	Revision uint64    // of the certificate in use when this was prepared
	Upload   uint64    // revision of the kata.pem that it came from; 0: none
}

// AgentCertificate is one entry of the list of agent certificates.
type AgentCertificate struct {
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	Serial      pki.Serial      `json:"serial"`
	Subject     string          `json:"subject"`
	NotBefore   time.Time       `json:"not_before"`
	NotAfter    time.Time       `json:"not_after"`
	Key         string          `json:"key"`
	Origin      Origin          `json:"origin"`
	Added       time.Time       `json:"added"`
	Hosts       int             `json:"hosts"`              // that showed it when they were last heard
	Connected   int             `json:"connected"`          // live connections that use it now
	LastSeen    time.Time       `json:"last_seen,omitzero"` // last contact of any host that used it
	Warnings    []string        `json:"warnings,omitempty"`
}

// Origin says how a certificate came to the list.
type Origin string

// The origins of an agent certificate.
const (
	OriginGenerated Origin = "generated"
	OriginUploaded  Origin = "uploaded"
)

// AgentCertificateFilter selects by parts of the two documented columns;
// colons, spaces and case are ignored, an empty part matches all. Of what
// matches it takes a page.
type AgentCertificateFilter struct {
	Fingerprint string
	Serial      string
	Sort        AgentCertificateSort // empty: the oldest first
	Offset      int                  // how many to leave out at the beginning
	Limit       int                  // how many to take; 0: all
}

// AgentCertificateSort is an order of the table; a minus before the word turns
// it round.
type AgentCertificateSort string

// The orders of the table. A certificate that was never seen comes before all
// that were.
const (
	SortAdded    AgentCertificateSort = "added"
	SortExpires  AgentCertificateSort = "expires"
	SortLastSeen AgentCertificateSort = "seen"
)

// AgentCertificateList is the table, with the switch above it.
type AgentCertificateList struct {
	Validation   bool               `json:"validation"`
	Certificates []AgentCertificate `json:"certificates"`
	Total        int                `json:"total"`    // on the list
	Matching     int                `json:"matching"` // of them match the filter
	Revision     uint64             `json:"revision"`
}

// GenerateAgentCertificate is the input of generating an agent certificate.
type GenerateAgentCertificate struct {
	Name            string      // common name; empty: one is made
	Key             pki.KeyKind // empty: ECDSA P-256
	Password        string      // of the PFX; empty: none
	Compatible      bool        // older PFX encoding for old readers
	CertificateOnly bool        // a PFX without key: cannot authenticate anybody
}

// GeneratedAgentCertificate holds the PFX, which exists only here: the key in
// it is never stored.
type GeneratedAgentCertificate struct {
	Certificate AgentCertificate
	PFX         []byte
}

// UploadAgentCertificate is one PEM file with certificate and private key.
// The act drops the key and overwrites PEM.
type UploadAgentCertificate struct {
	Name string // file name, for messages
	PEM  []byte
}

// UploadedAgentCertificates is what an upload added.
type UploadedAgentCertificates struct {
	Added    []AgentCertificate `json:"added"`
	Present  []pki.Fingerprint  `json:"present,omitempty"` // were on the list before
	Revision uint64             `json:"revision"`
}

// DeleteAgentCertificates is the input of deleting agent certificates: whoever
// uses them is cut off before the act returns.
type DeleteAgentCertificates struct {
	Fingerprints []pki.Fingerprint
	Revision     uint64
}

// Withdrawal reports an act that took rights away.
type Withdrawal struct {
	Fingerprints []pki.Fingerprint `json:"fingerprints,omitempty"`
	Revision     uint64            `json:"revision"` // nothing of theirs is taken after it
	Cut          int               `json:"cut"`      // live connections that were ended
	Took         time.Duration     `json:"took_ns"`  // from the command to the last stream cut
	// Sensors is how many Sensors have the new policy in force; Late names
	// those that are connected and did not say so in time. Nothing that comes
	// through them is taken either.
	Sensors int      `json:"sensors"`
	Late    []string `json:"late_sensors,omitempty"`
}

// SetValidation is the input of the switch Validate Endpoint Agent TLS
// certificates.
type SetValidation struct {
	On       bool
	Revision uint64
}

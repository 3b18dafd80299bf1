package acts

import (
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
}

// File is an uploaded file that waits for an act.
type File struct {
	Name string    `json:"name"`
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
	// Fingerprint is of the certificate inside; zero when the file violates the
	// PEM rule, and then Problem says which part.
	Fingerprint pki.Fingerprint `json:"fingerprint"`
	Problem     string          `json:"problem,omitempty"`
}

// GenerateServerCertificate is the input of generating a server certificate.
type GenerateServerCertificate struct {
	Names    []string    // further DNS names and addresses, beside the local and configured ones
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
// colons, spaces and case are ignored, an empty part matches all.
type AgentCertificateFilter struct {
	Fingerprint string
	Serial      string
}

// AgentCertificateList is the table, with the switch above it.
type AgentCertificateList struct {
	Validation   bool               `json:"validation"`
	Certificates []AgentCertificate `json:"certificates"`
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

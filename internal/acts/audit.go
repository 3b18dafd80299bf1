package acts

import "time"

// AuditRecord is one administrative act as remembered.
type AuditRecord struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	Account string    `json:"account"`
	Role    Role      `json:"role"`
	Face    Face      `json:"face"`
	From    string    `json:"from"`
	Act     string    `json:"act"`
	Subject []string  `json:"subject,omitempty"`
	Result  string    `json:"result"` // done, refused, failed
	Detail  string    `json:"detail,omitempty"`
	Hash    string    `json:"hash"`
}

// AuditFilter selects audit records. Empty fields match all.
type AuditFilter struct {
	Since, Until time.Time
	Account      string
	Act          string
	Limit        int // the newest so many; 0: 1000
}

// AuditCheck is the result of verifying the chain.
type AuditCheck struct {
	Records uint64 `json:"records"`
	Head    string `json:"head"` // hash of the newest record
}

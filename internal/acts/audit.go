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

// The results of acts, as audit records carry them.
const (
	AuditDone    = "done"
	AuditRefused = "refused" // not allowed, or a rule of the product forbade it
	AuditFailed  = "failed"
)

// AuditResults lists them.
func AuditResults() []string { return []string{AuditDone, AuditRefused, AuditFailed} }

// AuditFilter selects audit records. Empty fields match all.
type AuditFilter struct {
	Since, Until time.Time
	Account      string
	Act          string
	Result       string // one of AuditResults
	Text         string // part of any text of the record, without regard to case
	Before       uint64 // only records with a smaller number; 0: all
	Limit        int    // the newest so many; 0: 1000
}

// AuditPage is a part of the records, the newest first.
type AuditPage struct {
	Records []AuditRecord `json:"records"`
	Total   uint64        `json:"total"` // records that there are, whether they match or not
	// Before leads to the older ones, as the filter's field; 0: there are none.
	Before uint64 `json:"before,omitempty"`
	// Stopped is where the search ended because it had looked at much: there may
	// be older ones that match. nil: it did not.
	Stopped *AuditBound `json:"stopped,omitempty"`
}

// AuditBound says where a search ended that had looked at enough.
type AuditBound struct {
	Records uint64    `json:"records"` // that were looked at
	At      time.Time `json:"at"`      // when the oldest of them was written
}

// AuditCheck is the result of verifying the chain.
type AuditCheck struct {
	Records uint64 `json:"records"` // that are as they were written
	Head    string `json:"head"`    // hash of the newest record
	// Broken names the first record that does not fit; empty when all do. Then the
	// act fails besides.
	Broken string `json:"broken,omitempty"`
}

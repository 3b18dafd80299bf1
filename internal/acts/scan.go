package acts

import "time"

// ScanStatus is the state of scanning.
type ScanStatus struct {
	// Waiting wait for some engine, Running are being looked at now, Uploading are
	// still arriving, Kept have a verdict that their system has not deleted; what
	// one engine found something in has its verdict while another still looks.
	Waiting   int `json:"waiting"`
	Running   int `json:"running"`
	Uploading int `json:"uploading"`
	Kept      int `json:"kept"`
	// Oldest is when the object that waits longest was submitted.
	Oldest time.Time `json:"oldest,omitzero"`
	// SpoolBytes are on disk now, of SpoolQuota; both, and MaxObjectSize, in bytes.
	SpoolBytes          int64 `json:"spool_bytes"`
	SpoolQuota          int64 `json:"spool_quota"`
	MaxObjectSize       int64 `json:"max_object_size"`
	Workers             int   `json:"workers"`
	MaximumScanPriority bool  `json:"maximum_scan_priority"`
	// Behind wait, of other systems, while some of those that go first are waiting.
	Behind int `json:"behind"`
	// Verdicts count since the daemon's start, by state.
	Verdicts map[string]uint64 `json:"verdicts"`
	Engines  []ScanEngine      `json:"engines"`
	// Failures are the last verdicts without an answer, the newest first; no system
	// hides those of the others.
	Failures []ScanFailure `json:"failures,omitempty"`
	// Aside says which objects are kept without a record, and what to do; empty when
	// there are none. Scanning goes on meanwhile.
	Aside    string `json:"aside,omitempty"`
	Degraded bool   `json:"degraded"`
	Reason   string `json:"reason,omitempty"`
}

// ScanFailure is one object that has no answer: its verdict is error or timeout.
type ScanFailure struct {
	At       time.Time `json:"at"`
	System   string    `json:"system"` // the ID that it gave itself
	Instance string    `json:"instance,omitempty"`
	ScanID   string    `json:"scan_id,omitempty"`
	SHA256   string    `json:"sha256"`
	State    string    `json:"state"`
	// Engine names those that did not look at all of it; empty when it was lost.
	Engine string `json:"engine,omitempty"`
	Reason string `json:"reason"` // foreign text
}

// ScanEngine is one engine as it is now.
type ScanEngine struct {
	Name       string `json:"name"`       // "builtin", "clamd", "yara"
	Technology string `json:"technology"` // "am", "yara"
	Version    string `json:"version,omitempty"`
	RuleSet    string `json:"rule_set,omitempty"` // its version
	Rules      int    `json:"rules"`              // 0: not known
	// Trouble is a sentence when objects cannot be looked at, or not wholly.
	Trouble string `json:"trouble,omitempty"`
}

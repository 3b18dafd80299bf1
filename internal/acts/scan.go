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
	// Verdicts count since the daemon's start, by state.
	Verdicts map[string]uint64 `json:"verdicts"`
	Engines  []ScanEngine      `json:"engines"`
	Degraded bool              `json:"degraded"`
	Reason   string            `json:"reason,omitempty"`
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

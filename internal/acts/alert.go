package acts

import (
	"fmt"
	"strings"
	"time"

	"vedette/pki"
)

// AlertState is what people have done about an alert so far.
type AlertState string

// The states of an alert, as documented.
const (
	AlertNew       AlertState = "New"
	AlertInProcess AlertState = "In process"
	AlertClosed    AlertState = "Closed"
)

// ParseAlertState reads a state as a person writes it.
func ParseAlertState(s string) (AlertState, error) {
	switch strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), "-", " ")) {
	case "new":
		return AlertNew, nil
	case "in process":
		return AlertInProcess, nil
	case "closed":
		return AlertClosed, nil
	}
	return "", fmt.Errorf("state %q is not known; the states are new, in-process and closed", s)
}

// Alert is one detection that people have to deal with. Its texts came from
// outside.
type Alert struct {
	ID         int64      `json:"id"`
	State      AlertState `json:"state"`
	StateBy    string     `json:"state_by,omitempty"`
	StateAt    time.Time  `json:"state_at,omitzero"`
	Importance string     `json:"importance"` // "high", "medium", "low"
	Technology string     `json:"technology"` // "am", "yara"
	Source     string     `json:"source"`     // "mail", "external"
	// Created is when the alert was made, Submitted when the object came.
	Created    time.Time `json:"created"`
	Submitted  time.Time `json:"submitted"`
	ObjectName string    `json:"object_name"`
	ObjectType string    `json:"object_type"` // media type, as recognised
	ObjectSize int64     `json:"object_size"`
	MD5        string    `json:"md5"`
	SHA256     string    `json:"sha256"`
	// Detections are the names that the engine gave.
	Detections []string `json:"detections"`
	Engine     string   `json:"engine"`
	RuleSet    string   `json:"rule_set"` // its version
	// System is the ID of the external system that submitted the object, Name and
	// Fingerprint what it was called and which certificate it showed then.
	System      string          `json:"system"`
	SystemName  string          `json:"system_name,omitempty"`
	Fingerprint pki.Fingerprint `json:"system_fingerprint"`
	Instance    string          `json:"instance,omitempty"`
	ScanID      string          `json:"scan_id,omitempty"`
	Remote      string          `json:"remote"`
	Revision    uint64          `json:"revision"` // that the alert was written at
}

// AlertSort is what a table of alerts is sorted by; a minus before the word turns
// the order round.
type AlertSort string

// The columns that alerts are sorted by. Among equally important ones the newest
// come first.
const (
	AlertsByID         AlertSort = "id"
	AlertsByImportance AlertSort = "importance" // the least first
)

// AlertSorts lists them.
func AlertSorts() []AlertSort { return []AlertSort{AlertsByID, AlertsByImportance} }

// AlertStates lists the states, in the order in which people work.
func AlertStates() []AlertState { return []AlertState{AlertNew, AlertInProcess, AlertClosed} }

// AlertImportances lists the documented words, the most important first.
func AlertImportances() []string { return []string{"high", "medium", "low"} }

// AlertTechnologies lists the documented words of the technologies that are here.
func AlertTechnologies() []string { return []string{"am", "yara"} }

// TechnologyTitle writes one of them as the documented tables do.
func TechnologyTitle(word string) string {
	switch word {
	case "am":
		return "Anti-Malware"
	case "yara":
		return "YARA"
	default:
		return word
	}
}

// AlertFilter selects alerts. Empty fields match all.
type AlertFilter struct {
	State      AlertState
	Importance string
	Technology string
	System     string // ID
	Text       string // part of object name, hash or detection
	Since      time.Time
	Until      time.Time
	Sort       AlertSort // AlertSorts; the newest first when empty
	// Offset alerts are passed over and at most Limit shown; 0: 1000.
	Offset, Limit int
}

// AlertList is a part of the table with what it was read at.
type AlertList struct {
	Alerts   []Alert `json:"alerts"`
	Total    int     `json:"total"`    // alerts that there are
	Matching int     `json:"matching"` // those that match
	Revision uint64  `json:"revision"`
}

// SetAlertState says what an officer does about an alert.
type SetAlertState struct {
	ID       int64
	State    AlertState
	Revision uint64
}

// AlertCounts counts alerts by state.
type AlertCounts struct {
	New       int `json:"new"`
	InProcess int `json:"in_process"`
	Closed    int `json:"closed"`
}

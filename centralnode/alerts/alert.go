package alerts

import (
	"errors"
	"fmt"
	"time"

	"vedette/internal/acts"
	"vedette/internal/entity"
	"vedette/internal/foreign"
	"vedette/internal/kv"
	"vedette/pki"
)

// Alert is one detection as it is kept. Its texts came from outside; Add bounds
// them.
type Alert struct {
	V  int   `json:"v"`
	ID int64 `json:"id"`
	// Origin names what was looked at, one name for each scan: an alert exists once
	// for each Origin and Engine. At most MaxOrigin bytes.
	Origin     string          `json:"origin"`
	State      acts.AlertState `json:"state"`
	StateBy    string          `json:"state_by,omitempty"`
	StateAt    time.Time       `json:"state_at,omitzero"`
	Importance string          `json:"importance"` // "high", "medium", "low"
	Technology string          `json:"technology"` // "am", "yara"
	Source     string          `json:"source"`     // "mail", "external"
	// Created is when the alert was made, Submitted when the object came.
	Created    time.Time `json:"created"`
	Submitted  time.Time `json:"submitted"`
	ObjectName string    `json:"object_name"`
	ObjectType string    `json:"object_type,omitempty"`
	ObjectSize int64     `json:"object_size"`
	MD5        string    `json:"md5"`
	SHA256     string    `json:"sha256"`
	Detections []string  `json:"detections"`
	Engine     string    `json:"engine"`
	RuleSet    string    `json:"rule_set,omitempty"`
	// DataBaseVersion is the version of the rules as the documented integer,
	// YYYYMMDDHHMM in UTC; 0: not known.
	DataBaseVersion int64 `json:"data_base_version,omitempty"`
	// System is the ID of the external system that submitted the object, Name and
	// Fingerprint what it was called and which certificate it showed then.
	System      string          `json:"system"`
	SystemName  string          `json:"system_name,omitempty"`
	Fingerprint pki.Fingerprint `json:"system_fingerprint"`
	Instance    string          `json:"instance,omitempty"`
	ScanID      string          `json:"scan_id,omitempty"`
	Remote      string          `json:"remote,omitempty"`

	// Version is the revision that the alert was written at.
	Version kv.Revision `json:"-"`
}

// Bounds on what is kept of an alert, in bytes of each text. What is longer is
// cut and ends with an ellipsis; an Origin is refused, since a cut one would not
// tell scans apart.
const (
	MaxOrigin     = 512
	MaxObjectName = 512
	MaxDetections = 16  // so many names
	MaxDetection  = 128 // each
	maxName       = 256 // a system's name, a rule set
	maxWord       = 128 // IDs, media types, addresses
)

// Shown is the alert as faces show it.
func (a Alert) Shown() acts.Alert {
	return acts.Alert{
		ID: a.ID, State: a.State, StateBy: a.StateBy, StateAt: a.StateAt,
		Importance: a.Importance, Technology: a.Technology, Source: a.Source,
		Created: a.Created, Submitted: a.Submitted,
		ObjectName: a.ObjectName, ObjectType: a.ObjectType, ObjectSize: a.ObjectSize, MD5: a.MD5, SHA256: a.SHA256,
		Detections: a.Detections, Engine: a.Engine, RuleSet: a.RuleSet,
		System: a.System, SystemName: a.SystemName, Fingerprint: a.Fingerprint,
		Instance: a.Instance, ScanID: a.ScanID, Remote: a.Remote, Revision: uint64(a.Version),
	}
}

// check refuses what could not be told apart or found again.
func (a Alert) check() error {
	switch {
	case a.Origin == "":
		return errors.New("an alert without an origin")
	case len(a.Origin) > MaxOrigin:
		return fmt.Errorf("the origin of an alert has %d bytes, at most %d", len(a.Origin), MaxOrigin)
	case a.Engine == "" || a.Technology == "":
		return errors.New("an alert without an engine or a technology")
	}
	return nil
}

// bounded is the alert with every text cut to what is kept of it.
func (a Alert) bounded() Alert {
	for text, most := range map[*string]int{
		&a.Importance: maxWord, &a.Technology: maxWord, &a.Source: maxWord, &a.Engine: maxWord,
		&a.ObjectName: MaxObjectName, &a.ObjectType: maxWord, &a.MD5: maxWord, &a.SHA256: maxWord,
		&a.RuleSet: maxName, &a.System: maxWord, &a.SystemName: maxName,
		&a.Instance: maxWord, &a.ScanID: maxWord, &a.Remote: maxWord,
	} {
		*text = foreign.Bounded(*text, most)
	}
	names := make([]string, 0, min(len(a.Detections), MaxDetections))
	for _, name := range a.Detections[:min(len(a.Detections), MaxDetections)] {
		names = append(names, foreign.Bounded(name, MaxDetection))
	}
	a.Detections = names
	return a
}

const (
	prefix     = "alert/"
	behind     = "alert0" // the first key behind all alerts
	counterKey = "alerts"
)

// key orders alerts by number.
func key(id int64) string { return fmt.Sprintf("%s%016x", prefix, id) }

func decode(e kv.Entry) (Alert, error) {
	var a Alert
	if err := entity.Decode(e, 1, &a); err != nil {
		return Alert{}, err
	}
	a.Version = e.Revision
	return a, nil
}

// counter is what Add and rotation remember.
type counter struct {
	V       int       `json:"v"`
	Last    int64     `json:"last"`             // the number given last
	Rotated time.Time `json:"rotated,omitzero"` // when rotation was last done
}

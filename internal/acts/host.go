package acts

import (
	"fmt"
	"strings"
	"time"

	"vedette/pki"
)

// Activity says how regularly a host is heard of, in the documented words.
type Activity string

// The documented indicators of activity.
const (
	NormalActivity     Activity = "Normal activity"
	WarningActivity    Activity = "Warning"
	CriticalInactivity Activity = "Critical inactivity"
)

// Activities lists the indicators, the best first.
func Activities() []Activity {
	return []Activity{NormalActivity, WarningActivity, CriticalInactivity}
}

// ParseActivity reads an indicator as a person writes it: its words, or the
// first of them.
func ParseActivity(s string) (Activity, error) {
	word := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), "-", " "))
	for _, a := range Activities() {
		whole := strings.ToLower(string(a))
		if first, _, _ := strings.Cut(whole, " "); word == whole || word == first {
			return a, nil
		}
	}
	return "", fmt.Errorf("activity %q is not known; the words are normal, warning and critical", s)
}

// ActivityThresholds are after how many whole days without contact a host's
// activity is called Warning and Critical inactivity. Revision is the state they
// were read from, or that setting them made.
type ActivityThresholds struct {
	Warning  int    `json:"warning_days"`
	Critical int    `json:"critical_days"`
	Revision uint64 `json:"revision"`
}

// Of is the activity of a host that was heard of that long ago.
func (t ActivityThresholds) Of(silent time.Duration) Activity {
	const day = 24 * time.Hour
	switch {
	case silent >= time.Duration(t.Critical)*day:
		return CriticalInactivity
	case silent >= time.Duration(t.Warning)*day:
		return WarningActivity
	}
	return NormalActivity
}

// SetActivity sets the thresholds. Revision is the state in which they were seen;
// 0: whatever they are.
type SetActivity struct {
	Warning  int
	Critical int
	Revision uint64
}

// Host is one row of the table of hosts. Its texts came from outside.
type Host struct {
	AgentID      string          `json:"agent_id"`
	Name         string          `json:"name"`
	Addresses    []string        `json:"addresses"`
	OSFamily     string          `json:"os_family"`
	OSName       string          `json:"os_name"`
	OSVersion    string          `json:"os_version"`
	AgentVersion string          `json:"agent_version"`
	Collector    string          `json:"collector"`
	Way          string          `json:"way"`              // "direct", or the Sensor's id
	Sensor       string          `json:"sensor,omitempty"` // the Sensor's name
	Remote       string          `json:"remote"`
	Certificate  pki.Fingerprint `json:"certificate,omitzero"`
	Activity     Activity        `json:"activity"`
	FirstContact time.Time       `json:"first_contact"`
	LastContact  time.Time       `json:"last_contact"`
	Connected    bool            `json:"connected"`
	// Conflict is set when two installations use one agent id at once.
	Conflict   string            `json:"conflict,omitempty"`
	Dropped    map[string]uint64 `json:"dropped,omitempty"`
	Suppressed uint64            `json:"suppressed,omitempty"`
	ClockSkew  time.Duration     `json:"clock_skew_ns,omitempty"` // the host's clock minus ours at last contact
}

// OS is the host's operating system as one text.
func (h Host) OS() string {
	name := h.OSName
	if name == "" {
		name = h.OSFamily
	}
	return strings.TrimSpace(name + " " + h.OSVersion)
}

// HostSort is what a table of hosts is sorted by; a minus before the word turns
// the order round.
type HostSort string

// The columns that hosts are sorted by.
const (
	HostsByName        HostSort = "name"
	HostsByAddress     HostSort = "address"
	HostsByOS          HostSort = "os"
	HostsByVersion     HostSort = "version"
	HostsByActivity    HostSort = "activity"
	HostsByLastContact HostSort = "last-contact"
	HostsByWay         HostSort = "way"
)

// HostSorts lists them.
func HostSorts() []HostSort {
	return []HostSort{HostsByName, HostsByAddress, HostsByOS, HostsByVersion, HostsByActivity, HostsByLastContact, HostsByWay}
}

// HostFilter selects hosts and says which of them to show, in what order. Parts
// of texts are compared without regard to case; empty fields match all.
type HostFilter struct {
	Text     string // part of the name, of an address or of the agent id
	Name     string // part of it
	Address  string // part of one of the addresses
	OS       string // part of family, name or version
	Version  string // part of the agent's
	Activity Activity
	Way      string   // "direct", or a Sensor's id
	Sort     HostSort // HostSorts, by name when empty
	// Offset hosts are passed over and at most Limit shown; 0: all.
	Offset, Limit int
}

// HostList is a part of the table of hosts.
type HostList struct {
	Hosts    []Host `json:"hosts"`
	Total    int    `json:"total"`    // hosts that are known
	Matching int    `json:"matching"` // those that match
	// ByActivity counts all that are known.
	ByActivity map[Activity]int   `json:"by_activity"`
	Thresholds ActivityThresholds `json:"thresholds"`
	// Ways are those by which hosts came last, "direct" first.
	Ways []HostWay `json:"ways"`
}

// HostWay is a way and how many hosts came by it last.
type HostWay struct {
	Way    string `json:"way"`              // "direct", or the Sensor's id
	Sensor string `json:"sensor,omitempty"` // the Sensor's name
	Hosts  int    `json:"hosts"`
}

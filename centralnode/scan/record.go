package scan

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

// Keys of the state file. Numbers are hexadecimal, so that their order is that of
// submission.
//
//	scan/NUMBER    a record
//	object/NUMBER  the content of a small object that has no verdict yet
//	probe          nothing: shows whether the file can be written
const (
	scanPrefix   = "scan/"
	objectPrefix = "object/"
	probeKey     = "probe"
)

const program = "centralnode-scan"

func scanKey(n uint64) string   { return fmt.Sprintf("%s%016x", scanPrefix, n) }
func objectKey(n uint64) string { return fmt.Sprintf("%s%016x", objectPrefix, n) }

func numberOf(key, prefix string) (uint64, error) {
	digits, ok := strings.CutPrefix(key, prefix)
	if !ok || len(digits) != 16 {
		return 0, fmt.Errorf("key %q is not known", key)
	}
	return strconv.ParseUint(digits, 16, 64)
}

// recordVersion is the version that this program writes.
const recordVersion = 1

// record is what the state file holds of a submission. What is needed only to
// scan it is left out once no engine has to look any more.
type record struct {
	V         int       `json:"v"`
	System    string    `json:"system"`
	Instance  string    `json:"instance,omitempty"`
	ScanID    string    `json:"scan_id,omitempty"`
	State     State     `json:"state"`
	Size      int64     `json:"size"`
	SHA256    Digest    `json:"sha256"`
	Submitted time.Time `json:"submitted"`

	Reason   string    `json:"reason,omitempty"`
	Finished time.Time `json:"finished,omitzero"`
	// Looking: there is a verdict, since something was found, and other engines have
	// still to look.
	Looking bool `json:"looking,omitempty"`

	Leaf       pki.Fingerprint `json:"leaf,omitzero"`
	SystemName string          `json:"system_name,omitempty"`
	Name       string          `json:"name,omitempty"`
	Mail       bool            `json:"mail,omitempty"`
	Remote     string          `json:"remote,omitempty"`
	MD5        string          `json:"md5,omitempty"`
	Origin     string          `json:"origin,omitempty"`
	Inline     bool            `json:"inline,omitempty"` // the content is under object/
	// Crashes counts how often the daemon died while it scanned the object.
	Crashes int `json:"crashes,omitempty"`
}

// open reports whether some engine has still to look.
func (r record) open() bool { return r.State == Processing || r.Looking }

// op writes the record of an item.
func (r record) op(n uint64) kv.Op {
	r.V = recordVersion
	raw, err := json.Marshal(r)
	if err != nil { // our own plain struct always marshals
		panic(fmt.Sprintf("marshal a scan: %v", err))
	}
	return kv.Op{Key: scanKey(n), Value: raw}
}

func parseRecord(e kv.Entry) (uint64, record, error) {
	var r record
	n, err := numberOf(e.Key, scanPrefix)
	if err == nil {
		err = entity.Decode(e, recordVersion, &r)
	}
	if err == nil && !r.State.Known() {
		err = fmt.Errorf("read %s from the state file: state %q is not known", e.Key, r.State)
	}
	return n, r, err
}

// recordOf is what is kept of an item that some engine has still to look at.
func recordOf(it *item) record {
	j := it.job
	return record{
		System: it.system.id, Instance: it.key.instance, ScanID: it.key.id, State: it.state,
		Size: it.size, SHA256: it.sha256, Submitted: it.submitted,
		Leaf: j.leaf, SystemName: j.systemName, Name: j.name, Mail: j.mail, Remote: j.remote,
		MD5: j.md5, Origin: j.origin, Inline: j.inline, Crashes: j.crashes,
	}
}

// finished is the record with a verdict.
func (r record) finishedWith(v *verdict) record {
	return record{
		System: r.System, Instance: r.Instance, ScanID: r.ScanID, State: v.state,
		Size: r.Size, SHA256: r.SHA256, Submitted: r.Submitted, Reason: v.reason, Finished: v.at,
	}
}

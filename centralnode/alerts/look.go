package alerts

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// look looks for a text in alerts, without regard to case: in the name of the
// object, its hashes and the detections. Most alerts need not be read for it.
type look struct {
	text string // in lower case
	raw  []byte // as it lies in the state file, if it lies there in lower case
	low  []byte // the alert that is looked at, in lower case
}

func newLook(text string) *look {
	l := &look{text: strings.ToLower(text)}
	raw, err := json.Marshal(l.text)
	if err == nil && len(raw) > 2 { // without its quotes
		l.raw = raw[1 : len(raw)-1]
	}
	return l
}

// answer is what an alert says as it is kept.
type answer int

const (
	no answer = iota
	yes
	unclear // read it, and look into that
)

// places are what is looked into, as JSON begins and ends it. Quotes in a text
// have a backslash before them, so no text has one of these in it.
var places = [...]struct{ begin, end string }{
	{`"object_name":"`, `"`}, {`"md5":"`, `"`}, {`"sha256":"`, `"`}, {`"detections":[`, `],"engine":"`},
}

// kept looks into an alert as it is kept.
func (l *look) kept(value []byte) answer {
	l.lower(value)
	if !bytes.Contains(l.low, l.raw) { // case changes nothing that JSON escapes
		return no
	}
	found := no
	for _, p := range places {
		_, part, _ := bytes.Cut(l.low, []byte(p.begin))
		part, _, _ = bytes.Cut(part, []byte(p.end))
		if slices.Contains(part, '\\') {
			return unclear // a piece of an escape may look like the text
		}
		if bytes.Contains(part, l.raw) {
			found = yes
		}
	}
	return found
}

// lower puts the alert into low.
func (l *look) lower(value []byte) {
	l.low = append(l.low[:0], value...)
	for i, c := range l.low {
		if c >= 0x80 {
			l.low = bytes.ToLower(value)
			return
		}
		if 'A' <= c && c <= 'Z' {
			l.low[i] = c + 'a' - 'A'
		}
	}
}

// in looks into an alert.
func (l *look) in(a Alert) bool {
	return slices.ContainsFunc(append([]string{a.ObjectName, a.MD5, a.SHA256}, a.Detections...), func(s string) bool {
		return strings.Contains(strings.ToLower(s), l.text)
	})
}

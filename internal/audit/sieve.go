package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// sieve tells records that a filter cannot choose as they lie in the store. It
// lets through all that it may choose, and some others: opening a record, which
// proves that nobody changed it, costs ten times as much.
type sieve struct {
	members      [][]byte // that the stored form must have
	text         []byte   // that it must have in lower case
	since, until time.Time
	low          []byte // the record that was looked at last, in lower case
}

// newSieve makes the sieve of a filter.
func newSieve(f Filter) *sieve {
	s := &sieve{since: f.Since, until: f.Until}
	for _, m := range []struct{ name, value string }{{"account", f.Account}, {"act", f.Act}, {"result", f.Result}} {
		if m.value != "" {
			s.members = append(s.members, append([]byte(`"`+m.name+`":`), quoted(m.value)...))
		}
	}
	if text := quoted(strings.ToLower(f.Text)); len(text) > 2 {
		s.text = text[1 : len(text)-1]
	}
	return s
}

// quoted is a text as the stored form has it.
func quoted(s string) []byte {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil // texts always marshal
	}
	return raw
}

// passes says whether the filter may choose a record.
func (s *sieve) passes(value []byte) bool {
	for _, m := range s.members {
		if !bytes.Contains(value, m) {
			return false
		}
	}
	if !s.since.IsZero() || !s.until.IsZero() {
		if at, ok := timeOf(value); ok && (!s.since.IsZero() && at.Before(s.since) || !s.until.IsZero() && !at.Before(s.until)) {
			return false
		}
	}
	return len(s.text) == 0 || bytes.Contains(s.lower(value), s.text)
}

// timeOf reads when a record was written. One that has no readable time passes:
// opening it says what is wrong.
func timeOf(value []byte) (time.Time, bool) {
	_, rest, found := bytes.Cut(value, []byte(`"time":"`))
	text, _, ended := bytes.Cut(rest, []byte(`"`))
	if !found || !ended {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	return at, err == nil
}

// lower gives the record in lower case. Case changes nothing that JSON escapes.
func (s *sieve) lower(value []byte) []byte {
	s.low = append(s.low[:0], value...)
	for i, c := range s.low {
		if c >= 0x80 {
			return bytes.ToLower(value)
		}
		if 'A' <= c && c <= 'Z' {
			s.low[i] = c + 'a' - 'A'
		}
	}
	return s.low
}

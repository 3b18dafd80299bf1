package yara

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vedette/centralnode/scan/engine"
)

const (
	// maxDetections are noted of one object; yara stops after them.
	maxDetections = 100
	importanceKey = "importance"
	// lastSpace is the end of the namespace of our own rule, which says that all
	// others have been looked at.
	lastSpace = "last"
	lastRule  = "looked_at_all"
	// lastSource is that rule. The size is in two numbers because yara reads 32
	// bits from its command line.
	lastSource = "rule " + lastRule + " { condition: filesize == vedette_size_mib * 1048576 + vedette_size_rest }\n"
	countLabel = "number of rules"
)

// output is what yara said of an object.
type output struct {
	detections []engine.Detection
	whole      bool // all rules were looked at
	stopped    bool // after maxDetections
	rules      int  // when it was asked how many there are
}

// parseOutput reads the lines that have the mark; others are of rules that print
// for themselves (module console).
func parseOutput(stdout []byte, mark string) (output, error) {
	var o output
	matches := 0
	for line := range bytes.Lines(stdout) {
		if line[len(line)-1] != '\n' {
			break // cut off: what it says is not sure
		}
		text := string(line[:len(line)-1])
		said, ours := strings.CutPrefix(text, mark+"_")
		if !ours {
			if label, n, ok := strings.Cut(text, ":"); ok && strings.TrimSpace(label) == countLabel {
				o.rules, _ = strconv.Atoi(strings.TrimSpace(n))
			}
			continue
		}
		space, rule, importance, err := parseMatch(said)
		if err != nil {
			return o, fmt.Errorf("yara said %s: %w", strconv.Quote(text[:min(len(text), 120)]), err)
		}
		matches++
		if space == lastSpace && rule == lastRule {
			o.whole = true
			continue
		}
		o.note(engine.Detection{Name: rule, Importance: importance})
	}
	o.stopped = matches > maxDetections && !o.whole
	return o, nil
}

// note keeps one detection for each name, the one that matters most.
func (o *output) note(d engine.Detection) {
	for i, other := range o.detections {
		if other.Name == d.Name {
			if rank(d.Importance) > rank(other.Importance) {
				o.detections[i] = d
			}
			return
		}
	}
	if len(o.detections) < maxDetections {
		o.detections = append(o.detections, d)
	}
}

func rank(i engine.Importance) int {
	switch i {
	case engine.High:
		return 2
	case engine.Medium:
		return 1
	}
	return 0
}

var errNoMatch = errors.New("this is not how it names a rule that is true")

// parseMatch reads "SPACE:RULE [META,...] FILE".
func parseMatch(s string) (space, rule string, importance engine.Importance, err error) {
	space, s, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", "", errNoMatch
	}
	rule, s, ok = strings.Cut(s, " [")
	if !ok || !identifier(rule) {
		return "", "", "", errNoMatch
	}
	importance = engine.High
	for first := true; ; first = false {
		if rest, end := strings.CutPrefix(s, "] "); end {
			if rest != objectPath {
				return "", "", "", errNoMatch
			}
			return space, rule, importance, nil
		}
		if !first {
			if s, ok = strings.CutPrefix(s, ","); !ok {
				return "", "", "", errNoMatch
			}
		}
		var key, value string
		if key, value, s, ok = parseMeta(s); !ok {
			return "", "", "", errNoMatch
		}
		if key == importanceKey {
			switch i := engine.Importance(strings.ToLower(value)); i {
			case engine.High, engine.Medium, engine.Low:
				importance = i
			}
		}
	}
}

// parseMeta reads KEY="TEXT", KEY=WORD or "KEY =NUMBER", as yara writes them.
// Escapes stay in the text: no value that is asked for has any.
func parseMeta(s string) (key, value, rest string, ok bool) {
	key, s, ok = strings.Cut(s, "=")
	key = strings.TrimSuffix(key, " ")
	if !ok || !identifier(key) {
		return "", "", "", false
	}
	if text, quoted := strings.CutPrefix(s, `"`); quoted {
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return key, text[:i], text[i+1:], true
			}
		}
		return "", "", "", false
	}
	end := strings.IndexAny(s, ",]")
	if end < 1 {
		return "", "", "", false
	}
	return key, s[:end], s[end:], true
}

func identifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

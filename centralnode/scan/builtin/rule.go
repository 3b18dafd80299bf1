package builtin

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"vedette/centralnode/scan/engine"
)

const (
	maxRules        = 100_000 // of all files together
	maxPatternBytes = 4 << 20 // of all files together; a byte takes 17 of memory
	maxPattern      = 1024    // bytes of one pattern
	minPattern      = 4       // of one that is looked for, not compared at an offset
	maxConditions   = 16      // of one rule
	maxOffset       = 1 << 40
)

// anywhere is the limit of a condition that has none.
const anywhere = -1

// rule is one line of a file of byte rules.
type rule struct {
	detection  engine.Detection
	typ        string // "": of any type
	conditions []condition
}

// condition is a pattern and where it has to be.
type condition struct {
	bytes []byte
	fixed bool
	// at is the offset of a fixed one; otherwise all of it is in the first at
	// bytes, or anywhere.
	at int64
}

// room is how much of what is bounded over all files is left for one.
type room struct{ rules, bytes int }

// parseRules reads a file of byte rules.
func parseRules(ctx context.Context, r io.Reader, left room) ([]rule, error) {
	var rules []rule
	err := eachLine(ctx, r, func(line []byte) error {
		rule, err := parseRule(line)
		if err != nil {
			return err
		}
		left.rules--
		for _, c := range rule.conditions {
			left.bytes -= len(c.bytes)
		}
		if left.rules < 0 || left.bytes < 0 {
			return fmt.Errorf("more than %d rules, or than %d bytes of patterns, in all files", maxRules, maxPatternBytes)
		}
		rules = append(rules, rule)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.Clip(rules), nil
}

func parseRule(line []byte) (r rule, err error) {
	name, rest := nextField(line)
	if err := checkName(name); err != nil {
		return rule{}, err
	}
	r.detection.Name = string(name)
	word, rest := nextField(rest)
	if r.detection.Importance, err = parseImportance(word); err != nil {
		return rule{}, err
	}
	if word, after := nextField(rest); string(word) == "type" {
		word, rest = nextField(after)
		if r.typ, err = parseType(string(word)); err != nil {
			return rule{}, err
		}
	}
	for {
		var c condition
		if c, rest, err = parseCondition(rest); err != nil {
			return rule{}, err
		}
		r.conditions = append(r.conditions, c)
		if len(rest) == 0 {
			return r, nil
		}
		if word, rest = nextField(rest); string(word) != "and" {
			return rule{}, fmt.Errorf("%s where and, or the line's end, has to be", excerpt(word))
		}
		if len(r.conditions) == maxConditions {
			return rule{}, fmt.Errorf("more than %d conditions", maxConditions)
		}
	}
}

func parseCondition(line []byte) (c condition, rest []byte, err error) {
	word, rest := nextField(line)
	switch string(word) {
	case "hex":
		word, rest = nextField(rest)
		c.bytes = make([]byte, hex.DecodedLen(len(word)))
		if _, err := hex.Decode(c.bytes, word); err != nil {
			return c, nil, fmt.Errorf("%s is not an even number of hexadecimal digits", excerpt(word))
		}
	case "text":
		if c.bytes, rest, err = quoted(rest); err != nil {
			return c, nil, err
		}
	default:
		return c, nil, fmt.Errorf("%s where a condition (hex or text) has to be", excerpt(word))
	}
	word, rest = nextField(rest)
	shortest := minPattern
	switch string(word) {
	case "anywhere":
		c.at = anywhere
	case "at", "within":
		c.fixed = string(word) == "at"
		if c.fixed {
			shortest = 1
		}
		word, rest = nextField(rest)
		if c.at, err = parseNumber(word); err != nil {
			return c, nil, err
		}
		if !c.fixed && c.at < int64(len(c.bytes)) {
			return c, nil, fmt.Errorf("a pattern of %d bytes is never within %d", len(c.bytes), c.at)
		}
	default:
		return c, nil, fmt.Errorf("%s where at, within or anywhere has to be", excerpt(word))
	}
	if n := len(c.bytes); n < shortest || n > maxPattern {
		return c, nil, fmt.Errorf("the pattern has %d bytes, and %d to %d are allowed here", n, shortest, maxPattern)
	}
	return c, rest, nil
}

// quoted takes a text in quotation marks off the front of a line.
func quoted(line []byte) (text, rest []byte, err error) {
	if len(line) == 0 || line[0] != '"' {
		return nil, nil, errors.New("a text stands in quotation marks")
	}
	for i := 1; i < len(line); i++ {
		switch c := line[i]; c {
		case '"':
			rest = line[i+1:]
			if len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t' {
				return nil, nil, errors.New("a space has to follow the text; a quotation mark in it is written \\\"")
			}
			return text, bytes.TrimLeft(rest, " \t"), nil
		case '\\':
			b, length, err := unescape(line[i+1:])
			if err != nil {
				return nil, nil, err
			}
			text, i = append(text, b), i+length
		default:
			text = append(text, c)
		}
	}
	return nil, nil, errors.New("the text has no end: a quotation mark is missing")
}

// unescape reads what follows a backslash.
func unescape(s []byte) (b byte, length int, err error) {
	if len(s) > 0 {
		switch s[0] {
		case '"', '\\':
			return s[0], 1, nil
		case 'n':
			return '\n', 1, nil
		case 'r':
			return '\r', 1, nil
		case 't':
			return '\t', 1, nil
		case 'x':
			var d [1]byte
			if len(s) < 3 {
				break
			}
			if _, err := hex.Decode(d[:], s[1:3]); err == nil {
				return d[0], 3, nil
			}
		}
	}
	return 0, 0, errors.New(`the escapes are \" \\ \n \r \t and \xHH`)
}

func parseNumber(word []byte) (int64, error) {
	n, err := strconv.ParseUint(string(word), 10, 63)
	if err != nil || n > maxOffset {
		return 0, fmt.Errorf("%s is not a number of bytes from 0 to %d", excerpt(word), int64(maxOffset))
	}
	return int64(n), nil
}

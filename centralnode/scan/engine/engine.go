// Package engine is what scanning engines have in common: what they are given,
// and what they answer. It knows no engine.
package engine

import (
	"context"
	"errors"
)

// Technology names a way of detecting, by the word of the documented API.
type Technology string

// The technologies that this product has.
const (
	AntiMalware Technology = "am"
	YARA        Technology = "yara"
)

// Importance says how much a detection matters.
type Importance string

// The documented degrees.
const (
	High   Importance = "high"
	Medium Importance = "medium"
	Low    Importance = "low"
)

// Object is what an engine looks at.
type Object struct {
	// Path is a regular file of the daemon's own naming. Engines read it and
	// nothing else, and never open an archive in this process.
	Path string
	// Name is what the object was called outside: foreign text, for messages only.
	Name string
	Size int64
	// MD5 and SHA256 are lower-case hexadecimal digits.
	MD5, SHA256 string
}

// Detection is one thing that was found.
type Detection struct {
	Name       string // foreign text when the rules came from outside
	Importance Importance
}

// Result is what an engine found. An empty one means: it looked at all of the
// object and found nothing.
type Result struct {
	Detections []Detection
	// Skipped says, in words for an administrator, why the engine did not look at
	// all of the object; empty when it did. What was skipped is never "not
	// detected".
	Skipped string
	// Type is the media type that the engine recognised, or nothing.
	Type string
	// RuleSet names the version of the rules that it looked with.
	RuleSet string
	// DataBaseVersion is that version as the documented integer, YYYYMMDDHHMM in
	// UTC; 0: not known.
	DataBaseVersion int64
}

// Health is the state of an engine.
type Health struct {
	Version string // of the program
	RuleSet string
	Rules   int // 0: not known
	// Trouble is a sentence with the next step when objects cannot be looked at,
	// or not wholly; empty when all is well.
	Trouble string
}

// Engine looks at objects. It is safe for concurrent use.
type Engine interface {
	Name() string
	Technology() Technology
	// Scan looks at one object. A temporary failure is any error; ErrTimeout is
	// one that took too long. It returns soon after ctx ended.
	Scan(ctx context.Context, o Object) (Result, error)
	// Health asks the engine how it is. It returns soon after ctx ended.
	Health(ctx context.Context) Health
	// Close ends what the engine has running.
	Close() error
}

// ErrTimeout is returned by Scan when the engine took longer than it may.
var ErrTimeout = errors.New("the engine took too long")

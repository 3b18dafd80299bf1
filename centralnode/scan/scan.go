package scan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
	"vedette/pki"
)

// State is what is known of a scan, in the words of the documented API.
type State string

// The states of a scan. All but the first are verdicts.
const (
	Processing  State = "processing"
	Detect      State = "detect"
	NotDetected State = "not detected"
	Timeout     State = "timeout"
	Failed      State = "error"
)

// Known reports whether s is one of the states.
func (s State) Known() bool {
	switch s {
	case Processing, Detect, NotDetected, Timeout, Failed:
		return true
	}
	return false
}

// Key is how a system finds its scan again. Without a ScanID it cannot.
type Key struct{ System, Instance, ScanID string }

// Digest is a SHA-256 hash. It reads and writes itself as hexadecimal digits.
type Digest [sha256.Size]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes lower-case hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads exactly 64 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("a SHA-256 of %d characters", len(text))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// Scan is one submission that can be looked up.
type Scan struct {
	Key    Key
	State  State
	Reason string // why there is no answer, with timeout and error
	Size   int64  // bytes
	SHA256 Digest
	// Submitted is when it was taken, Finished when it got its verdict.
	Submitted, Finished time.Time
}

// Submission says whose an object is and what it is called.
type Submission struct {
	Key        Key
	Leaf       pki.Fingerprint // what the system proved to hold
	SystemName string
	Name       string // of the object: foreign text
	Mail       bool   // submitted by a mail sensor
	Remote     string // the address that it came from
}

// Bounds on the texts of a submission, in bytes. Keys over their bound are
// refused, names are cut.
const (
	maxKeyText = 256
	maxName    = 1024
)

func (s Submission) bounded() (Submission, error) {
	for _, v := range []string{s.Key.System, s.Key.Instance, s.Key.ScanID} {
		if len(v) > maxKeyText {
			return s, fmt.Errorf("an identifier of %d bytes, at most %d", len(v), maxKeyText)
		}
	}
	s.SystemName = foreign.Bounded(s.SystemName, maxKeyText)
	s.Name = foreign.Bounded(s.Name, maxName)
	s.Remote = foreign.Bounded(s.Remote, maxKeyText)
	return s, nil
}

// local is a key within its system.
type local struct{ instance, id string }

// item is one submission in memory. The room's lock guards it, but for what is
// said to never change.
type item struct {
	number    uint64 // order of submission, and its name in file and spool; never changes
	system    *system
	key       local  // never changes
	sha256    Digest // never changes
	size      int64  // never changes
	submitted time.Time

	state    State
	reason   string
	finished time.Time
	job      *job // nil once all engines are done

	// changing is closed when the write about it that is under way has ended; nil
	// while there is none. Who finds one waits for it and looks again.
	changing chan struct{}
	// replaces is the scan without an answer whose ID this one takes, until it is
	// durable.
	replaces *item
	durable  bool // it was acknowledged, or is about to be
	gone     bool // it was deleted, or never became durable
}

// job is what is needed until no engine has to look any more.
type job struct {
	leaf                     pki.Fingerprint
	systemName, name, remote string
	mail                     bool
	md5, origin              string
	inline                   bool // the content is in the state file
	crashes                  int  // the daemon died so often while it scanned the object

	tasks []*task // one for each engine
	busy  int     // of them at workers
	// telling: somebody makes known what was found, or will do so again.
	telling bool
}

func (it *item) fullKey() Key {
	return Key{System: it.system.id, Instance: it.key.instance, ScanID: it.key.id}
}

func (it *item) scan() Scan {
	return Scan{
		Key:   it.fullKey(),
		State: it.state, Reason: it.reason, Size: it.size, SHA256: it.sha256,
		Submitted: it.submitted, Finished: it.finished,
	}
}

// object describes an item to engines.
func (it *item) object(j *job, path string) engine.Object {
	return engine.Object{Path: path, Name: j.name, Size: it.size, MD5: j.md5, SHA256: it.sha256.String()}
}

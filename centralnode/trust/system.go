package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"vedette/pki"
	"vedette/proto/problem"
)

// System is an external system: the ID that it gave itself, together with the
// leaf that it proved. The same ID with another leaf is another system.
type System struct {
	ID   string
	Leaf pki.Fingerprint
}

// Digest is the SHA-256 of ID, a zero byte and leaf.
func (s System) Digest() [sha256.Size]byte {
	text := make([]byte, 0, len(s.ID)+1+len(s.Leaf))
	text = append(text, s.ID...)
	text = append(text, 0)
	return sha256.Sum256(append(text, s.Leaf[:]...))
}

// Key is a short name of the system for logs and records: the first 16
// hexadecimal digits of its digest. Whoever decides goes by the whole System.
func (s System) Key() string {
	d := s.Digest()
	return hex.EncodeToString(d[:8])
}

// maxSystemID bounds an ID in bytes.
const maxSystemID = 128

var errSystemID = errors.New("an ID has 1 to 128 characters of A-Z, a-z, 0-9 and . _ : @ ~ - and is neither \".\" nor \"..\"")

// ParseSystemID checks the ID that an external system gave itself. Any safe
// string will do, a UUID or not; case counts. The error says the rule and
// repeats nothing of the input.
func ParseSystemID(s string) (string, error) {
	if s == "" || len(s) > maxSystemID || s == "." || s == ".." {
		return "", errSystemID
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == ':', c == '@', c == '~', c == '-':
		default:
			return "", errSystemID
		}
	}
	return s, nil
}

// JudgeSystem says whether c may act as the external system of an ID under s.
// Only those come in who connected themselves and whose ID and leaf an
// administrator accepted together. A leaf that is not known with this ID is
// CertificateUnknown, whoever else has the ID.
func (s *Snapshot) JudgeSystem(id string, c Caller) Verdict {
	if !c.Sensor.IsZero() {
		return s.refuse(problem.WrongDoor)
	}
	if !c.HasLeaf() {
		return s.refuse(problem.NoCertificate)
	}
	who := System{ID: id, Leaf: c.Leaf}
	switch s.System(who) {
	case Accepted:
		return s.allow()
	case Rejected:
		return s.refuse(problem.Rejected)
	case Pending:
		if s.ChangedSystem(who) {
			return s.refuse(problem.CertificateChanged)
		}
		return s.refuse(problem.Pending)
	default:
		return s.refuse(problem.CertificateUnknown)
	}
}

// System is the state of an external system's request.
func (s *Snapshot) System(who System) Request { return s.systems[who].state }

// ChangedSystem reports whether another leaf of the same ID was known when this
// one asked.
func (s *Snapshot) ChangedSystem(who System) bool { return s.systems[who].changed }

// KnownSystemID reports whether any leaf is known with an ID.
func (s *Snapshot) KnownSystemID(id string) bool { return s.systemIDs[id] > 0 }

// PendingSystems counts the external systems that wait for a decision.
func (s *Snapshot) PendingSystems() (n int) {
	for _, r := range s.systems {
		if r.state == Pending {
			n++
		}
	}
	return n
}

// WithSystem returns what s is with an external system's request in a state;
// Unknown stands for one that was deleted. One that was not known is changed
// when its ID is.
func (s *Snapshot) WithSystem(who System, state Request) *Snapshot {
	other := *s
	other.systems, other.systemIDs = make(map[System]systemRequest, len(s.systems)+1), make(map[string]int, len(s.systemIDs)+1)
	for k, v := range s.systems {
		if k != who {
			other.addSystem(k, v)
		}
	}
	if state == Unknown {
		return &other
	}
	changed := other.KnownSystemID(who.ID)
	if before, known := s.systems[who]; known {
		changed = before.changed
	}
	other.addSystem(who, systemRequest{state: state, changed: changed})
	return &other
}

// systemRequest is what the judge knows of an external system.
type systemRequest struct {
	state   Request
	changed bool // another leaf of its ID was known when it asked
}

// addSystem is for snapshots that nobody has yet.
func (s *Snapshot) addSystem(who System, r systemRequest) {
	s.systems[who] = r
	s.systemIDs[who.ID]++
}

// Package controlv1 is the Sensor link's control messages (control.proto) and
// the one codec of theirs that is more than protobuf: a policy travels in
// pieces and takes effect as a whole.
package controlv1

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// The bounds of a policy on the wire.
const (
	// MaxChunk is how many fingerprints one PolicyChunk holds.
	MaxChunk = 1024
	// MaxFingerprints bounds the listed, and the withdrawn, of one policy.
	MaxFingerprints = 100_000

	fingerprintSize = sha256.Size
)

// Fingerprint is the SHA-256 of a DER leaf.
type Fingerprint = [fingerprintSize]byte

// Policy is who of a Sensor's agents may come in.
type Policy struct {
	StoreID    string
	Revision   uint64
	Validation bool
	Listed     []Fingerprint
	Withdrawn  []Fingerprint
}

// Split gives the messages that carry a policy, in the order they are sent.
func (p *Policy) Split() []*FromCentralNode {
	messages := []*FromCentralNode{{Message: &FromCentralNode_PolicyBegin{PolicyBegin: &PolicyBegin{
		Version:    &PolicyVersion{StoreId: p.StoreID, Revision: p.Revision},
		Validation: p.Validation, Listed: uint32(len(p.Listed)), Withdrawn: uint32(len(p.Withdrawn)),
	}}}}
	listed, withdrawn := p.Listed, p.Withdrawn
	digest := sha256.New()
	for len(listed) > 0 || len(withdrawn) > 0 {
		var chunk PolicyChunk
		n := min(len(listed), MaxChunk)
		chunk.Listed, listed = join(listed[:n]), listed[n:]
		m := min(len(withdrawn), MaxChunk-n)
		chunk.Withdrawn, withdrawn = join(withdrawn[:m]), withdrawn[m:]
		digest.Write(chunk.Listed)
		digest.Write(chunk.Withdrawn)
		messages = append(messages, &FromCentralNode{Message: &FromCentralNode_PolicyChunk{PolicyChunk: &chunk}})
	}
	return append(messages, &FromCentralNode{Message: &FromCentralNode_PolicyEnd{PolicyEnd: &PolicyEnd{Digest: digest.Sum(nil)}}})
}

func join(fs []Fingerprint) []byte {
	if len(fs) == 0 {
		return nil
	}
	out := make([]byte, 0, len(fs)*fingerprintSize)
	for _, f := range fs {
		out = append(out, f[:]...)
	}
	return out
}

// ErrPolicy is matched by every error of an Assembler: the peer broke the
// protocol, and no policy of its has taken effect.
var ErrPolicy = errors.New("broken policy")

// Assembler puts a policy together again. Its zero value waits for a
// PolicyBegin.
type Assembler struct {
	policy            *Policy // nil: none was begun
	listed, withdrawn int     // announced
}

// Begin starts a policy and forgets an unfinished one.
func (a *Assembler) Begin(m *PolicyBegin) error {
	*a = Assembler{}
	switch {
	case m.GetVersion().GetStoreId() == "":
		return fmt.Errorf("%w: it names no store", ErrPolicy)
	case m.GetListed() > MaxFingerprints, m.GetWithdrawn() > MaxFingerprints:
		return fmt.Errorf("%w: %d listed and %d withdrawn fingerprints, at most %d of each", ErrPolicy, m.GetListed(), m.GetWithdrawn(), MaxFingerprints)
	}
	a.policy = &Policy{StoreID: m.GetVersion().GetStoreId(), Revision: m.GetVersion().GetRevision(), Validation: m.GetValidation()}
	a.listed, a.withdrawn = int(m.GetListed()), int(m.GetWithdrawn())
	return nil
}

// Chunk takes fingerprints.
func (a *Assembler) Chunk(m *PolicyChunk) error {
	if a.policy == nil {
		return fmt.Errorf("%w: a chunk without a beginning", ErrPolicy)
	}
	if n := len(m.GetListed()) + len(m.GetWithdrawn()); n > MaxChunk*fingerprintSize || n == 0 {
		return a.broken("a chunk of %d bytes", n)
	}
	if len(m.GetListed()) > 0 && len(a.policy.Withdrawn) > 0 {
		return a.broken("listed fingerprints after withdrawn ones")
	}
	var err error
	if a.policy.Listed, err = split(a.policy.Listed, m.GetListed(), a.listed); err != nil {
		return a.broken("listed: %v", err)
	}
	if a.policy.Withdrawn, err = split(a.policy.Withdrawn, m.GetWithdrawn(), a.withdrawn); err != nil {
		return a.broken("withdrawn: %v", err)
	}
	return nil
}

// End checks the digest and gives the policy.
func (a *Assembler) End(m *PolicyEnd) (*Policy, error) {
	p := a.policy
	if p == nil {
		return nil, fmt.Errorf("%w: an end without a beginning", ErrPolicy)
	}
	if len(p.Listed) != a.listed || len(p.Withdrawn) != a.withdrawn {
		return nil, a.broken("%d of %d listed and %d of %d withdrawn fingerprints came", len(p.Listed), a.listed, len(p.Withdrawn), a.withdrawn)
	}
	digest := sha256.New()
	digest.Write(join(p.Listed))
	digest.Write(join(p.Withdrawn))
	if !bytes.Equal(digest.Sum(nil), m.GetDigest()) {
		return nil, a.broken("the digest is another")
	}
	*a = Assembler{}
	return p, nil
}

func (a *Assembler) broken(format string, args ...any) error {
	*a = Assembler{}
	return fmt.Errorf("%w: "+format, append([]any{ErrPolicy}, args...)...)
}

// split appends the fingerprints of raw, of which there may be most in all.
func split(to []Fingerprint, raw []byte, most int) ([]Fingerprint, error) {
	if len(raw)%fingerprintSize != 0 {
		return to, fmt.Errorf("%d bytes are no whole fingerprints", len(raw))
	}
	if len(to)+len(raw)/fingerprintSize > most {
		return to, fmt.Errorf("more than the %d announced", most)
	}
	for len(raw) > 0 {
		to = append(to, Fingerprint(raw[:fingerprintSize]))
		raw = raw[fingerprintSize:]
	}
	return to, nil
}

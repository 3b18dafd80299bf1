package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"vedette/internal/kv"
	"vedette/pki"
)

const centralNodeKey = "central-node"

// Request names one wish of an administrator to join a Central Node. A new one
// asks again after a rejection.
type Request [16]byte

// NewRequest draws a request.
func NewRequest() Request {
	var r Request
	_, _ = rand.Read(r[:]) // never fails (crypto/rand)
	return r
}

// String shows the request in hexadecimal digits.
func (r Request) String() string { return hex.EncodeToString(r[:]) }

// MarshalText writes the notation of String.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the notation of String.
func (r *Request) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(r)) {
		return fmt.Errorf("request: expected %d hexadecimal digits, found %d bytes", hex.EncodedLen(len(r)), len(text))
	}
	if _, err := hex.Decode(r[:], text); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return nil
}

// CentralNode is the Central Node that an administrator configured. Its zero
// value means that none was.
type CentralNode struct {
	V       int    `json:"v"`
	Address string `json:"address"` // host:port
	// Pin is the certificate that an administrator confirmed, until the Central
	// Node shows one that it had announced and announces a further one.
	Pin pki.Fingerprint `json:"pin"`
	// Next is what the Central Node announced over the pinned link; zero: nothing.
	Next    pki.Fingerprint `json:"next,omitzero"`
	Request Request         `json:"request"`
	// Version is the revision at which the entry was last written.
	Version kv.Revision `json:"-"`
}

// CentralNode reads the configured Central Node; found is false when none is.
func (s *Store) CentralNode(ctx context.Context) (c CentralNode, found bool, err error) {
	rev, found, err := s.get(ctx, centralNodeKey, 1, &c)
	if err != nil || !found {
		return CentralNode{}, false, err
	}
	c.Version = rev
	return c, true, nil
}

// SetCentralNode configures a Central Node in place of what was read at
// revision seen; 0: none was configured. All its pins are replaced.
func (c *Change) SetCentralNode(n CentralNode, seen kv.Revision) {
	n.V = 1
	c.Put(centralNodeKey, n)
	c.Seen(centralNodeKey, seen)
}

// SaveAnnounced keeps what the Central Node announced over a link on which it
// showed the certificate pin: its next certificate, zero when it took that
// back. Nothing else stays accepted. It is no act, and goes past the watch. When
// pin is no pin of the configured Central Node, another one was configured
// meanwhile: then nothing is kept and nothing is wrong.
func (s *Store) SaveAnnounced(ctx context.Context, pin, next pki.Fingerprint) error {
	n, found, err := s.CentralNode(ctx)
	if err != nil || !found || pin.IsZero() || pin != n.Pin && pin != n.Next {
		return err
	}
	if n.Pin == pin && n.Next == next {
		return nil
	}
	seen := n.Version
	n.Pin, n.Next = pin, next
	var c Change
	c.SetCentralNode(n, seen)
	if err := c.ApplyQuietly(ctx, s.kv); err != nil {
		return fmt.Errorf("keep the announced certificate of the Central Node: %w", err)
	}
	return nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"vedette/internal/kv"
	"vedette/pki"
)

const linkIdentityKey = "link-identity"

// linkIdentityName is the CN; what counts is the fingerprint.
const linkIdentityName = "Vedette Sensor"

// linkIdentity is certificate and key in one value, so that they can never be
// of two makes.
type linkIdentity struct {
	V   int    `json:"v"`
	PEM []byte `json:"pem"`
}

// MakeLinkIdentity makes what a Sensor proves itself with to its Central Node:
// an ECDSA P-256 client certificate of its own, so that replacing the Sensor's
// server certificate never unauthorises the Sensor.
func MakeLinkIdentity(now func() time.Time) (*pki.Pair, error) {
	pair, err := pki.GenerateAgent(pki.AgentOptions{Name: linkIdentityName, Key: pki.KeyECDSAP256, Now: now})
	if err != nil {
		return nil, fmt.Errorf("make the link identity: %w", err)
	}
	return pair, nil
}

// LinkIdentity reads the link identity; found is false before the first start
// made one. Its dates matter to nobody: the Central Node knows the leaf.
func (s *Store) LinkIdentity(ctx context.Context) (pair *pki.Pair, found bool, err error) {
	var kept linkIdentity
	if _, found, err = s.get(ctx, linkIdentityKey, 1, &kept); err != nil || !found {
		return nil, false, err
	}
	pair, _, err = pki.ParsePair(kept.PEM, time.Time{})
	if err != nil {
		return nil, false, fmt.Errorf("read the link identity from the state file: %w", err)
	}
	return pair, true, nil
}

// SetLinkIdentity keeps a link identity in place of the one that was read at
// revision seen; 0: there must be none yet.
func (c *Change) SetLinkIdentity(pair *pki.Pair, seen kv.Revision) {
	c.Put(linkIdentityKey, linkIdentity{V: 1, PEM: pair.EncodePEM()})
	c.Seen(linkIdentityKey, seen)
}

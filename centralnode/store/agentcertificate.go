package store

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

const (
	agentCertificatePrefix = "agent-certificate/"
	withdrawnPrefix        = "withdrawn/"
	validationKey          = "validation"
)

// AgentCertificate is one entry of the list of agent certificates. There is no
// private key in it, and there never was one in the store.
type AgentCertificate struct {
	V       int         `json:"v"`
	DER     []byte      `json:"der"`
	Origin  string      `json:"origin"`
	Added   time.Time   `json:"added"`
	Version kv.Revision `json:"-"`
	// Leaf is DER parsed.
	Leaf *x509.Certificate `json:"-"`
}

// Fingerprint returns the identity of the entry.
func (a AgentCertificate) Fingerprint() pki.Fingerprint { return pki.FingerprintOf(a.DER) }

type withdrawn struct {
	V    int       `json:"v"`
	Time time.Time `json:"time"`
}

type validation struct {
	V  int  `json:"v"`
	On bool `json:"on"`
}

func hexKey(prefix string, f pki.Fingerprint) string { return prefix + hex.EncodeToString(f[:]) }

// Validation reads the switch and the revision at which it was last set.
func (s *Store) Validation(ctx context.Context) (on bool, version kv.Revision, err error) {
	var v validation
	version, _, err = s.get(ctx, validationKey, 1, &v)
	return v.On, version, err
}

// AgentCertificate reads one entry.
func (s *Store) AgentCertificate(ctx context.Context, f pki.Fingerprint) (AgentCertificate, bool, error) {
	var a AgentCertificate
	rev, found, err := s.get(ctx, hexKey(agentCertificatePrefix, f), 1, &a)
	if err != nil || !found {
		return AgentCertificate{}, false, err
	}
	a.Version = rev
	a.Leaf, err = x509.ParseCertificate(a.DER)
	return a, true, err
}

func decodeAgentCertificate(e kv.Entry) (AgentCertificate, error) {
	var a AgentCertificate
	if err := entity.Decode(e, 1, &a); err != nil {
		return a, err
	}
	leaf, err := x509.ParseCertificate(a.DER)
	if err != nil {
		return a, fmt.Errorf("read %s from the state file: %w", e.Key, err)
	}
	a.Leaf, a.Version = leaf, e.Revision
	return a, nil
}

func readValidation(entries []kv.Entry) (bool, kv.Revision, error) {
	for _, e := range entries {
		if e.Key != validationKey {
			continue
		}
		var v validation
		err := entity.Decode(e, 1, &v)
		return v.On, e.Revision, err
	}
	return false, 0, nil
}

// AddAgentCertificate puts a leaf on the list, where it must not be yet.
func (c *Change) AddAgentCertificate(leaf *x509.Certificate, origin string, at time.Time) {
	key := hexKey(agentCertificatePrefix, pki.FingerprintOf(leaf.Raw))
	c.Put(key, AgentCertificate{V: 1, DER: leaf.Raw, Origin: origin, Added: at})
	c.Seen(key, 0)
}

// WithdrawAgentCertificate takes an entry off the list, which must still be
// the one that was read, and remembers the leaf for ever.
func (c *Change) WithdrawAgentCertificate(a AgentCertificate, at time.Time) {
	f := a.Fingerprint()
	c.Delete(hexKey(agentCertificatePrefix, f))
	c.Seen(hexKey(agentCertificatePrefix, f), a.Version)
	c.Put(hexKey(withdrawnPrefix, f), withdrawn{V: 1, Time: at})
}

// SetValidation sets the switch, last set at revision seen.
func (c *Change) SetValidation(on bool, seen kv.Revision) {
	c.Put(validationKey, validation{V: 1, On: on})
	c.Seen(validationKey, seen)
}

package stamp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
)

// macLen is what remains of HMAC-SHA-256 (RFC 8762, section 4.4).
const macLen = AuthenticatedLen - authMAC

// mac computes the HMAC of packets with one key. It is used under a lock.
type mac struct {
	hash hash.Hash
	sum  [sha256.Size]byte
}

func newMAC(key *[32]byte) *mac {
	m := &mac{hash: hmac.New(sha256.New, key[:])}
	m.of(m.sum[:]) // what the hash keeps of its key is made now and not under way
	return m
}

func (m *mac) of(body []byte) []byte {
	m.hash.Reset()
	_, _ = m.hash.Write(body) // never fails (package hash)
	return m.hash.Sum(m.sum[:0])[:macLen]
}

// seal writes the HMAC of a whole packet.
func (m *mac) seal(packet []byte) { copy(packet[authMAC:], m.of(packet[:authMAC])) }

// right reports whether a whole packet has the right HMAC.
func (m *mac) right(packet []byte) bool {
	return subtle.ConstantTimeCompare(packet[authMAC:], m.of(packet[:authMAC])) == 1
}

package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"vedette/internal/budget"
)

// parameters of argon2id.
type parameters struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
}

// current is what new hashes are made with. 32 MiB and three passes cost an
// attacker about two and a half times OWASP's minimum (19 MiB, two passes), us
// some 56 ms of one core for a sign-in, and at most 64 MiB at a time.
var current = parameters{memory: 32 << 10, time: 3, threads: 1}

// cheap keeps tests fast; what they show does not depend on the cost.
var cheap = parameters{memory: 64, time: 1, threads: 1}

// Bounds on the parameters of a stored hash: one that asks for more is damaged.
const (
	maxMemory  = 256 << 10
	maxTime    = 16
	maxThreads = 16
	saltSize   = 16
	keySize    = 32
)

// hasher computes hashes, one at a time for strangers and one at a time for
// those who must not wait for strangers.
type hasher struct {
	parameters parameters
	strangers  budget.Gate
	trusted    budget.Gate
	dummy      phc // what the password of an unknown name is compared with

	// derive is argon2.IDKey, but for tests that count.
	derive func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte
}

func newHasher(p parameters) *hasher {
	h := &hasher{
		parameters: p,
		strangers:  budget.NewGate(1),
		trusted:    budget.NewGate(1),
		dummy:      phc{parameters: p, salt: make([]byte, saltSize), key: make([]byte, keySize)},
		derive:     argon2.IDKey,
	}
	rand.Read(h.dummy.salt) // never fails
	rand.Read(h.dummy.key)
	return h
}

// hash makes the PHC string of a new password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.trusted.Enter(ctx); err != nil {
		return "", err
	}
	defer h.trusted.Leave()
	p := phc{parameters: h.parameters, salt: make([]byte, saltSize)}
	rand.Read(p.salt) // never fails
	p.key = h.compute(p, password)
	return p.String(), nil
}

func (h *hasher) compute(p phc, password string) []byte {
	return h.derive([]byte(password), p.salt, p.time, p.memory, p.threads, keySize)
}

// matches compares a password with a hash.
func (h *hasher) matches(p phc, password string) bool {
	return subtle.ConstantTimeCompare(h.compute(p, password), p.key) == 1
}

// phc is a password hash in the PHC string format:
// $argon2id$v=19$m=32768,t=3,p=1$SALT$KEY
type phc struct {
	parameters
	salt, key []byte
}

func (p phc) String() string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		enc.EncodeToString(p.salt), enc.EncodeToString(p.key))
}

var errHash = errors.New("the stored password hash is damaged")

func parsePHC(s string) (phc, error) {
	var p phc
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errHash
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return phc{}, errHash
	}
	if p.threads == 0 || p.threads > maxThreads || p.time == 0 || p.time > maxTime ||
		p.memory < 8*uint32(p.threads) || p.memory > maxMemory {
		return phc{}, errHash
	}
	enc := base64.RawStdEncoding.Strict()
	var err1, err2 error
	p.salt, err1 = enc.DecodeString(part[4])
	p.key, err2 = enc.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(p.salt) != saltSize || len(p.key) != keySize || p.String() != s {
		return phc{}, errHash
	}
	return p, nil
}

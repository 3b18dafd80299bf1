package pki

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"hash"
	"math/big"
	"slices"
	"unicode/utf16"
)

// derivation is one run of a key derivation function that a PFX container asks for.
type derivation struct {
	newHash    func() hash.Hash
	salt       []byte
	iterations int
	pbkdf2     bool // RFC 8018; otherwise the function of RFC 7292 appendix B
	purpose    byte // for RFC 7292: what the octets are for
	size       int  // octets wanted
}

// What RFC 7292 appendix B.3 derives octets for.
const (
	purposeKey byte = 1
	purposeIV  byte = 2
	purposeMAC byte = 3
)

// pfxPassword is a password in the two notations that containers use: UTF-8 for PBKDF2, and big-endian UTF-16 with a
// terminating zero for RFC 7292. The empty password exists in two forms of the latter: one zero character, or nothing.
type pfxPassword struct {
	utf8 string
	bmp  []byte
}

func newPFXPassword(s string) pfxPassword {
	p := pfxPassword{utf8: s}
	for _, unit := range append(utf16.Encode([]rune(s)), 0) {
		p.bmp = append(p.bmp, byte(unit>>8), byte(unit))
	}
	return p
}

func (d derivation) run(password pfxPassword) ([]byte, error) {
	if d.pbkdf2 {
		return pbkdf2.Key(d.newHash, password.utf8, d.salt, d.iterations, d.size)
	}
	return d.rfc7292(password.bmp), nil
}

// rfc7292 is the function of RFC 7292 appendix B.2; the names of the variables are those of the RFC.
func (d derivation) rfc7292(password []byte) []byte {
	h := d.newHash()
	u, v := h.Size(), h.BlockSize()
	I := append(repeatTo(d.salt, v), repeatTo(password, v)...)
	D := slices.Repeat([]byte{d.purpose}, v)

	var out []byte
	A := make([]byte, 0, u)
	for {
		h.Reset()
		h.Write(D)
		h.Write(I)
		A = h.Sum(A[:0])
		for range d.iterations - 1 {
			h.Reset()
			h.Write(A)
			A = h.Sum(A[:0])
		}
		if out = append(out, A...); len(out) >= d.size {
			return out[:d.size]
		}
		B := new(big.Int).SetBytes(repeatTo(A, v)[:v])
		B.Add(B, big.NewInt(1))
		modulus := new(big.Int).Lsh(big.NewInt(1), uint(8*v))
		for block := range slices.Chunk(I, v) {
			sum := new(big.Int).SetBytes(block)
			sum.Add(sum, B).Mod(sum, modulus).FillBytes(block)
		}
	}
}

// repeatTo repeats a pattern up to the next multiple of v; an empty one stays empty.
func repeatTo(pattern []byte, v int) []byte {
	if len(pattern) == 0 {
		return nil
	}
	size := (len(pattern) + v - 1) / v * v
	return slices.Repeat(pattern, size/len(pattern)+1)[:size]
}

func hmacSum(newHash func() hash.Hash, key, message []byte) []byte {
	mac := hmac.New(newHash, key)
	mac.Write(message)
	return mac.Sum(nil)
}

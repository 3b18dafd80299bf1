package pki

import (
	"crypto/tls"
	"sync/atomic"
)

// Source gives the certificate to show at this moment. Its owner swaps it atomically; connections that are already
// established keep the old one.
type Source interface {
	// Current returns nil while there is none.
	Current() *tls.Certificate
}

// Holder is a Source over a Pair that can be replaced while in use. The zero Holder has no certificate.
type Holder struct {
	held atomic.Pointer[held]
}

type held struct {
	pair *Pair
	tls  tls.Certificate
}

// NewHolder starts with a pair, or with none when p is nil.
func NewHolder(p *Pair) *Holder {
	h := &Holder{}
	h.Swap(p)
	return h
}

// Swap puts p to use for every connection from now on and returns the pair it replaces. Nil withdraws the certificate.
func (h *Holder) Swap(p *Pair) (old *Pair) {
	var next *held
	if p != nil {
		next = &held{pair: p, tls: p.TLS()}
	}
	if before := h.held.Swap(next); before != nil {
		return before.pair
	}
	return nil
}

// Pair returns the pair in use, or nil.
func (h *Holder) Pair() *Pair {
	if now := h.held.Load(); now != nil {
		return now.pair
	}
	return nil
}

// Current implements Source. Treat the result as read-only.
func (h *Holder) Current() *tls.Certificate {
	if now := h.held.Load(); now != nil {
		return &now.tls
	}
	return nil
}

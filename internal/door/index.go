package door

import (
	"sync"

	"vedette/pki"
)

// Index finds live connections, of whatever kind, by leaf and by number. The
// zero leaf stands for connections without a certificate.
type Index[C any] struct {
	mu       sync.Mutex
	byNumber map[uint64]pki.Fingerprint
	byLeaf   map[pki.Fingerprint]map[uint64]C
}

// NewIndex makes an empty index.
func NewIndex[C any]() *Index[C] {
	return &Index[C]{byNumber: make(map[uint64]pki.Fingerprint), byLeaf: make(map[pki.Fingerprint]map[uint64]C)}
}

// Add indexes a connection.
func (x *Index[C]) Add(number uint64, leaf pki.Fingerprint, c C) {
	x.mu.Lock()
	defer x.mu.Unlock()
	set := x.byLeaf[leaf]
	if set == nil {
		set = make(map[uint64]C, 1)
		x.byLeaf[leaf] = set
	}
	set[number] = c
	x.byNumber[number] = leaf
}

// Remove forgets a connection.
func (x *Index[C]) Remove(number uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	leaf, ok := x.byNumber[number]
	if !ok {
		return
	}
	delete(x.byNumber, number)
	set := x.byLeaf[leaf]
	if delete(set, number); len(set) == 0 {
		delete(x.byLeaf, leaf)
	}
}

// All returns every connection.
func (x *Index[C]) All() []C {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]C, 0, len(x.byNumber))
	for _, set := range x.byLeaf {
		for _, c := range set {
			out = append(out, c)
		}
	}
	return out
}

// Of returns the connections of some leaves.
func (x *Index[C]) Of(leaves ...pki.Fingerprint) []C {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []C
	for _, f := range leaves {
		for _, c := range x.byLeaf[f] {
			out = append(out, c)
		}
	}
	return out
}

// Has reports whether the connection of a number is there.
func (x *Index[C]) Has(number uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.byNumber[number]
	return ok
}

package eventlog

import (
	"encoding/binary"
	"fmt"
)

const (
	// recentKept is how many packages of a queue are remembered by content.
	recentKept = 64
	// recentSaved is how many of them a checkpoint carries.
	recentSaved = 16
	// recentVersion is the first byte of QueueState.Recent.
	recentVersion = 1
)

// verdict is what a queue's history says about a package.
type verdict int

const (
	verdictNew verdict = iota + 1
	verdictDuplicate
	verdictConflict
	verdictJump
)

// recent is one remembered package.
type recent struct {
	seq    uint64
	digest digest
}

// history is what is known of one queue's stored packages: the highest seq and
// the newest packages without a gap between them.
type history struct {
	highest uint64
	// ring holds the newest packages; next is where the following one goes once
	// the ring is full.
	ring []recent
	next int
}

// judge says what a package with this seq and content is.
func (h *history) judge(seq uint64, d digest) verdict {
	switch {
	case seq == 0:
		return verdictJump
	case seq > h.highest:
		if seq-h.highest > MaxSeqJump {
			return verdictJump
		}
		return verdictNew
	}
	floor := h.highest + 1
	for _, r := range h.ring {
		if r.seq == seq {
			if r.digest == d {
				return verdictDuplicate
			}
			return verdictConflict
		}
		floor = min(floor, r.seq)
	}
	if seq < floor {
		return verdictDuplicate
	}
	// It lies among packages that are all remembered and is none of them: this
	// queue went past it, so another copy of the queue is at work.
	return verdictConflict
}

// stored notes that a package became durable.
func (h *history) stored(seq uint64, d digest) {
	if seq <= h.highest {
		return
	}
	h.highest = seq
	if len(h.ring) < recentKept {
		h.ring = append(h.ring, recent{seq, d})
		return
	}
	h.ring[h.next] = recent{seq, d}
	h.next = (h.next + 1) % recentKept
}

// forget drops what is known about content, for use when packages may have
// been stored that this history has not seen.
func (h *history) forget() { h.ring, h.next = nil, 0 }

// newest returns the i-th newest remembered package, from 0.
func (h *history) newest(i int) recent {
	n := len(h.ring)
	last := n - 1
	if n == recentKept {
		last = h.next - 1
	}
	return h.ring[((last-i)%n+n)%n]
}

// state is what a checkpoint keeps: the newest package first, each as its
// distance from the one before it and its digest.
func (h *history) state() QueueState {
	s := QueueState{Highest: h.highest}
	n := min(len(h.ring), recentSaved)
	if n == 0 {
		return s
	}
	s.Recent = append(s.Recent, recentVersion)
	at := h.highest
	for i := range n {
		r := h.newest(i)
		s.Recent = binary.AppendUvarint(s.Recent, at-r.seq)
		s.Recent = binary.BigEndian.AppendUint64(s.Recent, uint64(r.digest))
		at = r.seq
	}
	return s
}

// restore makes the history that a checkpoint kept.
func restore(s QueueState) (history, error) {
	h := history{highest: s.Highest}
	b := s.Recent
	if len(b) == 0 {
		return h, nil
	}
	if b[0] != recentVersion {
		return h, fmt.Errorf("checkpoint of a queue has version %d, known is %d", b[0], recentVersion)
	}
	b = b[1:]
	at := s.Highest
	var newestFirst []recent
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 || len(b) < n+8 || step > at || len(newestFirst) == recentSaved {
			return h, fmt.Errorf("checkpoint of a queue is malformed")
		}
		at -= step
		newestFirst = append(newestFirst, recent{at, digest(binary.BigEndian.Uint64(b[n:]))})
		b = b[n+8:]
	}
	h.ring = make([]recent, 0, len(newestFirst))
	for i := len(newestFirst) - 1; i >= 0; i-- {
		h.ring = append(h.ring, newestFirst[i])
	}
	return h, nil
}

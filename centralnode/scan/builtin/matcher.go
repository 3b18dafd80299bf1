package builtin

import (
	"bytes"
	"slices"
)

// matcher looks for many patterns at once in a stream (Aho and Corasick, 1975).
// It takes time linear in the bytes, whatever they and the patterns are.
//
// The children of a state have consecutive numbers, in the order of the bytes
// that lead to them; the root is state 0.
type matcher struct {
	first []uint32 // the children of s are first[s] to first[s+1]
	label []byte   // the byte that leads to a state
	fail  []uint32 // the state of the longest suffix that is a prefix of a pattern
	out   []uint32 // 1 + the pattern that ends in a state; 0: none
	hit   []uint32 // the nearest state with a pattern, from s along fail; 0: none

	root  [256]uint32
	pairs [1 << 16 / 64]uint64 // the first two bytes of every pattern
	count int
}

// search is one stream that a matcher goes through.
type search struct {
	m     *matcher
	state uint32
	read  int64
	// ends says where the first occurrence of each pattern ends; 0: none so far.
	ends []int64
}

// newMatcher takes patterns of at least two bytes, sorted and without doubles.
func newMatcher(patterns [][]byte) *matcher {
	m := &matcher{count: len(patterns)}
	type span struct{ low, high, depth int }
	spans := []span{{0, len(patterns), 0}}
	m.label, m.out = append(m.label, 0), append(m.out, 0)
	for s := 0; s < len(spans); s++ {
		at := spans[s]
		spans[s] = span{}
		m.first = append(m.first, uint32(len(spans)))
		if at.low < at.high && len(patterns[at.low]) == at.depth {
			m.out[s] = uint32(at.low) + 1
			at.low++
		}
		for at.low < at.high {
			b, end := patterns[at.low][at.depth], at.low+1
			for end < at.high && patterns[end][at.depth] == b {
				end++
			}
			spans = append(spans, span{at.low, end, at.depth + 1})
			m.label, m.out = append(m.label, b), append(m.out, 0)
			at.low = end
		}
	}
	m.first = append(m.first, uint32(len(spans)))
	m.link(len(spans))
	for _, p := range patterns {
		pair := uint(p[0])<<8 | uint(p[1])
		m.pairs[pair/64] |= 1 << (pair % 64)
	}
	m.first, m.label, m.out = slices.Clip(m.first), slices.Clip(m.label), slices.Clip(m.out)
	return m
}

// link finds fail and hit of every state. States are numbered by depth, so what
// a state needs is there before it.
func (m *matcher) link(states int) {
	m.fail, m.hit = make([]uint32, states), make([]uint32, states)
	for s := range uint32(states) {
		for c := m.first[s]; c < m.first[s+1]; c++ {
			if s == 0 {
				m.root[m.label[c]] = c
				continue
			}
			f := m.fail[s]
			for f != 0 && m.child(f, m.label[c]) == 0 {
				f = m.fail[f]
			}
			m.fail[c] = m.child(f, m.label[c])
		}
		if m.hit[s] = m.hit[m.fail[s]]; m.out[s] != 0 {
			m.hit[s] = s
		}
	}
}

// child is the state that a byte leads to, 0 when there is none.
func (m *matcher) child(s uint32, b byte) uint32 {
	if s == 0 {
		return m.root[b]
	}
	low, high := m.first[s], m.first[s+1]
	if high-low == 1 { // nearly always
		if m.label[low] == b {
			return low
		}
		return 0
	}
	if i := bytes.IndexByte(m.label[low:high], b); i >= 0 {
		return low + uint32(i)
	}
	return 0
}

func (m *matcher) search() *search { return &search{m: m, ends: make([]int64, m.count)} }

// write goes through the next bytes of the stream.
func (s *search) write(p []byte) {
	m, state := s.m, s.state
	for i := 0; i < len(p); i++ {
		if state == 0 {
			// Most bytes begin nothing: pass them by two at a time.
			for ; i+1 < len(p); i++ {
				if pair := uint(p[i])<<8 | uint(p[i+1]); m.pairs[pair/64]&(1<<(pair%64)) != 0 {
					break
				}
			}
			state = m.root[p[i]]
			continue // no pattern has one byte
		}
		b := p[i]
		next := m.child(state, b)
		for next == 0 && state != 0 {
			state = m.fail[state]
			next = m.child(state, b)
		}
		state = next
		// What was noted once was noted with all that ends with it.
		for h := m.hit[state]; h != 0 && s.ends[m.out[h]-1] == 0; h = m.hit[m.fail[h]] {
			s.ends[m.out[h]-1] = s.read + int64(i) + 1
		}
	}
	s.state = state
	s.read += int64(len(p))
}

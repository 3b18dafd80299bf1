package link

import "slices"

// maxGaps is how many gaps the received bytes of one stream may have.
const maxGaps = 32

// run is bytes beyond a gap.
type run struct {
	offset, end uint64
	parts       []part
}

// part is some bytes of a run: a chunk, which is delivered as it is, or few bytes, which are not worth one.
type part struct {
	chunk *chunk
	data  []byte
}

// add appends data: lent, which holds nothing else, or a copy. A chunk is at least half full, so what a run holds is at
// most twice its bytes.
func (r *run) add(data []byte, lent *chunk) {
	r.end += uint64(len(data))
	if lent != nil {
		lent.n = len(data)
		r.parts = append(r.parts, part{chunk: lent})
		return
	}
	if len(data) > largeBuffer/2 {
		c := newChunk(len(data))
		c.add(data)
		r.parts = append(r.parts, part{chunk: c})
		return
	}
	if last := len(r.parts) - 1; last >= 0 && r.parts[last].chunk == nil {
		r.parts[last].data = append(r.parts[last].data, data...)
		return
	}
	r.parts = append(r.parts, part{data: slices.Clone(data)})
}

func (r *run) free() {
	for _, p := range r.parts {
		if p.chunk != nil {
			p.chunk.free()
		}
	}
}

// inbound is the receiving direction of a stream. Copies and overlaps are trimmed; the first copy of a byte wins.
type inbound struct {
	head, tail *chunk // contiguous, not read yet
	runs       []run  // beyond gaps, by offset, never touching each other
	next       uint64 // end of the contiguous bytes
	read       uint64 // end of what the program has taken
	highest    uint64 // end of the last byte ever seen: what credit is charged by
	granted    uint64 // absolute limit that the peer was told
	final      uint64 // where the stream ends, when known
	ackSent    uint64 // what the peer was last told
	window     uint64 // credit beyond read
	hasFinal   bool
	discard    bool // the program wants no more: bytes are dropped, credit is not renewed
}

// complete says that every byte and FIN have come.
func (in *inbound) complete() bool { return in.hasFinal && in.next == in.final }

// ack is the acknowledgement: contiguous bytes, and one more for FIN.
func (in *inbound) ack() uint64 {
	if in.complete() {
		return in.final + 1
	}
	return in.next
}

// receive takes one DATA. An error is the peer's fault and closes the link. lent, unless nil, is the chunk that holds data
// and may be kept instead of a copy: its n is len(data) then, and 0 otherwise.
func (in *inbound) receive(offset uint64, data []byte, fin bool, lent *chunk) *Error {
	end := offset + uint64(len(data))
	if fin {
		if in.hasFinal && in.final != end || end < in.highest {
			return violation("second end at %d", end)
		}
		in.hasFinal, in.final = true, end
	}
	if in.hasFinal && end > in.final {
		return violation("data beyond the end of a stream")
	}
	if end > in.granted {
		return &Error{Code: CodeFlow, Reason: "data beyond the credit"}
	}
	in.highest = max(in.highest, end)
	if offset < in.next {
		if end <= in.next {
			return nil
		}
		data = data[in.next-offset:]
		offset, lent = in.next, nil
	}
	if offset == in.next && len(in.runs) == 0 {
		in.deliver(data, lent)
		return nil
	}
	in.scatter(offset, data, lent)
	if len(in.runs) > 0 && in.runs[0].offset == in.next {
		in.join(&in.runs[0])
		in.runs = slices.Delete(in.runs, 0, 1)
	}
	if len(in.runs) > maxGaps {
		return &Error{Code: CodeFlow, Reason: "too many gaps"}
	}
	return nil
}

// deliver appends contiguous bytes.
func (in *inbound) deliver(data []byte, lent *chunk) {
	in.next += uint64(len(data))
	if in.discard {
		return
	}
	if lent != nil {
		lent.n = len(data)
		in.append(lent)
		return
	}
	for len(data) > 0 {
		// What lies behind a lent chunk's bytes is still to be read while it has a reader.
		if in.tail == nil || in.tail.refs > 0 || in.tail.room() == 0 {
			in.append(newChunk(len(data)))
		}
		data = data[in.tail.add(data):]
	}
}

func (in *inbound) append(c *chunk) {
	if in.tail == nil {
		in.head = c
	} else {
		in.tail.next = c
	}
	in.tail = c
}

// join delivers a run whose gap is gone.
func (in *inbound) join(r *run) {
	for _, p := range r.parts {
		switch {
		case p.chunk == nil:
			in.deliver(p.data, nil)
		case in.discard:
			in.next += uint64(p.chunk.n)
			p.chunk.free()
		default:
			in.next += uint64(p.chunk.n)
			in.append(p.chunk)
		}
	}
}

// scatter keeps bytes beyond a gap, and never changes a byte that is there.
func (in *inbound) scatter(offset uint64, data []byte, lent *chunk) {
	i, whole := 0, len(data)
	for len(data) > 0 {
		for i < len(in.runs) && in.runs[i].end < offset {
			i++
		}
		if i == len(in.runs) || offset < in.runs[i].offset {
			in.runs = slices.Insert(in.runs, i, run{offset: offset, end: offset})
		}
		r := &in.runs[i]
		covered := min(r.end-offset, uint64(len(data)))
		data, offset = data[covered:], offset+covered
		n := uint64(len(data))
		if i+1 < len(in.runs) {
			n = min(n, in.runs[i+1].offset-offset)
		}
		if n > 0 {
			if n < uint64(whole) {
				lent = nil // it is only a part of what the chunk holds
			}
			r.add(data[:n], lent)
		}
		data, offset = data[n:], offset+n
		if i+1 < len(in.runs) && r.end == in.runs[i+1].offset {
			r.parts, r.end = append(r.parts, in.runs[i+1].parts...), in.runs[i+1].end
			in.runs = slices.Delete(in.runs, i+1, i+2)
		}
	}
}

// take copies contiguous bytes to the program.
func (in *inbound) take(p []byte) (n int) {
	for n < len(p) && in.head != nil {
		c := in.head
		m := copy(p[n:], c.bytes()[c.read:])
		n += m
		if c.read += m; c.read == c.n {
			in.pop()
		}
	}
	in.read += uint64(n)
	return n
}

func (in *inbound) pop() {
	c := in.head
	if in.head = c.next; in.head == nil {
		in.tail = nil
	}
	c.free()
}

// detach hands the first chunk to the program, which says later that it has consumed it.
func (in *inbound) detach() *chunk {
	c := in.head
	if in.head = c.next; in.head == nil {
		in.tail = nil
	}
	c.next = nil
	return c
}

// clear drops what the program has not read.
func (in *inbound) clear() {
	for in.head != nil {
		in.pop()
	}
	for i := range in.runs {
		in.runs[i].free()
	}
	in.runs = nil
}

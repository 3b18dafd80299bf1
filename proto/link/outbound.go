package link

// maxTurns is how often the unacknowledged bytes of a stream may change lanes. It keeps the gaps that the peer sees
// well below maxGaps.
const maxTurns = 12

// outbound is the sending direction of a stream. Every byte that the program wrote is kept until acknowledged.
type outbound struct {
	head, tail *chunk // retained, by offset
	unsent     *chunk // the first that was never sent
	again      int    // retained chunks that were sent on a lane that died
	turns      int    // retained chunks with turned set
	splits     int    // retained chunks with split set
	written    uint64 // end of the program's bytes
	sent       uint64 // end of what was ever sent
	acked      uint64
	credit     uint64 // absolute limit that the peer granted
	lane       uint16 // the lane of the newest chunk, while it lives
	twin       uint16 // the lane that carries a copy of the newest chunk; 0: none does
	closed     bool   // the program has ended this direction: FIN follows the last byte
	finSent    bool   // false again when its lane died before the acknowledgement
	finLane    uint16 // the lane that carried FIN last; 0: it was never sent
	finAcked   bool
}

// write takes as many bytes as the credit allows and returns how many, and how many bytes of buffers it added.
func (o *outbound) write(p []byte) (n, buffers int) {
	p = p[:min(uint64(len(p)), o.credit-o.written)]
	for n < len(p) {
		t := o.tail
		if t == nil || t.sent || t.room() == 0 {
			t = newChunk(len(p) - n)
			buffers += len(t.buf)
			o.append(t)
		}
		m := t.add(p[n:])
		n += m
		o.written += uint64(m)
	}
	return n, buffers
}

// append retains a chunk behind the others.
func (o *outbound) append(c *chunk) {
	c.offset = o.written
	o.written += uint64(c.n)
	if o.tail == nil {
		o.head = c
	} else {
		o.tail.next = c
	}
	o.tail = c
	if o.unsent == nil {
		o.unsent = c
	}
}

// pending returns the chunk to send next, or nil.
func (o *outbound) pending() *chunk {
	if o.again > 0 {
		for c := o.head; c != nil; c = c.next {
			if c.sent && c.lane == 0 {
				return c
			}
		}
	}
	return o.unsent
}

// backlog is how many bytes wait to be sent, or sent again.
func (o *outbound) backlog() uint64 {
	n := o.written - o.sent
	if o.again > 0 {
		for c := o.head; c != nil && c.sent; c = c.next {
			if c.lane == 0 {
				n += uint64(c.n)
			}
		}
	}
	return n
}

// finDue says that only FIN is left to send.
func (o *outbound) finDue() bool {
	return o.closed && !o.finSent && !o.finAcked && o.unsent == nil
}

// sentOn notes that c, which pending returned, goes out on a lane.
func (o *outbound) sentOn(c *chunk, lane uint16) {
	if c.sent {
		o.again--
	} else {
		o.unsent = c.next
		o.sent = c.end()
		if c != o.head && o.lane != lane {
			c.turned = true
			o.turns++
		}
	}
	c.sent, c.lane, o.lane = true, lane, lane
}

// ack frees what ends at or below n; done is told the lane of each chunk and its size.
func (o *outbound) ack(n uint64, done func(lane uint16, buffer int)) {
	if n > o.written && o.closed {
		o.finAcked = true
		n = o.written
	}
	if n <= o.acked {
		return
	}
	o.acked = n
	for c := o.head; c != nil && c.end() <= n; c = o.head {
		o.drop(c, done)
	}
}

// drop frees the first chunk.
func (o *outbound) drop(c *chunk, done func(lane uint16, buffer int)) {
	if c.sent && c.lane == 0 {
		o.again--
	}
	if c.turned {
		o.turns--
	}
	if c.split {
		o.splits--
	}
	if o.head = c.next; o.head == nil {
		o.tail = nil
	}
	if o.unsent == c {
		o.unsent = c.next
	}
	done(c.lane, len(c.buf))
	c.free()
}

// laneDown makes everything that was last sent on a lane due again.
func (o *outbound) laneDown(lane uint16) {
	for c := o.head; c != nil; c = c.next {
		if c.lane == lane {
			c.lane = 0
			o.again++
		}
	}
	if o.lane == lane {
		o.lane = 0
	}
	if o.finLane == lane {
		o.finSent = false
	}
}

// clear frees everything.
func (o *outbound) clear(done func(lane uint16, buffer int)) {
	for o.head != nil {
		o.drop(o.head, done)
	}
}

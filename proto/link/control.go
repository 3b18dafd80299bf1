package link

import "encoding/binary"

// maxMessage is the most bytes of one control message.
const maxMessage = 64 << 10

// control is stream 0: messages with a length before each, in both directions, copied on two lanes.
type control struct {
	in      inbound
	kept    []byte // from acked to written
	acked   uint64
	written uint64
	sent    uint64
	credit  uint64
	window  bool // a WINDOW is due
}

// send takes one message and says whether there was room for it.
func (c *control) send(message []byte) bool {
	n := uint64(4 + len(message))
	if c.written+n > c.credit {
		return false
	}
	c.kept = append(binary.BigEndian.AppendUint32(c.kept, uint32(len(message))), message...)
	c.written += n
	return true
}

func (c *control) receive(e *end, f frame) *Error {
	switch f.kind {
	case typeData:
		before := c.in.next
		if err := c.in.receive(f.offset, f.data, false, nil); err != nil {
			return err
		}
		if c.in.next == before {
			return nil // a copy, or bytes beyond a gap
		}
		if n, ok := c.length(); ok && n > maxMessage {
			return violation("control message of %d bytes", n)
		}
		c.window = true
		e.message()
	case typeWindow:
		if f.ack > c.sent {
			return violation("acknowledgement of %d on the control stream, sent %d", f.ack, c.sent)
		}
		if f.ack > c.acked {
			c.kept = c.kept[f.ack-c.acked:]
			if c.acked = f.ack; len(c.kept) == 0 {
				c.kept = nil
			}
		}
		c.credit = max(c.credit, f.max)
		e.message()
	}
	return nil
}

// length returns the length of the next message, when its four bytes are there.
func (c *control) length() (int, bool) {
	var b [4]byte
	n, i := 0, 0
	for h := c.in.head; h != nil && n < 4; h = h.next {
		for i = h.read; i < h.n && n < 4; i++ {
			b[n] = h.bytes()[i]
			n++
		}
	}
	return int(binary.BigEndian.Uint32(b[:])), n == 4
}

// take returns the next whole message.
func (c *control) take() ([]byte, bool, *Error) {
	n, ok := c.length()
	if ok && n > maxMessage {
		return nil, false, violation("control message of %d bytes", n)
	}
	if !ok || c.in.next-c.in.read < uint64(4+n) {
		return nil, false, nil
	}
	var head [4]byte
	c.in.take(head[:])
	message := make([]byte, n)
	c.in.take(message)
	c.window = true
	return message, true, nil
}

func (c *control) putWindow(b []byte) []byte {
	c.window = false
	c.in.granted = max(c.in.granted, c.in.read+controlWindow)
	return appendWindow(b, 0, c.in.next, c.in.granted)
}

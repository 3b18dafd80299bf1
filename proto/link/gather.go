package link

import "time"

// ready says whether gather may have something for a lane.
func (e *end) ready(l *lane) bool { return e.readyAlone(l) || e.readyShared(l) }

// readyAlone says whether there is something that only this lane can do.
func (e *end) readyAlone(l *lane) bool {
	switch {
	case e.err != nil:
		return false
	case l.pingDue || l.pongDue || l.awayDue || l.drainDue || l.drained():
		return true
	case l.resting():
		return false
	}
	return l.resets.len() > 0 || l.control && l.position < e.control.written || len(l.copied) > 0 || l.own[Small].first() != nil || l.own[Bulk].first() != nil
}

// readyShared says whether there is something that this lane can do as well as another one.
func (e *end) readyShared(l *lane) bool {
	if e.err != nil || l.resting() {
		return false
	}
	if l.carries[0] && (e.resets.len() > 0 || e.finals.len() > 0 || e.urgent.len() > 0 || e.control.window) {
		return true
	}
	return l.carries[1] && e.shared[Small].first() != nil || l.carries[2] && e.shared[Bulk].first() != nil
}

// gather puts together the next record for a lane: whole frames, at most maxFrame bytes. The bytes are valid until the
// next call; a held chunk must be released after they were written.
func (e *end) gather(l *lane, now time.Duration) (record []byte, held *chunk) {
	if e.err != nil {
		return nil, nil
	}
	record, held = e.compose(l, now)
	e.sentBytes += uint64(len(record))
	return record, held
}

func (e *end) compose(l *lane, now time.Duration) (record []byte, held *chunk) {
	b := l.scratch[:0]
	if l.pingDue || l.nonce == 0 && l.said.len() > maxSaid {
		l.pingDue = false
		l.saidBefore = l.said.len()
		l.nonce = max(uint64(now), 1)
		b = appendPing(b, l.nonce, false)
	}
	if l.pongDue {
		l.pongDue = false
		b = appendPing(b, l.pong, true)
	}
	if l.awayDue {
		l.awayDue = false
		b = appendGoAway(b, e.goAway)
	}
	if l.drainDue {
		l.drainDue, l.drainSent = false, true
		b = appendDrain(b)
	}
	if l.resting() {
		l.scratch = b
		return b, nil
	}
	b = e.gatherCopies(l, e.gatherControl(l, b))
	b, held = e.gatherStreams(l, b, now)
	if held != nil {
		return held.buf[:dataHeader+held.n], held
	}
	if l.carries[0] && len(b) > 0 {
		for e.lazy.len() > 0 && len(b)+windowFrame <= maxFrame {
			if s := e.lazy.pop(); s.window == dueSoon {
				b = e.putWindow(l, b, s)
				e.settle(s)
			}
		}
	}
	l.scratch = b
	return b, nil
}

const resetFrame = headerSize + 3 + maxReason

// gatherControl appends RST, WINDOW and stream 0, in that order.
func (e *end) gatherControl(l *lane, b []byte) []byte {
	for l.resets.len() > 0 && len(b)+resetFrame <= maxFrame {
		b = e.putReset(l, b, l.resets.pop())
	}
	if l.carries[0] {
		for e.resets.len() > 0 && len(b)+resetFrame <= maxFrame {
			b = e.putReset(l, b, e.resets.pop())
		}
		for e.finals.len() > 0 && len(b)+windowFrame <= maxFrame {
			f := e.finals.pop()
			l.said.push(f)
			if f.ack == 0 {
				b = appendResetAck(b, f.stream)
			} else {
				b = appendWindow(b, f.stream, f.ack, f.ack)
			}
		}
		for e.urgent.len() > 0 && len(b)+windowFrame <= maxFrame {
			if s := e.urgent.pop(); s.window == dueNow && !s.resetting && !s.closed {
				b = e.putWindow(l, b, s)
				e.settle(s)
			}
		}
		if e.control.window && len(b)+windowFrame <= maxFrame {
			n := len(b)
			b = e.control.putWindow(b)
			e.copy(l, b[n:])
		}
	}
	c := &e.control
	for l.control && l.position < c.written && len(b)+dataHeader < maxFrame {
		l.position = max(l.position, c.acked)
		data := c.kept[l.position-c.acked:]
		data = data[:min(len(data), maxFrame-len(b)-dataHeader)]
		b = appendData(b, 0, l.position, false, data)
		l.position += uint64(len(data))
		c.sent = max(c.sent, l.position)
	}
	return b
}

// putReset appends RST unless the stream has closed or the frame waits for OPEN.
func (e *end) putReset(l *lane, b []byte, s *stream) []byte {
	if s.closed || !s.resetDue {
		return b
	}
	s.resetDue = false
	n := len(b)
	b = appendReset(b, s.id, s.rst.Code, s.rst.Reason)
	e.copyOf(s, l, b[n:])
	return b
}

// gatherStreams appends frames of the streams whose turn it is. A frame that would need more room than is left stays; a
// big one that fits no record but its own is held instead of copied.
func (e *end) gatherStreams(l *lane, b []byte, now time.Duration) ([]byte, *chunk) {
	for class := range e.shared {
		for {
			q := e.nextQueue(l, class)
			if q == nil {
				break
			}
			s := q.first()
			var held *chunk
			fits := true
			if s.due() {
				b, held, fits = e.putStream(l, b, s, Class(class), now)
			}
			if !fits {
				return b, nil
			}
			q.pop()
			e.enqueue(s, now)
			if held != nil {
				return b, held
			}
		}
	}
	return b, nil
}

// nextQueue returns a queue of the class that has something for the lane; the lane's own and the shared one take turns.
func (e *end) nextQueue(l *lane, class int) *queue {
	own, shared := &l.own[class], &e.shared[class]
	if !l.carries[1+class] {
		shared = own
	}
	if l.turn = !l.turn; l.turn {
		own, shared = shared, own
	}
	if own.first() != nil {
		return own
	}
	if shared.first() != nil {
		return shared
	}
	return nil
}

// putStream appends the next frame of a stream, or holds it.
func (e *end) putStream(l *lane, b []byte, s *stream, class Class, now time.Duration) (_ []byte, held *chunk, fits bool) {
	n := len(b)
	room := maxFrame - n
	if !s.confirmed && s.openLane == 0 {
		if headerSize+2+len(s.meta)+resetFrame > room {
			return b, nil, false
		}
		b = appendOpen(b, s.id, s.meta, nil)
		s.openLane, s.openTwin = l.id, e.copy(l, b[n:])
		if s.resetting {
			s.resetDue = true
			b = e.putReset(l, b, s)
		}
		return b, nil, true
	}
	c := s.out.pending()
	if c == nil {
		if dataHeader > room {
			return b, nil, false
		}
		s.out.finSent, s.out.finLane = true, l.id
		b = appendData(b, s.id, s.out.written, true, nil)
		e.copyOf(s, l, b[n:])
		return b, nil, true
	}
	alone := len(b) == 0 && c.n > largeBuffer/4
	if !alone && dataHeader+c.n > room {
		return b, nil, false
	}
	s.allow.spend(c.n, now)
	if frame := c.frame(s.id); !c.sent && class == Small && c.n <= maxCopy {
		e.copyData(s, l, c, frame)
	} else {
		s.out.twin = 0
	}
	s.out.sentOn(c, l.id)
	l.unacked++
	if alone {
		c.refs++
		held = c
	} else {
		b = append(b, c.frame(s.id)...)
	}
	if e.unretain {
		for h := s.out.head; h != nil && h.sent; h = s.out.head {
			s.out.drop(h, e.released)
		}
	}
	return b, held, true
}

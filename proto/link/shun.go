package link

import "time"

// shun passes a lane over that does not get on while others do: it takes no new frames, and what is interactive among
// those that it has goes again on others. The lane lives on, and what it has may still arrive.
func (e *end) shun(l *lane, now time.Duration) {
	if l.resting() || e.lanes[l.id] != l {
		return
	}
	l.shunned = true
	if e.assign(); !l.shunned {
		return // there is no other
	}
	for l.resets.len() > 0 {
		l.resets.pop()
	}
	for _, f := range l.said.items[l.said.start:] {
		if e.streams[f.stream] == nil {
			e.finals.push(f)
		}
	}
	e.control.window = true
	for _, s := range e.inOrder() {
		s.out.shun(l, e.turnsLeft(s))
		if !s.confirmed && s.openLane == l.id {
			s.openLane = 0
		}
		switch {
		case s.resetting:
			if !s.resetDue {
				s.resetDue = true
				e.queueReset(s)
			}
		case s.windowLane == l.id:
			e.windowDue(s, dueNow)
		}
	}
	e.requeue(l, now)
}

// turnsLeft says whether a stream may change its lane. One that has done so too often waits for a lane that is shunned.
func (e *end) turnsLeft(s *stream) bool { return !s.confirmed || s.out.turns < maxTurns }

// shun makes due again what was last sent on a lane, unless it is so much that it is bulk.
func (o *outbound) shun(l *lane, leave bool) {
	if o.lane == l.id {
		if !leave {
			return
		}
		o.lane = 0
	}
	var n int
	for c := o.head; c != nil; c = c.next {
		if c.lane == l.id {
			n += c.n
		}
	}
	if n <= allowanceCap {
		for c := o.head; c != nil; c = c.next {
			if c.lane == l.id {
				c.lane = 0
				o.again++
				l.unacked--
			}
		}
		if o.finLane == l.id {
			o.finSent = false
		}
	}
}

// trust ends the shunning of a lane.
func (e *end) trust(l *lane) {
	l.shunned = false
	e.assign()
}

package link

import "time"

const (
	maxWindow     = 4 << 20   // the most credit of one stream direction
	controlWindow = 256 << 10 // both directions of the control stream, never renegotiated
	slowRenewal   = 10 * time.Second
)

// due says how soon a WINDOW must be sent.
type due uint8

const (
	dueNever due = iota
	dueSoon      // with the next frames, or at the next tick
	dueNow
)

// credit renews what the peer may send after the program has read. Windows grow while half of one is read in about two
// round trips, out of what the link's budget has left, and shrink when it takes long. What is read counts, not what a
// WINDOW renews: on a long way one goes for the sake of its acknowledgement before half a window is used up.
func (e *end) credit(s *stream, now time.Duration) {
	in := &s.in
	if in.hasFinal || in.discard {
		return
	}
	used := in.read+in.window >= in.granted+in.window/2
	if in.read-s.metered >= in.window/2 {
		since := now - s.renewed
		s.renewed, s.metered = now, in.read
		switch grow := in.window; {
		case since < 2*max(e.rtt, 5*time.Millisecond) && grow <= e.growth && 2*in.window <= maxWindow:
			e.growth -= grow
			in.window *= 2
			used = true
		case since > slowRenewal && in.window > uint64(e.limits.initWindow) && used:
			in.window /= 2
			e.growth += in.window
		}
	}
	if used {
		e.windowDue(s, dueNow)
	}
}

// received decides how soon the peer must hear about what came: at the end and after half a window at once, otherwise
// together with something else, so that it need not retain the bytes for long.
func (e *end) received(s *stream) {
	switch in := &s.in; {
	case in.ack() == in.ackSent:
	case in.complete(), in.next-in.ackSent >= in.window/2:
		e.windowDue(s, dueNow)
	default:
		e.windowDue(s, dueSoon)
	}
}

func (e *end) windowDue(s *stream, d due) {
	if s.window >= d || s.resetting || s.closed {
		return
	}
	s.window = d
	if d == dueNow {
		e.urgent.push(s)
	} else {
		e.lazy.push(s)
	}
}

// putWindow appends the WINDOW of a stream and notes what the peer knows then.
func (e *end) putWindow(l *lane, b []byte, s *stream) []byte {
	in := &s.in
	s.window, s.windowLane = dueNever, l.id
	if !in.hasFinal && !in.discard {
		in.granted = max(in.granted, in.read+in.window)
	}
	if in.ackSent = in.ack(); in.complete() {
		l.said.push(final{s.id, in.ackSent})
	}
	n := len(b)
	b = appendWindow(b, s.id, in.ackSent, in.granted)
	e.copyOf(s, l, b[n:])
	return b
}

// tick makes acknowledgements that waited for company due now.
func (e *end) flushAcks() {
	for e.lazy.len() > 0 {
		if s := e.lazy.pop(); s.window == dueSoon {
			e.windowDue(s, dueNow)
		}
	}
}

package link

import (
	"time"

	"golang.org/x/sys/unix"
)

// How many bytes a socket takes before they are sent: what the lane delivers in unsentTime, so that a small frame that
// comes after them soon has its turn.
const (
	unsentTime  = 50 * time.Millisecond
	leastUnsent = 16 << 10
	mostUnsent  = 1 << 20
	// startUnsent is the limit until the rate is known: about unsentTime at 20 Mbit/s.
	startUnsent = 128 << 10
)

// unsentLimit is the limit that follows from what a lane delivered, when it was busy for at least half of a time, and
// whether that is worth a change.
func unsentLimit(limit int, t TCP, busy, passed time.Duration) (int, bool) {
	if busy < passed/2 || t.DeliveryRate == 0 {
		return limit, false
	}
	next := int(min(max(t.DeliveryRate/8*uint64(unsentTime/time.Millisecond)/1000, leastUnsent), mostUnsent))
	if next > limit/2*3 || next < limit/3*2 || next != limit && (next == leastUnsent || next == mostUnsent) {
		return next, true
	}
	return limit, false
}

// limitUnsent adapts the lane's limit to a look at it.
func (n *Lane) limitUnsent(t TCP, passed time.Duration) {
	limit, changed := unsentLimit(n.unsent, t, t.Sending-n.seen.Sending, passed)
	if !changed {
		return
	}
	n.unsent = limit
	if raw := rawConn(n.conn); raw != nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, limit) // a refusal only costs delay
		})
	}
}

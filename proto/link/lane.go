package link

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// maxSaid is how many last words a lane collects before it asks for a PONG out of turn.
const maxSaid = 4096

// lane is what an end knows of one lane.
type lane struct {
	id       uint16
	class    Class
	own      [2]queue      // streams that may use this lane only, by class
	resets   fifo[*stream] // likewise: RST behind an OPEN that the peer may not have seen
	carries  [3]bool       // control frames, interactive data, bulk data
	scratch  []byte        // the record that is being put together
	heard    time.Duration // when the last frame came
	pinged   time.Duration // when the last PING was due
	pingDue  bool          // ours
	pongDue  bool          // an answer; only the newest PING is answered
	nonce    uint64        // of our PING that is on its way, or 0
	pong     uint64
	awayDue  bool         // GOAWAY
	unacked  int          // retained chunks that were last sent here
	control  bool         // carries stream 0
	twin     *lane        // that carries copies of small frames from here; nil: there is no other
	copied   []byte       // copies of small frames of other lanes
	position uint64       // of stream 0: what was sent here ends here
	turn     bool         // own and shared queues take turns
	full     atomic.Int64 // until when the lane counts as full, since the link began; set by whoever drives the lane

	// What was said here about streams that may be forgotten now, until a PONG proves that the peer has it. It goes again
	// when the lane dies: the peer, which may have given the lane up before, has no other sign to ask again.
	said       fifo[final]
	saidBefore int // of these, how many our last PING followed

	shunned       bool // passed over while it does not get on
	drainDue      bool
	drainSent     bool
	drainReceived bool
}

// fullTime is for how long a lane counts as full after a write that had to wait. A socket that takes no more waits until
// half of what it has is sent, and takes several writes at once then: these do not show that there is room.
const fullTime = 2 * unsentTime

// waited notes that a write had to wait.
func (l *lane) waited(now time.Duration) { l.full.Store(int64(now + fullTime)) }

func (l *lane) isFull(now time.Duration) bool { return now < time.Duration(l.full.Load()) }

// drained says that nothing more will come or go here.
func (l *lane) drained() bool { return l.drainSent && l.drainReceived && l.unacked == 0 }

func (l *lane) leaving() bool { return l.drainDue || l.drainSent }

// resting says that the lane takes no new frames.
func (l *lane) resting() bool { return l.leaving() || l.shunned }

// laneUp adds a lane.
func (e *end) laneUp(id uint16, class Class, now time.Duration) *lane {
	l := &lane{id: id, class: class, heard: now, pinged: now, pingDue: true, awayDue: e.goAway != 0}
	e.lanes[id] = l
	e.assign()
	return l
}

// assign says which lane carries what: the small lanes everything but bulk data, the bulk lanes bulk data, and either
// class everything when the other has no lane. Stream 0 goes out on two lanes, small ones first. A lane that starts to
// carry it begins with the oldest unacknowledged byte.
func (e *end) assign() {
	count := e.working()
	if count[Small]+count[Bulk] == 0 {
		for _, l := range e.lanes {
			l.shunned = false // better than nothing
		}
		count = e.working()
	}
	bulkLane := false
	for _, l := range e.lanes {
		bulkLane = bulkLane || l.class == Bulk && !l.leaving()
	}
	for _, l := range e.lanes {
		small := !l.resting() && (l.class == Small || count[Small] == 0)
		// Bulk waits for shunned lanes of its own: what made them stick, it would take along.
		bulk := !l.resting() && (l.class == Bulk || !bulkLane)
		l.carries = [3]bool{small, small, bulk}
	}
	order := make([]*lane, 0, len(e.lanes))
	for _, l := range e.lanes {
		if !l.resting() {
			order = append(order, l)
		}
	}
	slices.SortFunc(order, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.id, b.id))
	})
	for _, l := range e.lanes {
		at := slices.Index(order, l)
		control := at == 0 || at == 1
		if control && !l.control {
			l.position = e.control.acked
		}
		l.control, l.twin = control, twin(order, at, count[Small])
	}
}

// twin is the lane for second copies of what goes out on the one at a place of the order. Small lanes take the next one
// of their ring: the fewer frames wait for one another on a lane, the fewer wait for a lost packet. It is nil when there
// is no other.
func twin(order []*lane, at, small int) *lane {
	switch {
	case at >= 0 && at < small && small > 1:
		return order[(at+1)%small]
	case len(order) > 1 && at == 0:
		return order[1]
	case len(order) > 0 && at != 0:
		return order[0]
	}
	return nil
}

// working counts the lanes that take new frames, by class.
func (e *end) working() (count [2]int) {
	for _, l := range e.lanes {
		if !l.resting() {
			count[l.class]++
		}
	}
	return count
}

// laneDown takes a dead lane away: what was last sent there, every live WINDOW, every RST and FIN without its answer
// go again on the others.
func (e *end) laneDown(l *lane, now time.Duration) {
	if e.lanes[l.id] != l {
		return
	}
	delete(e.lanes, l.id)
	e.assign()
	for l.resets.len() > 0 {
		l.resets.pop()
	}
	for l.said.len() > 0 {
		if f := l.said.pop(); e.streams[f.stream] == nil {
			e.finals.push(f)
		}
	}
	l.saidBefore = 0
	e.control.window = true
	for _, s := range e.inOrder() {
		s.out.laneDown(l.id)
		if !s.confirmed && s.openLane == l.id {
			s.openLane = 0
		}
		switch {
		case s.resetting:
			if !s.resetDue {
				s.resetDue = true
				e.queueReset(s)
			}
		case s.confirmed && (!e.dials || s.in.ackSent > 0 || s.in.highest > 0):
			e.windowDue(s, dueNow)
		}
	}
	e.requeue(l, now)
}

// requeue spreads the streams that waited for one lane.
func (e *end) requeue(l *lane, now time.Duration) {
	for class := range l.own {
		for l.own[class].first() != nil {
			l.own[class].pop()
		}
	}
	for _, s := range e.inOrder() {
		e.enqueue(s, now)
	}
}

// drain stops new frames on a lane. It is taken down when both ends have said so and all is acknowledged.
func (e *end) drain(l *lane, now time.Duration) {
	if l.leaving() {
		return
	}
	l.drainDue, l.copied = true, nil
	e.assign()
	for l.resets.len() > 0 {
		l.resets.pop()
	}
	for _, s := range e.inOrder() {
		if s.out.lane == l.id {
			s.out.lane = 0
		}
		if !s.confirmed && s.openLane == l.id {
			s.openLane = 0 // OPEN goes again, so that what follows it may use another lane
			s.resetDue = s.resetting
		}
	}
	e.requeue(l, now)
}

// leaveLink says GOAWAY on every lane.
func (e *end) leaveLink(code Code) {
	if e.goAway != 0 {
		return
	}
	e.goAway = code
	for _, l := range e.lanes {
		l.awayDue = true
	}
}

func (l *lane) receivePing(e *end, f frame, now time.Duration) {
	if !f.flag {
		l.pong, l.pongDue = f.nonce, true
		return
	}
	if l.nonce == 0 || f.nonce != l.nonce {
		return
	}
	rtt := now - time.Duration(l.nonce)
	for l.nonce = 0; l.saidBefore > 0; l.saidBefore-- {
		l.said.pop()
	}
	if rtt < e.rtt {
		e.rtt = rtt
	} else {
		e.rtt += (rtt - e.rtt) / 8
	}
}

// tick notes the passing of time, which is to be told at least once a second. It returns the lanes that have been
// silent for too long; the caller takes them down.
func (e *end) tick(now time.Duration) (dead []*lane) {
	for _, l := range e.lanes {
		if now-l.heard >= silence {
			dead = append(dead, l)
		}
		if now-l.pinged >= pingEvery {
			l.pinged, l.pingDue = now, true
		}
	}
	for n := e.lingering.len(); n > 0; n-- {
		switch s := e.lingering.pop(); {
		case s.closed || s.err != nil:
		case s.linger <= now:
			e.reset(s, CodeTimeout, "")
		default:
			e.lingering.push(s)
		}
	}
	return dead
}

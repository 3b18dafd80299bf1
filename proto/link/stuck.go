package link

import "time"

// A lane that does not get on while others do is passed over after shunAfter and given up after stuckAfter; on a way with
// a long round trip after that many of those. Of a link one lane in stuckPause is given up, so that a bad way does not
// keep it busy with new ones.
const (
	shunAfter  = 500 * time.Millisecond
	shunTrips  = 4
	stuckAfter = 4 * time.Second
	stuckTrips = 20
	stuckPause = 10 * time.Second
	// The retransmission timer has run out and doubled so often.
	shunBackoff  = 1
	stuckBackoff = 3
)

// advance is how a lane gets on.
type advance struct {
	acked  uint64
	moved  time.Duration // when the peer's kernel acknowledged something
	behind time.Duration // for how long others got on since then and this one did not
}

// note takes a look at the lane, and says whether it got on or had nothing to do.
func (a *advance) note(t TCP, now time.Duration) bool {
	if t.AckedBytes != a.acked {
		a.acked, a.moved = t.AckedBytes, now
	} else if t.Unacked > 0 {
		return false
	}
	a.behind = 0
	return true
}

// recently says whether the lane got on within about the time of an answer.
func (a *advance) recently(t TCP, now, passed time.Duration) bool {
	return a.moved > 0 && now-a.moved <= max(passed, 2*t.RTT)
}

// compare finds the lanes that do not get on while others do. Those that are to be given up are returned; doubt says that
// the next look should be soon. The caller holds mu.
func (l *Link) compare(looks []look, now, passed time.Duration) (stuck []look, doubt bool) {
	var waiting []look
	for _, k := range looks {
		if !k.lane.advance.note(k.TCP, now) {
			waiting = append(waiting, k)
		} else if k.lane.state.shunned {
			l.end.trust(k.lane.state)
		}
	}
	for _, k := range waiting {
		if k.Backoff == 0 {
			continue
		}
		doubt = true
		others := false
		for _, o := range looks {
			if o.lane != k.lane && !o.lane.state.resting() {
				others = others || o.lane.advance.recently(o.TCP, now, passed)
				o.lane.state.ask()
			}
		}
		if !others {
			continue // the way may be down, and then a new lane would get on no better
		}
		k.lane.advance.behind += passed
		behind := k.lane.advance.behind
		if behind >= max(shunAfter, shunTrips*k.RTT) && k.Backoff >= shunBackoff {
			l.end.shun(k.lane.state, now)
		}
		if behind >= max(stuckAfter, stuckTrips*k.RTT) && k.Backoff >= stuckBackoff && (l.gaveUp == 0 || now-l.gaveUp >= stuckPause) {
			l.gaveUp = now
			stuck = append(stuck, k)
		}
	}
	return stuck, doubt
}

// ask sends a PING unless one is under way: a lane that has nothing to do proves by its answer that it gets on.
func (l *lane) ask() {
	l.pingDue = l.pingDue || l.nonce == 0
}

package link

import (
	"math"
	"time"
)

// When small frames go out twice: from lossyShare of segments sent again on, until calmShare was not reached for
// calmTime. Fewer than leastLost may be chance.
const (
	lossyShare = 0.01
	calmShare  = 0.003
	calmTime   = 30 * time.Second
	leastLost  = 3
)

// Of what TCP sent, older segments count less, by half each lossSpan; but no fewer than enoughSegments count, so that a
// link with little to send is judged too.
const (
	lossSpan       = 5 * time.Second
	enoughSegments = 100
)

// losses judges, by what TCP sent again, whether the way to the peer loses packets.
type losses struct {
	segments, lost float64 // of late
	calm           time.Duration
	lossy          bool
}

// step tells what was sent during a time, and how much of it again, and returns whether the way loses packets.
func (s *losses) step(segments, lost float64, passed time.Duration) bool {
	keep := max(0, 1-passed.Seconds()/lossSpan.Seconds()/2)
	if s.segments > 0 {
		keep = min(1, max(keep, enoughSegments/s.segments))
	}
	s.segments, s.lost = s.segments*keep+segments, max(0, s.lost*keep+lost)
	switch {
	case s.lost >= leastLost && s.lost >= lossyShare*s.segments:
		s.lossy, s.calm = true, 0
	case s.lost >= calmShare*s.segments && s.lost > 0:
		s.calm = 0
	case s.lossy:
		if s.calm += passed; s.calm >= calmTime {
			s.lossy = false
		}
	}
	return s.lossy
}

// look is what the kernel says of a lane now.
type look struct {
	lane *Lane
	TCP
	bbr
}

// lookAtLanes asks the kernel about every lane of which it can tell.
func (l *Link) lookAtLanes() []look {
	l.mu.Lock()
	looks := make([]look, 0, len(l.lanes))
	for _, lane := range l.lanes {
		looks = append(looks, look{lane: lane})
	}
	l.mu.Unlock()
	known := looks[:0]
	for _, k := range looks {
		var ok bool
		if k.TCP, ok = k.lane.TCP(); ok {
			if k.lane.Class() == Bulk {
				k.bbr = k.lane.bbr()
			}
			known = append(known, k)
		}
	}
	return known
}

// judge draws the conclusions of a look at the lanes, the last one of which is some time ago. It returns what compare does,
// and the lanes that are to start anew. The caller holds mu.
func (l *Link) judge(looks []look, now, passed time.Duration) (stuck []look, doubt bool, slow []*Lane) {
	var segments, lost float64
	l.fastest *= math.Exp2(-passed.Seconds() / lately.Seconds())
	for _, k := range looks {
		if !k.starting {
			l.fastest = max(l.fastest, float64(k.rate))
		}
	}
	for _, k := range looks {
		seen := &k.lane.seen
		if k.lane.vigour.note(k, l.fastest, l.end.copying, now, passed) {
			slow = append(slow, k.lane)
		}
		segments += float64(k.Segments - seen.Segments)
		lost += float64(k.Retransmitted-seen.Retransmitted) - float64(k.Needless-seen.Needless)
		*seen = k.TCP
	}
	l.end.copying = l.losses.step(segments, lost, passed)
	stuck, doubt = l.compare(looks, now, passed)
	return stuck, doubt, slow
}

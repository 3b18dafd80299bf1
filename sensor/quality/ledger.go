package quality

import "time"

const (
	// underway is of how many packets the fate is awaited: those of 25 s.
	underway = 512
	// leastPatience is when a packet is given up, unless the way is very long.
	leastPatience = 2 * time.Second
	mostPatience  = 10 * time.Second
	// silence is how long packets that were given up wait for an answer to a
	// later one, which tells on which way they were lost.
	silence = time.Second
	// closedAfter is when a way without any answer is taken for closed, as by a
	// firewall, and not for one that loses everything: the lanes would be dead.
	closedAfter = time.Minute
	// mostSurplus bounds what reordered packets may leave to be accounted for.
	mostSurplus = 8
)

// ledger knows what became of each packet of a session. Packets are settled in
// the order in which they were sent, so that at no time those that are lost are
// missing beside those that were answered sooner.
//
// The reflector numbers its answers. When it answered as many packets between
// two that came back as were sent between them, all that are missing were lost
// on the way back; what it did not number was lost on the way there.
type ledger struct {
	// counts says that the reflector numbers its answers. Somebody else's may
	// only repeat our numbers; then the ways cannot be told apart.
	counts bool

	ring        [underway]packet
	first, next uint32 // the numbers of packets that are not settled: [first, next)

	// Of the last answer that was settled.
	anchored            bool
	sequence, reflected uint32

	given   uint32    // packets given up behind that answer
	givenAt time.Time // when the first of them was
	blurred bool      // some of them were booked before an answer came
	surplus int64     // answers of the reflector that no packet accounts for yet

	heard    time.Time     // when the last answer came; zero: none has
	void     time.Time     // what was booked as lost since then is not: the way was closed; zero: nothing
	begun    time.Time     // when the first packet was sent
	opened   uint32        // the packet whose answer ended the last time in which the way was closed
	smoothed time.Duration // round trip
	longest  time.Duration // that somebody else knows of
	last     time.Duration // round trip; zero: none yet
}

type packet struct {
	at        time.Time
	answered  bool
	reflected uint32
}

// newLedger begins a session. One of our own reflector begins to count with it.
func newLedger(own bool) *ledger {
	l := &ledger{counts: own}
	if own {
		l.anchored, l.sequence, l.reflected = true, ^uint32(0), ^uint32(0)
	}
	return l
}

// send notes the next packet.
func (l *ledger) send(sequence uint32, now time.Time, to *moment) {
	if sequence-l.first >= underway {
		l.settle(now, sequence-l.first-underway+1, to)
	}
	if l.begun.IsZero() {
		l.begun = now
	}
	l.ring[sequence%underway] = packet{at: now}
	l.next = sequence + 1
}

// answer notes an answer.
func (l *ledger) answer(sequence, reflected uint32, roundTrip time.Duration, now time.Time, to *moment) {
	if l.closed(now) {
		l.opened, l.void = sequence, l.heard
	}
	l.heard = now
	if l.smoothed == 0 {
		l.smoothed = roundTrip
	}
	l.smoothed += (roundTrip - l.smoothed) / 8
	if sequence-l.first >= l.next-l.first {
		return // given up; but now we know how long the way is
	}
	p := &l.ring[sequence%underway]
	p.answered, p.reflected = true, reflected
	to.roundTrips = append(to.roundTrips, class(roundTrip))
	if l.last > 0 {
		to.jitter += (roundTrip - l.last).Abs()
		to.jitters++
	}
	l.last = roundTrip
	l.settle(now, 0, to)
}

// patience is how long an answer is waited for.
func (l *ledger) patience() time.Duration {
	return min(max(leastPatience, 4*max(l.smoothed, l.longest)), mostPatience)
}

// settle books the oldest packets as far as their fate is known, and the first
// few in any case.
func (l *ledger) settle(now time.Time, forced uint32, to *moment) {
	for patience := l.patience(); l.first != l.next; l.first++ {
		p := &l.ring[l.first%underway]
		if p.answered {
			l.anchor(l.first, p.reflected, to)
			to.sent++
		} else {
			if forced == 0 && now.Sub(p.at) < patience {
				break
			}
			l.give(now)
		}
		forced -= min(forced, 1)
	}
	if int32(l.first-l.opened) > 0 {
		l.opened = l.first // numbers come round
	}
	if l.given > 0 && now.Sub(l.givenAt) >= silence {
		l.book(to)
		l.blurred = true
	}
	if l.closed(now) {
		l.void = l.heard
	}
}

// closed reports whether the way is closed.
func (l *ledger) closed(now time.Time) bool {
	if l.heard.IsZero() {
		return now.Sub(l.begun) >= l.patience()
	}
	return now.Sub(l.heard) >= closedAfter
}

// give gives up the oldest packet. It does not count if the way was closed.
func (l *ledger) give(now time.Time) {
	if l.closed(now) || int32(l.first-l.opened) < 0 {
		l.blurred = true
		return
	}
	if l.given == 0 {
		l.givenAt = now
	}
	l.given++
}

// book counts the packets that were given up as lost.
func (l *ledger) book(to *moment) (n uint32) {
	n, l.given = l.given, 0
	to.sent += n
	to.lost += n
	return n
}

// anchor books what was given up before an answer, by way where that is known.
func (l *ledger) anchor(sequence, reflected uint32, to *moment) {
	sent := int64(int32(sequence-l.sequence)) - 1
	numbered := int64(int32(reflected-l.reflected)) - 1
	first, blurred := !l.anchored, l.blurred
	l.anchored, l.blurred, l.sequence, l.reflected = true, false, sequence, reflected
	lost := int64(l.book(to))
	switch {
	case first, blurred, numbered < -underway, numbered > sent+underway:
		l.surplus = 0 // nothing to compare with, or the reflector began anew
		return
	case !l.counts && numbered == sent:
		return
	}
	l.counts = true
	l.surplus += numbered
	back := min(max(l.surplus, 0), lost)
	l.surplus = min(max(l.surplus-back, -mostSurplus), mostSurplus)
	to.lostFrom += uint32(back)
	to.lostTo += uint32(lost - back)
}

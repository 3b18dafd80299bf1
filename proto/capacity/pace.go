package capacity

import (
	"sort"
	"time"
)

const (
	startRate   = 1_000_000 / 8         // bytes a second
	startWindow = 2                     // segments
	lookEvery   = 2 * time.Millisecond  // what was written since a look counts as under way
	rateTime    = 2 * reportEvery       // over which what arrives is a rate, in the ramp-up; longer afterwards
	rampUp      = 1.5                   // of what the channel is known to hold
	leastSpare  = 5 * time.Millisecond  // of waiting packets, which says nothing on a short way
	noise       = 10 * time.Millisecond // of round trips, beyond spare: a machine does other things, too
	again       = 1.25                  // of what ended the ramp-up: it was something else, and goes on
	full        = 3                     // round trips without a tenth more, after which the ramp-up ends
	pacing      = 1.25                  // of the rate that the window allows for
	smooth      = 16                    // segments by which TCP's round trip, a mean of some eight answers, lags behind
	crowded     = 0.2                   // of the packets lost: more than any way that is supported loses
	lossSample  = 256                   // segments of which that is said
	backlogTime = 100 * time.Millisecond
	marksAtOnce = 512
	markEvery   = 4 << 10 // bytes
	assumed     = 1448    // bytes of a segment, until one is known
)

// pace decides how fast to send, by a window on what the whole link has under way, agents' bytes included:
//
//   - base is the least round trip of this test. What waited before the test is not of its making; it adds to no queue by
//     more than any other.
//   - top is the most that arrived in a second, of all that the link carries, over a round trip or more.
//   - The test writes while less is under way than top brings in base and a little: what the channel holds, and a queue of
//     spare. Agents who fill the channel leave no room.
//   - Beside agents who have sent more than the test, base is no more than TCP's least of the last minutes: a queue is theirs.
//   - In the ramp-up it is half as much again, from two packets on, until nothing more arrives or packets wait for spare.
//   - When packets wait for longer than spare and noise, somebody else sends more, or the channel has become slower: top is what arrives
//     now. The same goes when a fifth of the packets is lost.
//
// So the test's own queue is bounded by the window, and not by how soon it shows in what TCP says of round trips.
type pace struct {
	most float64 // bytes a second
	look Look

	tokens float64
	filled time.Time

	ramping  bool
	top      float64       // bytes a second
	grew     time.Time     // when top grew by a tenth last
	grown    float64       // what it was then
	ended    float64       // what it was when the ramp-up ended, or top was lowered
	base     time.Duration // 0: not known
	cut      time.Time     // when top was lowered last
	arrivals []sighting    // the oldest first
	way      Way           // of the last look
	agents   bool          // have sent more than the test
	sees     bool          // it says what arrives, and reports do otherwise
	looked   time.Time
	before   uint64  // bytes written until the last look
	lost     float64 // part of the packets
	counted  Way     // when that was known
	crowd    crowd

	reported uint64        // bytes
	reaches  float64       // bytes a second, of the test alone
	news     time.Time     // of the last report
	least    time.Duration // from writing a byte to its report; 0: none came
	marks    []mark        // what was written when, the oldest first
}

// mark is when the bytes up to an offset were written.
type mark struct {
	offset uint64
	at     time.Time
}

// sighting is how many bytes had arrived at a time.
type sighting struct {
	bytes uint64
	at    time.Time
}

func newPace(rate uint64, look Look, now time.Time) pace {
	return pace{most: float64(rate) / 8, look: look, ramping: true, filled: now, news: now, grew: now, way: Way{Segment: assumed}}
}

// next says how many bytes may be written now, whole frames, or how long to wait before it is worth asking again.
func (p *pace) next(now time.Time, written uint64) (n, frame int, wait time.Duration) {
	p.judge(now, written)
	window := p.window()
	rate := min(startRate, p.most)
	if p.top > 0 {
		rate = min(pacing*float64(window)/(p.base+p.spare()).Seconds(), p.most)
	}
	frame = min(frameSize(rate/2), maxFrame)
	p.tokens = min(max(rate*maxBurst.Seconds(), float64(frame)), p.tokens+rate*now.Sub(p.filled).Seconds())
	p.filled = now
	own := written - p.reported
	under := own
	if p.sees {
		under = p.way.Under + written - p.before
	}
	// Where lost packets hold up reports, and where agents hold up the test in the link, its own bytes have a bound, too.
	room := min(float64(window)-float64(under), max(16<<10, 4*p.reaches*(p.least+backlogTime).Seconds())-float64(own))
	patience := max(p.least, backlogTime)
	if !p.sees {
		patience = max(p.least, reportEvery)
	}
	if room < float64(frame) && now.Sub(p.news) > patience {
		// The receiver reports when something comes: one frame asks it for what it has.
		p.news, room = now, float64(frame)
	}
	if room < float64(frame) {
		return 0, frame, lookEvery
	}
	if n = int(min(p.tokens, room, maxWrite)) / frame * frame; n > 0 {
		p.tokens -= float64(n)
		return n, frame, 0
	}
	wait = time.Duration((max(float64(frame), rate*lump.Seconds()) - p.tokens) / rate * float64(time.Second))
	return 0, frame, min(max(wait, 500*time.Microsecond), 5*lookEvery)
}

// window bounds what is under way.
func (p *pace) window() uint64 {
	base := p.base
	if p.agents && p.way.Least > 0 {
		base = min(base, p.way.Least)
	}
	holds := base + p.spare()
	if p.ramping {
		holds = max(base+2*p.spare(), time.Duration(rampUp*float64(base)))
	}
	// A lost packet counts as under way for a round trip more.
	return max(uint64(startWindow*p.way.Segment), uint64((1+p.lost)*p.top*holds.Seconds()))
}

// spare is for how long packets may wait because of the test.
func (p *pace) spare() time.Duration {
	return max(p.base/8, leastSpare)
}

// sent notes what was written by now.
func (p *pace) sent(now time.Time, written uint64) {
	if k := len(p.marks); k == 0 || k < marksAtOnce && written >= p.marks[k-1].offset+markEvery {
		p.marks = append(p.marks, mark{written, now})
	}
}

// heard takes the newest report.
func (p *pace) heard(now time.Time, all series) {
	last := all.last()
	p.reported, p.news = last.bytes, now
	for len(p.marks) > 0 && p.marks[0].offset <= last.bytes {
		if took := now.Sub(p.marks[0].at); p.least == 0 || took < p.least {
			p.least = took
		}
		p.marks = p.marks[1:]
	}
	if !p.sees {
		p.base = p.least + reportEvery // which is how old a report may be
	} else if p.base == 0 || p.least < p.base {
		p.base = max(p.least, time.Millisecond)
	}
	p.reaches = all.rateOver(max(4*p.base, 5*reportEvery))
	if !p.sees {
		p.arrive(now, last.bytes)
	}
}

// judge looks at the way, and changes what is known of the channel.
func (p *pace) judge(now time.Time, written uint64) {
	if p.look == nil || now.Sub(p.looked) < lookEvery {
		return
	}
	p.looked = now
	way, ok := p.look()
	if way.Arrived == 0 {
		return
	}
	p.way, p.before, p.sees = way, written, true
	if p.way.Segment == 0 {
		p.way.Segment = assumed
	}
	if ok && (p.base == 0 || way.Now < p.base) {
		p.base = max(way.Now, time.Millisecond)
	}
	p.agents = way.Arrived > 2*written
	p.arrive(now, way.Arrived)
	if p.top == 0 {
		return
	}
	// One segment or two wait on any line, for as long as a slow one needs for them.
	waits := way.Now - p.base - p.time(startWindow)
	if ok {
		p.crowd.see(way, p.time(startWindow))
	}
	switch {
	case p.loses() && p.lost > crowded:
		p.crowd.lost = true
		p.lower(now, 0.8*p.top)
	case ok && p.ramping && waits > p.spare():
		p.lower(now, p.top)
	case ok && waits > p.spare()+noise && now.Sub(p.cut) > 2*p.base+p.time(smooth):
		p.lower(now, max(0.97*p.rate(), 0.7*p.top))
	case p.ramping && now.Sub(p.grew) > full*max(p.base, rateTime):
		p.lower(now, p.top)
	}
}

// lower ends the ramp-up, and takes a rate for top.
func (p *pace) lower(now time.Time, top float64) {
	p.ramping, p.cut = false, now
	p.top = max(min(p.top, top), MinRate/8)
	p.grown, p.ended = p.top, p.top
}

// loses looks at which part of the packets is lost, and says whether it has: once every so many segments.
func (p *pace) loses() bool {
	sent := p.way.Sent - p.counted.Sent
	if p.counted.Sent > 0 && sent < lossSample {
		return false
	}
	if p.counted.Sent > 0 {
		p.lost = float64(p.way.Again-p.counted.Again) / float64(sent)
	}
	p.counted = p.way
	return true
}

// arrive takes what has arrived by now.
func (p *pace) arrive(now time.Time, bytes uint64) {
	p.arrivals = append(p.arrivals, sighting{bytes, now})
	for len(p.arrivals) > 2 && now.Sub(p.arrivals[1].at) >= max(2*p.base, 5*rateTime) {
		p.arrivals = p.arrivals[1:]
	}
	if p.base == 0 {
		return // nothing has arrived of the test
	}
	if p.top = max(p.top, p.rate()); p.top > 1.1*p.grown {
		p.grew, p.grown = now, p.top
	}
	p.ramping = p.ramping || p.top > again*p.ended
}

// over is for how long what arrives is looked at.
func (p *pace) over() time.Duration {
	if p.ramping {
		return max(p.base, rateTime)
	}
	return max(2*p.base, 5*rateTime)
}

// rate is at which bytes arrive now.
func (p *pace) rate() float64 {
	last := p.arrivals[len(p.arrivals)-1]
	k := sort.Search(len(p.arrivals), func(k int) bool { return last.at.Sub(p.arrivals[k].at) < p.over() })
	first := p.arrivals[max(k-1, 0)]
	return float64(last.bytes-first.bytes) / max(last.at.Sub(first.at), p.over()).Seconds()
}

// time is how long the channel takes for segments.
func (p *pace) time(segments int) time.Duration {
	return time.Duration(float64(segments*p.way.Segment) / p.top * float64(time.Second))
}

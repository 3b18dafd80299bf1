package quality

import (
	"time"

	"vedette/internal/acts"
)

// moment is what was measured within about a second.
type moment struct {
	took  time.Duration // zero: nothing was measured yet
	ended time.Time

	sent, lost       uint32
	lostTo, lostFrom uint32
	roundTrips       []uint16 // by class
	jitter           time.Duration
	jitters          uint32

	segments, retransmitted uint64
	delivery                uint64 // bit/s, the greatest of lanes that sent
	ingress                 uint64 // bytes
	held                    time.Duration
	span                    uint64 // bytes
	spanned                 bool   // some SPAN interface counts
}

// reset empties a moment and keeps its room for round trips.
func (m *moment) reset() { *m = moment{roundTrips: m.roundTrips[:0]} }

// tally keeps the moments of the longest window, and the one under way.
type tally struct {
	ring  []moment
	at    int // the one under way
	begun time.Time
	trips histogram // scratch
}

// newTally makes room for a moment more than the longest window has seconds.
func newTally() *tally { return &tally{ring: make([]moment, int(longest/second)+1)} }

func (t *tally) begin(now time.Time) { t.begun = now }

// open is the moment under way.
func (t *tally) open() *moment { return &t.ring[t.at] }

// close ends the moment under way and begins another.
func (t *tally) close(now time.Time) {
	t.open().took, t.open().ended = max(now.Sub(t.begun), 1), now
	t.begun = now
	t.at = (t.at + 1) % len(t.ring)
	t.open().reset()
}

// forget takes back what was booked as lost since a time.
func (t *tally) forget(since time.Time) {
	for i := range t.ring {
		if m := &t.ring[i]; m.took > 0 && m.ended.After(since) {
			m.sent -= m.lost
			m.lost, m.lostTo, m.lostFrom = 0, 0, 0
		}
	}
}

// undirected is how many packets were booked as lost since a time, no answer
// telling which way.
func (t *tally) undirected(since time.Time) (n uint64) {
	for i := range t.ring {
		if m := &t.ring[i]; m.took > 0 && m.ended.After(since) {
			n += uint64(m.lost - m.lostTo - m.lostFrom)
		}
	}
	return n
}

// summary is what was measured over a window.
type summary struct {
	acts.Figures
	took    time.Duration // what was measured at all
	answers int
	spanned bool
}

// sum is what was measured over the newest moments that fill a window, or all
// there are.
func (t *tally) sum(window time.Duration) summary {
	var s summary
	var jitter time.Duration
	var jitters, ingress, span uint64
	var spanTook time.Duration
	t.trips.reset()
	for i := 1; i < len(t.ring); i++ {
		m := &t.ring[(t.at-i+len(t.ring))%len(t.ring)]
		// Half a moment too much is nearer than half of one too little.
		if m.took == 0 || s.took > 0 && s.took+m.took/2 > window {
			break
		}
		s.DeliveryRate = max(s.DeliveryRate, m.delivery)
		s.took += m.took
		s.Sent += uint64(m.sent)
		s.Lost += uint64(m.lost)
		s.LostTo += uint64(m.lostTo)
		s.LostFrom += uint64(m.lostFrom)
		for _, n := range m.roundTrips {
			t.trips.add(n)
		}
		jitter += m.jitter
		jitters += uint64(m.jitters)
		s.Segments += m.segments
		s.Retransmitted += m.retransmitted
		ingress += m.ingress
		s.Held += m.held
		if m.spanned {
			span += m.span
			spanTook += m.took
		}
	}
	s.answers, s.spanned = t.trips.all, spanTook > 0
	trips := t.trips.quantiles(0.50, 0.95, 0.99)
	s.RoundTripP50, s.RoundTripP95, s.RoundTripP99 = trips[0], trips[1], trips[2]
	if jitters > 0 {
		s.Jitter = jitter / time.Duration(jitters)
	}
	s.IngressRate, s.SpanRate = rate(ingress, s.took), rate(span, spanTook)
	return s
}

// median is the middle of the round trips of all moments whose middle lies
// within a time.
func (t *tally) median(from, to time.Time) time.Duration {
	t.trips.reset()
	for i := range t.ring {
		m := &t.ring[i]
		if m.took == 0 || !m.ended.After(from) || m.ended.Add(-m.took/2).After(to) {
			continue
		}
		for _, n := range m.roundTrips {
			t.trips.add(n)
		}
	}
	return t.trips.quantiles(0.5)[0]
}

// rate is in bit/s.
func rate(bytes uint64, over time.Duration) uint64 {
	if over <= 0 {
		return 0
	}
	return uint64(8 * float64(bytes) / over.Seconds())
}

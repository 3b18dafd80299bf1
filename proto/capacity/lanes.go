package capacity

import "vedette/proto/link"

// fresh is after how many segments a lane's round trip, the mean of some eight answers to two each, is none of before the
// test: a queue of 100 ms that somebody made then has left 5 ms of itself.
const fresh = 48

// OverLanes is the Look of a link: round trips are those of the bulk lane on which packets wait longest, of all lanes where
// there are no bulk ones. Only lanes that have sent since the last look count, the others' figures are of the past. It is for
// one test: it remembers. agents counts what agents send in the direction of the test; nil: nobody.
func OverLanes(live func() []*link.Lane, agents func() uint64) Look {
	before := make(map[*link.Lane]link.TCP)
	first := make(map[*link.Lane]uint64)
	reached := make(map[*link.Lane]uint64)
	sums := Way{Arrived: 1, Sent: 1}
	return func() (w Way, ok bool) {
		all, bulk := live(), false
		for _, l := range all {
			bulk = bulk || l.Class() == link.Bulk
		}
		sums.Under = 0
		for _, l := range all {
			t, known := l.TCP()
			if !known {
				continue
			}
			last, seen := before[l]
			if before[l] = t; !seen {
				first[l], last = t.Segments, t
			}
			// Of what is sacked the mean is known: the sum may go back a little.
			sacked := uint64(0) // bytes: small frames are small segments
			if t.Unacked > 0 {
				sacked = t.UnderWay() * min(t.Sacked, t.Unacked) / t.Unacked
			}
			total := t.AckedBytes + sacked
			if seen {
				sums.Arrived += grown(reached[l], total)
			}
			reached[l] = max(reached[l], total)
			sums.Sent += grown(last.Segments, t.Segments)
			sums.Again += grown(last.Retransmitted, t.Retransmitted)
			sums.Came += grown(last.ReceivedBytes, t.ReceivedBytes)
			sums.Under += t.UnderWay() - sacked + t.Unsent
			if bulk && l.Class() != link.Bulk || t.Segments < first[l]+fresh || t.Segments == last.Segments || t.RTT == 0 || t.Least == 0 {
				continue
			}
			if now := max(t.RTT-t.Variation/2, t.Least); !ok || now > w.Now {
				w, ok, sums.Segment = Way{Now: now, Least: t.Least}, true, t.SegmentSize
			}
		}
		now := sums
		now.Now, now.Least = w.Now, w.Least
		if agents != nil {
			now.Agents = agents()
		}
		return now, ok
	}
}

// grown is how much a count is more than before.
func grown(before, now uint64) uint64 { return now - min(before, now) }

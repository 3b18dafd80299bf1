package quality

import (
	"math"
	"time"
)

// Round trips are kept as numbers of classes that grow by 0.2 %: the middle of
// a class is at most 0.1 % from all that is in it. They begin at 10 us and end
// beyond two minutes.
const (
	classes     = 8192
	classBegin  = 10 * time.Microsecond
	classGrowth = 1.002
)

// class is the number of the class that a round trip is in.
func class(d time.Duration) uint16 {
	if d <= classBegin {
		return 0
	}
	n := math.Log(float64(d)/float64(classBegin)) / math.Log(classGrowth)
	return uint16(min(n+0.5, classes-1))
}

// middle is the round trip that stands for a class.
func middle(n int) time.Duration {
	return time.Duration(float64(classBegin) * math.Pow(classGrowth, float64(n)))
}

// histogram counts round trips by class.
type histogram struct {
	counts [classes]uint32
	all    int
}

func (h *histogram) reset() { *h = histogram{} }

func (h *histogram) add(n uint16) {
	h.counts[n]++
	h.all++
}

// quantiles are the round trips that the given shares, in rising order, do not
// exceed (nearest rank); zero when there are none.
func (h *histogram) quantiles(shares ...float64) []time.Duration {
	out := make([]time.Duration, len(shares))
	if h.all == 0 {
		return out
	}
	seen, at := 0, -1
	for i, share := range shares {
		rank := max(int(math.Ceil(share*float64(h.all))), 1)
		for seen < rank {
			at++
			seen += int(h.counts[at])
		}
		out[i] = middle(at)
	}
	return out
}

package emulink

import "math/rand/v2"

// loss decides which packets are lost: by Gilbert's model of two states, a good
// one in which nothing is lost and a bad one in which everything is. Lasting as
// long as chance has it, the bad one makes independent loss.
type loss struct {
	bad         bool
	begin, last float64 // chances that a bad state begins, and that it goes on
}

func newLoss(share, burst float64) loss {
	if burst <= 1 {
		return loss{begin: share, last: share}
	}
	end := 1 / burst
	return loss{begin: end * share / (1 - share), last: 1 - end}
}

// next says whether the next packet is lost.
func (l *loss) next(r *rand.Rand) bool {
	chance := l.begin
	if l.bad {
		chance = l.last
	}
	l.bad = chance > 0 && r.Float64() < chance
	return l.bad
}

// inflation is how much larger the variance of the number of lost packets is
// than that of independent loss: successive packets have the correlation
// last - begin.
func (l loss) inflation() float64 {
	c := l.last - l.begin
	return (1 + c) / (1 - c)
}

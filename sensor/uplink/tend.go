package uplink

import (
	"context"
	"time"

	"vedette/proto/link"
)

// Further small lanes are kept while the way loses packets: what follows a lost
// one waits for it, so fewer frames a lane is better. Another bulk lane is added when the link loses packets and every one has been
// busy for crowdedTime, and given back when they would have been too many for
// easyTime.
const (
	tendEvery   = time.Second
	crowdedTime = time.Second
	easyTime    = time.Minute
	busyShare   = 0.8 // of the time: a lane has something to send
)

// crowd judges whether there are enough bulk lanes.
type crowd struct{ crowded, easy time.Duration }

// step tells for which share of a time each bulk lane had something to send, and
// whether the way loses packets. It returns 1 for one more lane, -1 for one less.
func (c *crowd) step(lossy bool, busy []float64, passed time.Duration) int {
	all, sum := len(busy) > 0, 0.0
	for _, b := range busy {
		all = all && b >= busyShare
		sum += b
	}
	if c.crowded += passed; !all || !lossy {
		c.crowded = 0
	}
	if c.easy += passed; lossy && sum >= busyShare*float64(len(busy)-1) {
		c.easy = 0
	}
	switch {
	case c.crowded >= crowdedTime:
		*c = crowd{}
		return 1
	case c.easy >= easyTime:
		*c = crowd{}
		return -1
	}
	return 0
}

// tend has as many lanes as are of use, and now and then tries segments of
// the full size again, until ctx ends.
func (l *life) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	var (
		c    crowd
		more int // bulk lanes than usual
	)
	sent := make(map[*link.Lane]time.Duration)
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		passed := time.Since(last)
		last = last.Add(passed)
		lossy := l.link.Stats().Copying
		for i := moreSmall; i < moreBulk; i++ {
			l.set(ctx, i, lossy)
		}
		more = min(max(0, more+c.step(lossy, l.busy(sent, passed), passed)), maxPlaces-moreBulk)
		for i := moreBulk; i < maxPlaces; i++ {
			l.set(ctx, i, i < moreBulk+more)
		}
		if l.up.ways.due(l.remote) {
			l.retry()
		}
	}
}

// busy is for which share of a time each bulk lane had something to send; sent
// remembers how long it had before.
func (l *life) busy(sent map[*link.Lane]time.Duration, passed time.Duration) (shares []float64) {
	seen := make(map[*link.Lane]time.Duration)
	for _, lane := range l.lanes() {
		t, ok := lane.TCP()
		if !ok || lane.Class() != link.Bulk {
			continue
		}
		if before, ok := sent[lane]; ok {
			shares = append(shares, float64(t.Sending-before)/float64(passed))
		} else {
			shares = append(shares, 0)
		}
		seen[lane] = t.Sending
	}
	clear(sent)
	for lane, t := range seen {
		sent[lane] = t
	}
	return shares
}

// set has a place beyond the usual ones kept, or gives it back.
func (l *life) set(ctx context.Context, i int, wanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places[i].wanted != wanted && !l.full {
		l.want(ctx, i, wanted)
	}
}

// retry lets the successor of a bulk lane find out whether large packets pass
// again.
func (l *life) retry() {
	for _, lane := range l.lanes() {
		if lane.Class() == link.Bulk {
			lane.Drain()
			return
		}
	}
}

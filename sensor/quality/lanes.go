package quality

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/proto/link"
)

// maxNames is how many lanes of a class have a name of their own: a name is a
// label of metrics.
const maxNames = 8

// leastDelivered is how many bytes a lane must have delivered within a second for
// its rate to be measured then: one that is all but idle keeps an older one.
const leastDelivered = 64 << 10

// LaneTotal is what lanes of one name sent since start, one after the other.
type LaneTotal struct {
	Name                    string // such as small1
	Segments, Retransmitted uint64
}

// lanes turns the kernel's counts, which begin with each connection, into what
// was sent.
type lanes struct {
	live map[any]lane
	all  []LaneTotal // in order of name
}

type lane struct {
	name string
	last link.TCP
}

// begin takes the lanes that live already; what they sent before is not ours.
func (l *lanes) begin(live []Lane) {
	var before moment
	l.take(live, &before)
	for i := range l.all {
		l.all[i] = LaneTotal{Name: l.all[i].Name}
	}
}

// take adds to a moment what lanes sent since the last time. One that was not
// there then began at zero.
func (l *lanes) take(live []Lane, to *moment) {
	was := l.live
	l.live = make(map[any]lane, len(live))
	for _, one := range live {
		if known, ok := was[one.ID]; ok {
			l.live[one.ID] = known
		}
	}
	for _, one := range live {
		known, ok := l.live[one.ID]
		if !ok {
			known.name = l.free(one.Class)
		}
		segments := since(one.TCP.Segments, known.last.Segments)
		again := min(since(one.TCP.Retransmitted, known.last.Retransmitted), segments)
		if acked := since(one.TCP.AckedBytes, known.last.AckedBytes); acked >= leastDelivered {
			to.delivery = max(to.delivery, one.TCP.DeliveryRate)
		}
		known.last = one.TCP
		l.live[one.ID] = known
		l.count(known.name, segments, again)
		to.segments += segments
		to.retransmitted += again
	}
}

// free is the first name of a class that no live lane has.
func (l *lanes) free(class string) string {
	taken := make(map[string]bool, len(l.live))
	for _, one := range l.live {
		taken[one.name] = true
	}
	n := 1
	for n < maxNames && taken[fmt.Sprint(class, n)] {
		n++
	}
	return fmt.Sprint(class, n)
}

func (l *lanes) count(name string, segments, again uint64) {
	i, found := slices.BinarySearchFunc(l.all, name, func(t LaneTotal, name string) int { return strings.Compare(t.Name, name) })
	if !found {
		l.all = slices.Insert(l.all, i, LaneTotal{Name: name})
	}
	l.all[i].Segments += segments
	l.all[i].Retransmitted += again
}

func (l *lanes) totals() []LaneTotal { return slices.Clone(l.all) }

// roundTrip is the longest of the kernel's smoothed ones.
func (l *lanes) roundTrip() (most time.Duration) {
	for _, one := range l.live {
		most = max(most, one.last.RTT)
	}
	return most
}

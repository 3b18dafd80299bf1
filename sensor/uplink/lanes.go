package uplink

import (
	"context"
	"errors"
	"time"

	"vedette/internal/acts"
	"vedette/proto/link"
)

// A link has two small and two bulk lanes, and more while they are of use.
const (
	places    = 4
	moreSmall = 4  // the first place of further small lanes
	moreBulk  = 8  // the first place of further bulk lanes
	maxPlaces = 10 // below what a link may have, so that a dead lane can be replaced before the other end knows of its death
)

func classOf(place int) link.Class {
	if place < places/2 || place >= moreSmall && place < moreBulk {
		return link.Small
	}
	return link.Bulk
}

// place is where a lane is kept.
type place struct {
	lane   *link.Lane // nil: there is none now
	wanted bool
	kept   bool // there is a keeper
	shown  acts.Lane
	err    error // why there is none; nil before the first try, and after a drain
}

// put fills a place.
func (l *life) put(i int, lane *link.Lane, local, remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.places[i]
	if p.lane, p.err = lane, nil; p.kept && !p.wanted {
		lane.Drain()
	}
	p.shown = acts.Lane{Class: lane.Class().String(), Congestion: lane.Congestion(), Local: local, Remote: remote, Since: l.up.config.Now()}
}

// clear notes that a place is empty, and why.
func (l *life) clear(i int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.places[i]
	p.lane, p.err = nil, err
}

// want has a place kept or given back. The caller holds mu.
func (l *life) want(ctx context.Context, i int, wanted bool) {
	p := &l.places[i]
	p.wanted = wanted
	switch {
	case wanted && !p.kept:
		p.kept = true
		l.running.Go(func() { l.keep(ctx, i) })
	case !wanted && p.lane != nil:
		p.lane.Drain()
	}
}

// complete makes the one lane that a Sensor has before it is accepted a whole
// link.
func (l *life) complete(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range places {
		l.want(ctx, i, true)
	}
	l.running.Go(func() { l.tend(ctx) })
}

// dismissed ends the keeping of a place that is not wanted any more.
func (l *life) dismissed(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places[i].wanted {
		return false
	}
	l.places[i] = place{}
	return true
}

// keep fills a place, and again whenever its lane dies, until ctx ends or the
// place is not wanted any more: at once the first time, then with back-off.
func (l *life) keep(ctx context.Context, i int) {
	l.mu.Lock()
	lane := l.places[i].lane
	l.mu.Unlock()
	for faults := 0; !l.dismissed(i); {
		if lane == nil {
			if faults > 0 {
				pause(ctx, l.up.times.lane.wait(faults-1))
			}
			var err error
			if lane, err = l.add(ctx, i); err != nil {
				if ctx.Err() != nil {
					return
				}
				l.clear(i, err)
				faults++
				l.noRoom(ctx, i, err)
				l.up.log.Debug("lane", "class", classOf(i).String(), "error", err)
				continue
			}
		}
		began := time.Now()
		select {
		case <-lane.Done():
		case <-ctx.Done():
			return
		}
		err := lane.Err()
		l.clear(i, err)
		l.up.log.Debug("lane ended", "class", classOf(i).String(), "error", err)
		if stuck := (*link.StuckError)(nil); errors.As(err, &stuck) {
			l.up.ways.stuck(l.remote, stuck.TCP)
		}
		lane = nil
		if faults++; time.Since(began) >= l.up.times.lived {
			faults = 0
		}
	}
}

// add makes one more connection a lane.
func (l *life) add(ctx context.Context, i int) (*link.Lane, error) {
	if err := l.link.Err(); err != nil {
		<-ctx.Done() // the control loop hears it too and ends this life
		return nil, err
	}
	conn, err := l.up.dialPinned(ctx, l.turn, l.remote)
	if err != nil {
		return nil, err
	}
	local, remote := conn.LocalAddr().String(), conn.RemoteAddr().String()
	lane, err := l.link.AddLane(ctx, conn, classOf(i))
	if err != nil {
		var ended *link.Error
		if errors.As(err, &ended) && ended.Remote && ended.Code == link.CodeGone {
			// The other lanes lead nowhere, though their connections may not know it.
			// If they do, the link is about to end with the true reason.
			over := time.NewTimer(l.up.times.gone)
			defer over.Stop()
			select {
			case <-over.C:
				l.cancel(err)
			case <-l.link.Done():
			case <-ctx.Done():
			}
		}
		return nil, err
	}
	l.put(i, lane, local, remote)
	if size := l.up.ways.size(l.remote); size > 0 {
		l.abandonLarger(size)
	}
	return lane, nil
}

// noRoom gives up the places beyond the usual ones when the Central Node has no
// room for them.
func (l *life) noRoom(ctx context.Context, i int, err error) {
	var ended *link.Error
	if i < places || !errors.As(err, &ended) || ended.Code != link.CodeBusy {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = true
	for i := places; i < maxPlaces; i++ {
		l.want(ctx, i, false)
	}
}

// abandonLarger takes down the lanes that still send segments which vanish on
// the way.
func (l *life) abandonLarger(size int) {
	for _, lane := range l.lanes() {
		if t, ok := lane.TCP(); ok && t.SegmentSize > size {
			lane.Abandon(errSwallowed)
		}
	}
}

// lanes are those that live now.
func (l *life) lanes() []*link.Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*link.Lane, 0, len(l.places))
	for _, p := range l.places {
		if p.lane != nil {
			out = append(out, p.lane)
		}
	}
	return out
}

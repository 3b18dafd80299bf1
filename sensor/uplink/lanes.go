package uplink

import (
	"context"
	"errors"
	"time"

	"vedette/internal/acts"
	"vedette/proto/link"
)

// places is how many lanes a link has: two small and two bulk ones.
const places = 4

func classOf(place int) link.Class {
	if place < places/2 {
		return link.Small
	}
	return link.Bulk
}

// place is where a lane is kept.
type place struct {
	lane  *link.Lane // nil: there is none now
	shown acts.Lane
	err   error // why there is none; nil before the first try, and after a drain
}

// put fills a place.
func (l *life) put(i int, lane *link.Lane, local, remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places[i] = place{lane: lane, shown: acts.Lane{
		Class: lane.Class().String(), Congestion: lane.Congestion(), Local: local, Remote: remote, Since: l.up.config.Now(),
	}}
}

// clear notes that a place is empty, and why.
func (l *life) clear(i int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places[i] = place{err: err}
}

// keep fills a place, and again whenever its lane dies, until ctx ends: at once
// the first time, then with back-off.
func (l *life) keep(ctx context.Context, i int) {
	l.mu.Lock()
	lane := l.places[i].lane
	l.mu.Unlock()
	for faults := 0; ; {
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
		l.clear(i, lane.Err())
		l.up.log.Debug("lane ended", "class", classOf(i).String(), "error", lane.Err())
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
	return lane, nil
}

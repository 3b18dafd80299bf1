package policy

import (
	"time"

	agentv1 "vedette/proto/agent/v1"
)

const window = time.Hour

// maxSeen bounds the starts that a throttle knows of one hour.
const maxSeen = 1 << 14

// Throttle keeps the events of an hour near a limit by dropping those of low
// importance: ends of processes, and starts that were already reported in this
// hour (same executable, arguments and user). A start that is new within the
// hour and the agent's own notices always pass. Once the limit is reached a type of low
// importance is dropped as soon as it has used its own share of the limit, the
// excess percentage. It is not safe for concurrent use.
type Throttle struct {
	began   time.Time
	passed  int
	low     [lowTypes]int
	seen    map[startKey]struct{}
	dropped uint64 // in this hour
}

// Types of low importance.
const (
	lowExit = iota
	lowRepeatedStart
	lowTypes
)

// Allow says whether an event may pass now. When an hour in which events were
// dropped is over, it returns their number once.
func (t *Throttle) Allow(e *agentv1.Event, now time.Time, limit, excessPercent int) (ok bool, over uint64) {
	if d := now.Sub(t.began); t.began.IsZero() || d >= window || d < 0 {
		over = t.dropped
		*t = Throttle{began: now, seen: make(map[startKey]struct{})}
	}
	kind := -1
	switch {
	case e.GetProcessExit() != nil:
		kind = lowExit
	case e.GetProcessStart() != nil && !e.GetProcessStart().Incomplete:
		key := keyOf(e.GetProcessStart())
		if _, seen := t.seen[key]; seen {
			kind = lowRepeatedStart
		} else if len(t.seen) < maxSeen {
			t.seen[key] = struct{}{}
		}
	}
	if kind >= 0 {
		share := max(limit*excessPercent/100, 1)
		if t.passed >= limit && t.low[kind] >= share {
			t.dropped++
			return false, over
		}
		t.low[kind]++
	}
	t.passed++
	return true, over
}

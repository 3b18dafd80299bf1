package scan

import (
	"slices"
	"time"
)

// crowdEvery is how often it is logged whose verdicts were removed before their
// time.
const crowdEvery = time.Minute

// shares says how many of each system's verdicts have to go so that excess of
// them do: those that have most lose first, down to what the next one has, and
// so on. A system that has no more than others loses nothing to them.
func shares(have map[*system]int, excess int) map[*system]int {
	counts := make([]int, 0, len(have))
	for _, n := range have {
		counts = append(counts, n)
	}
	slices.SortFunc(counts, func(a, b int) int { return b - a })
	// All that have more than level are cut to it.
	level, sum := 0, 0
	for i, n := range counts {
		next := 0
		if i+1 < len(counts) {
			next = counts[i+1]
		}
		sum += n
		if level = next; sum-(i+1)*next >= excess {
			level = (sum - excess) / (i + 1)
			break
		}
	}
	lose := make(map[*system]int)
	for s, n := range have {
		if n > level {
			lose[s] = n - level
		}
	}
	return lose
}

// crowd counts whose verdicts were removed because there were too many.
type crowd struct {
	by   map[string]int
	told time.Time // when that was last logged
}

func (c *crowd) add(items []*item) {
	if c.by == nil {
		c.by = make(map[string]int)
	}
	for _, it := range items {
		c.by[it.system.id]++
	}
}

// tellCrowd logs, now and then, whose verdicts went and how many.
func (r *Room) tellCrowd() {
	r.mu.Lock()
	by := r.crowd.by
	if len(by) == 0 || !r.crowd.told.IsZero() && time.Since(r.crowd.told) < crowdEvery {
		r.mu.Unlock()
		return
	}
	r.crowd = crowd{told: time.Now()}
	r.mu.Unlock()
	for id, n := range by {
		r.cfg.Logger.Warn("verdicts were removed before their time: too many are kept, and this system has most of them; it should delete what it has read",
			"system", id, "verdicts", n, "max_results", r.cfg.Limits.MaxResults)
	}
}

package alerts

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
	"vedette/internal/entity"
)

// Documented is how many alerts of each technology rotation keeps. (100,000 are
// documented for two technologies that this product does not have.)
const Documented = 20000

// RotationHour is when alerts are rotated, by the local clock: at night, and
// behind the hours that daylight saving time leaves out or repeats.
const RotationHour = 4

const (
	// between is how many times the documented number there may be of a technology
	// before the next night.
	between = 2
	// lookEvery is how often Run looks at the clock, which may be set.
	lookEvery = time.Minute
	// batch is how many alerts one change removes.
	batch = 1024
)

// lost counts alerts that were removed, by the state they were in.
type lost struct{ open, inProcess, closed int }

func (l lost) with(m lost) lost {
	return lost{l.open + m.open, l.inProcess + m.inProcess, l.closed + m.closed}
}

func (l lost) all() int { return l.open + l.inProcess + l.closed }

// Run rotates alerts each night until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var retry time.Time // after a rotation that did not succeed
	for {
		now := r.c.Now()
		if r.due(now) && !(now.Before(retry) && retry.Sub(now) <= retryAfter) {
			if err := r.rotate(ctx, now); err != nil && ctx.Err() == nil {
				r.log.Error("alerts were not rotated", "error", err, "again_in", retryAfter.String())
				retry = now.Add(retryAfter)
			}
		}
		r.tell()
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.tell()
			return nil
		}
	}
}

// retryAfter is how long Run waits after a rotation that did not succeed.
const retryAfter = 10 * time.Minute

// due reports whether a night has begun since the last rotation.
func (r *Room) due(now time.Time) bool {
	night := time.Date(now.Year(), now.Month(), now.Day(), RotationHour, 0, 0, 0, now.Location())
	if now.Before(night) {
		night = night.AddDate(0, 0, -1)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// One that will have been done tomorrow was done by a clock that went wrong.
	return r.rotated.Before(night) || r.rotated.After(now.AddDate(0, 0, 1))
}

// limit is how many alerts of a technology rotation keeps.
func (r *Room) limit(technology string) int {
	if n, ok := r.c.Limits[engine.Technology(technology)]; ok {
		return n
	}
	return Documented
}

// rotate removes the oldest alerts of each technology beyond its limit.
func (r *Room) rotate(ctx context.Context, now time.Time) error {
	if err := r.writing.Enter(ctx); err != nil {
		return err
	}
	defer r.writing.Leave()
	for _, technology := range r.technologies() {
		if err := r.trim(ctx, technology); err != nil {
			return err
		}
	}
	r.mu.Lock()
	last := r.index.last
	r.mu.Unlock()
	var c entity.Change
	c.Put(counterKey, counter{V: 1, Last: last, Rotated: now})
	if err := c.ApplyQuietly(ctx, r.c.Store); err != nil {
		return err
	}
	r.mu.Lock()
	r.rotated = now
	r.mu.Unlock()
	return nil
}

// trim removes the oldest alerts of a technology down to its limit, a batch at
// a time.
func (r *Room) trim(ctx context.Context, technology string) error {
	var gone lost
	defer func() { r.report("alerts were rotated", technology, gone) }()
	for {
		ids := r.oldest(technology, min(batch, r.count(technology)-r.limit(technology)))
		if len(ids) == 0 {
			return nil
		}
		var c entity.Change
		for _, id := range ids {
			c.Delete(key(id))
		}
		if err := c.ApplyQuietly(ctx, r.c.Store); err != nil {
			return err
		}
		r.mu.Lock()
		gone = gone.with(r.drop(technology, len(ids)))
		r.mu.Unlock()
	}
}

// displaced says how many of the oldest alerts of each technology have to go
// for one of this size: by number of its own technology, by bytes of whichever
// takes most room, so that a flood of one does not push out the others.
func (r *Room) displaced(technology string, size int) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.index.displaced(technology, size, between*r.limit(technology), r.maxBytes)
}

func (r *Room) technologies() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for technology := range r.index.kinds {
		out = append(out, technology)
	}
	slices.Sort(out)
	return out
}

func (r *Room) count(technology string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.index.kinds[technology]; k != nil {
		return len(k.entries)
	}
	return 0
}

// oldest returns the numbers of the n oldest alerts of a technology.
func (r *Room) oldest(technology string, n int) []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.index.kinds[technology]
	if k == nil || n <= 0 {
		return nil
	}
	var ids []int64
	for _, e := range k.entries[:min(n, len(k.entries))] {
		ids = append(ids, e.id)
	}
	return ids
}

// drop forgets the n oldest alerts of a technology. The caller holds mu.
func (r *Room) drop(technology string, n int) lost {
	var l lost
	for _, e := range r.index.kinds[technology].entries[:n] {
		switch e.state {
		case acts.AlertNew:
			l.open++
		case acts.AlertInProcess:
			l.inProcess++
		default:
			l.closed++
		}
	}
	r.index.drop(technology, n)
	return l
}

// tell logs what newer alerts have pushed out.
func (r *Room) tell() {
	r.mu.Lock()
	pushed := r.pushed
	r.pushed = make(map[string]lost)
	r.mu.Unlock()
	for technology, l := range pushed {
		r.report("more alerts than may be kept until the night: the oldest were removed", technology, l)
	}
}

func (r *Room) report(text, technology string, l lost) {
	if l.all() == 0 {
		return
	}
	level := slog.LevelInfo
	if l.open+l.inProcess > 0 {
		level = slog.LevelWarn // nobody has closed them
	}
	r.log.Log(context.Background(), level, text, "technology", technology, "removed", l.all(),
		"new", l.open, "in_process", l.inProcess, "closed", l.closed, "kept", r.count(technology))
}

package trends

import (
	"context"
	"fmt"
	"slices"

	"vedette/internal/acts"
	"vedette/internal/entity"
)

const (
	key     = "trends"
	version = 1
)

// kept is what lies in the state file. Trends are named, so that a later program
// may count more of them.
type kept struct {
	V     int          `json:"v"`
	Names []acts.Trend `json:"names"`
	Day   []keptSlot   `json:"day"`
	Month []keptSlot   `json:"month"`
}

// keptSlot is a step: its number, and the values in the order of the names; null
// for what is not known.
type keptSlot struct {
	Number int64      `json:"n"`
	Values []*float64 `json:"v"`
}

// save writes everything down, off the watch. What cannot be written now is
// written with the next.
func (r *Room) save(ctx context.Context) {
	r.mu.Lock()
	k := kept{V: version, Names: acts.Trends(), Day: r.day.keep(), Month: r.month.keep()}
	r.mu.Unlock()
	var c entity.Change
	c.Put(key, k)
	err := c.ApplyQuietly(ctx, r.c.Store)
	r.mu.Lock()
	defer r.mu.Unlock()
	if (err != nil) != r.failed {
		r.failed = err != nil
		if err != nil {
			r.c.Logger.Warn("trends cannot be written down", "error", err)
		} else {
			r.c.Logger.Info("trends are written down again")
		}
	}
}

func (g *ring) keep() []keptSlot {
	out := []keptSlot{}
	for _, s := range g.slots {
		if s.values == nil {
			continue
		}
		one := keptSlot{Number: s.number, Values: make([]*float64, len(s.values))}
		for i, v := range s.values {
			if mean, known := v.mean(); known {
				one.Values[i] = &mean
			}
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b keptSlot) int { return int(min(1, max(-1, a.Number-b.Number))) })
	return out
}

// load reads what was written down.
func (r *Room) load(ctx context.Context) error {
	var k kept
	_, found, err := entity.Get(ctx, r.c.Store, key, version, &k)
	if err != nil || !found {
		return err
	}
	if err := k.check(); err != nil {
		return fmt.Errorf("read %s from the state file: %w", key, err)
	}
	r.day.restore(k.Names, k.Day)
	r.month.restore(k.Names, k.Month)
	return nil
}

func (k kept) check() error {
	for _, s := range slices.Concat(k.Day, k.Month) {
		if len(s.Values) != len(k.Names) {
			return fmt.Errorf("step %d has %d values for %d names", s.Number, len(s.Values), len(k.Names))
		}
	}
	return nil
}

// restore takes steps over. Of two that have one place the later stays.
func (g *ring) restore(names []acts.Trend, slots []keptSlot) {
	for _, k := range slots {
		s := g.place(k.Number)
		if s.values != nil && s.number > k.Number {
			continue
		}
		*s = slot{number: k.Number, values: make([]value, len(acts.Trends()))}
		for i, v := range k.Values {
			if v != nil {
				s.level(names[i], *v)
			}
		}
	}
}

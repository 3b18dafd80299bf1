package alerts

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// usualLimit is how many alerts List gives when it is not told.
const usualLimit = 1000

// Found is a part of the alerts that a filter selects.
type Found struct {
	Alerts   []Alert
	Total    int // alerts that there are
	Matching int // those that the filter selects
	// Revision is one that nothing in Alerts is older than.
	Revision kv.Revision
}

// List reads alerts that a filter selects. Since and Until are both included. A
// text is looked for in every alert that the other fields select, which takes
// about a microsecond each.
func (r *Room) List(ctx context.Context, f acts.AlertFilter) (Found, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = usualLimit
	}
	// What changes from here on is newer than the revision: an act on it is
	// refused as stale, never done on something that nobody saw.
	out := Found{Revision: r.c.Store.Revision()}
	r.mu.Lock()
	ids := r.index.choose(f)
	out.Total = r.index.total()
	r.mu.Unlock()

	var err error
	if f.Text != "" {
		if ids, err = r.holding(ctx, ids, f.Text); err != nil {
			return Found{}, err
		}
	}
	out.Matching = len(ids)
	ids = ids[min(max(0, f.Offset), len(ids)):]
	ids = ids[:min(limit, len(ids))]
	out.Alerts = make([]Alert, 0, len(ids))
	err = r.read(ctx, ids, func(a Alert) bool {
		out.Alerts = append(out.Alerts, a)
		return true
	})
	if err != nil {
		return Found{}, err
	}
	return out, nil
}

// After reads the alerts behind a number, oldest first: of these technologies
// (none: all), at most limit.
func (r *Room) After(ctx context.Context, after int64, technologies []string, limit int) ([]Alert, error) {
	if limit <= 0 {
		return nil, nil
	}
	r.mu.Lock()
	ids := r.index.after(after, technologies, limit)
	r.mu.Unlock()
	out := make([]Alert, 0, len(ids))
	err := r.read(ctx, ids, func(a Alert) bool {
		out = append(out, a)
		return true
	})
	return out, err
}

// holding are those of the alerts, in their order, that have a text in the
// object's name, a hash or a detection, without regard to case.
func (r *Room) holding(ctx context.Context, ids []int64, text string) ([]int64, error) {
	look := newLook(text)
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	found := make(map[int64]bool)
	err := r.entries(ctx, sorted, func(e kv.Entry) (bool, error) {
		answer := look.kept(e.Value)
		if answer == unclear {
			a, err := decode(e)
			if err != nil {
				return false, err
			}
			answer = no
			if look.in(a) {
				answer = yes
			}
		}
		if answer == yes {
			id, err := strconv.ParseInt(strings.TrimPrefix(e.Key, prefix), 16, 64)
			if err != nil {
				return false, fmt.Errorf("key %q has no number: %w", e.Key, err)
			}
			found[id] = true
		}
		return true, nil
	})
	return slices.DeleteFunc(ids, func(id int64) bool { return !found[id] }), err
}

// read gives alerts by number, in the order of the numbers, until yield has
// enough. What was rotated meanwhile is left out.
func (r *Room) read(ctx context.Context, ids []int64, yield func(Alert) bool) error {
	return r.entries(ctx, ids, func(e kv.Entry) (bool, error) {
		a, err := decode(e)
		return err == nil && yield(a), err
	})
}

// entries gives the same as they are kept. Numbers that follow each other are
// read together.
func (r *Room) entries(ctx context.Context, ids []int64, yield func(kv.Entry) (bool, error)) error {
	for len(ids) > 0 {
		n := run(ids)
		first, last := ids[0], ids[n-1]
		entries, _, err := r.c.Store.Range(ctx, key(min(first, last)), key(max(first, last)+1), n)
		if err != nil {
			return err
		}
		if last < first {
			slices.Reverse(entries)
		}
		for _, e := range entries {
			if more, err := yield(e); err != nil || !more {
				return err
			}
		}
		ids = ids[n:]
	}
	return nil
}

// run is how many of the numbers, at most a page, follow each other, upwards or
// downwards.
func run(ids []int64) int {
	if len(ids) < 2 {
		return len(ids)
	}
	step := ids[1] - ids[0]
	if step != 1 && step != -1 {
		return 1
	}
	n := 2
	for n < len(ids) && n < page && ids[n]-ids[n-1] == step {
		n++
	}
	return n
}

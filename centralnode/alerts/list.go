package alerts

import (
	"context"
	"strings"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// usualLimit is how many alerts List gives when it is not told.
const usualLimit = 1000

// List reads the newest alerts that a filter selects, the newest first, and a
// revision that they are not older than. Since and Until are both included.
func (r *Room) List(ctx context.Context, f acts.AlertFilter) ([]Alert, kv.Revision, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = usualLimit
	}
	text := strings.ToLower(f.Text)
	// What changes from here on is newer than the revision: an act on it is
	// refused as stale, never done on something that nobody saw.
	revision := r.c.Store.Revision()
	r.mu.Lock()
	ids := r.index.choose(f)
	r.mu.Unlock()

	out := make([]Alert, 0, min(limit, len(ids)))
	for len(ids) > 0 && len(out) < limit {
		n := min(len(ids), page, max(limit-len(out), 16)) // what is missing, or a few of which some match
		err := r.read(ctx, ids[:n], func(a Alert) bool {
			if a.matches(f, text) {
				out = append(out, a)
			}
			return len(out) < limit
		})
		if err != nil {
			return nil, 0, err
		}
		ids = ids[n:]
	}
	return out, revision, nil
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

// read gives alerts by number, in the order of the numbers, which rise or fall,
// until yield has enough. Numbers that follow each other are read together.
// What was rotated meanwhile is left out.
func (r *Room) read(ctx context.Context, ids []int64, yield func(Alert) bool) error {
	for len(ids) > 0 {
		n := run(ids)
		first, last := ids[0], ids[n-1]
		entries, _, err := r.c.Store.Range(ctx, key(min(first, last)), key(max(first, last)+1), n)
		if err != nil {
			return err
		}
		for i := range entries {
			if last < first {
				i = len(entries) - 1 - i
			}
			a, err := decode(entries[i])
			if err != nil {
				return err
			}
			if !yield(a) {
				return nil
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

package alerts

import (
	"context"
	"time"

	"vedette/internal/acts"
	"vedette/internal/entity"
)

// Add keeps an alert: it gets the next number, the state New, bounded texts and,
// when Created is zero, the time now. It is durable when Add returns without
// error. One that is there already, by Origin and Engine, is not added again,
// whatever else it says; that is not an error.
func (r *Room) Add(ctx context.Context, a Alert) (added bool, err error) {
	if err := a.check(); err != nil {
		return false, err
	}
	a = a.bounded()
	if err := r.writing.Enter(ctx); err != nil {
		return false, err
	}
	defer r.writing.Leave()

	r.mu.Lock()
	_, known := r.index.known[originOf(a)]
	a.ID = r.index.last + 1
	rotated := r.rotated
	r.mu.Unlock()
	if known {
		return false, nil
	}
	a.V, a.State, a.StateBy, a.StateAt = 1, acts.AlertNew, "", time.Time{}
	if a.Created.IsZero() {
		a.Created = r.c.Now()
	}
	var c entity.Change
	c.Put(key(a.ID), a)
	c.Seen(key(a.ID), 0) // a number is never given twice
	c.Put(counterKey, counter{V: 1, Last: a.ID, Rotated: rotated})
	size := len(c.Ops[0].Value)
	victims := r.displaced(a.Technology, size)
	for technology, n := range victims {
		for _, id := range r.oldest(technology, n) {
			c.Delete(key(id))
		}
	}
	if err := c.ApplyQuietly(ctx, r.c.Store); err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for technology, n := range victims {
		r.pushed[technology] = r.pushed[technology].with(r.drop(technology, n))
	}
	r.index.add(a, size)
	return true, nil
}

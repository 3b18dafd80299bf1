package scan

import (
	"context"
	"fmt"

	"vedette/internal/kv"
)

// Delete ends a scan, queued or running, and forgets its result. When it returns
// nil the scan does not come back. ErrNotFound: there is none.
func (r *Room) Delete(ctx context.Context, k Key) error {
	for {
		r.mu.Lock()
		if _, err := r.available(); err != nil {
			r.mu.Unlock()
			return err
		}
		var it *item
		if s := r.systems[k.System]; s != nil && k.ScanID != "" {
			it = s.scans[local{k.Instance, k.ScanID}]
		}
		if it == nil {
			r.mu.Unlock()
			return ErrNotFound
		}
		wait := it.changing
		if wait == nil {
			it.changing = make(chan struct{})
		}
		r.mu.Unlock()
		if wait == nil {
			return r.remove([]*item{it})
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deleteAtOnce is how many scans one write deletes at most; that takes some 20 ms.
const deleteAtOnce = batchOps / 4

// Deletion deletes what a system submitted until it began, of one instance or of
// any, and can look up: in parts, for a caller that must not hold something for as
// long as all of it takes.
type Deletion struct {
	room         *Room
	id, instance string
	anyInstance  bool
	until        uint64
}

// Deletion begins to delete what a system can look up now.
func (r *Room) Deletion(id, instance string, anyInstance bool) (*Deletion, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.available(); err != nil {
		return nil, err
	}
	return &Deletion{r, id, instance, anyInstance, r.number}, nil
}

// Next deletes some, durably, and returns how many; 0: nothing is left.
func (d *Deletion) Next(ctx context.Context) (int, error) {
	for {
		items, wait := d.room.claimAll(d.id, d.instance, d.anyInstance, d.until)
		if len(items) > 0 {
			if err := d.room.remove(items); err != nil {
				return 0, err
			}
			return len(items), nil
		}
		if wait == nil {
			return 0, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// claimAll claims some of the scans that are to be deleted, or returns what to
// wait for; neither: there are none.
func (r *Room) claimAll(id, instance string, anyInstance bool, until uint64) (items []*item, wait <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.systems[id]
	if s == nil {
		return nil, nil
	}
	for _, it := range s.order.items {
		switch {
		case it.gone, it.number >= until, !anyInstance && it.key.instance != instance:
		case it.changing != nil:
			wait = it.changing
		case len(items) < deleteAtOnce:
			it.changing = make(chan struct{})
			items = append(items, it)
		}
	}
	return items, wait
}

// remove deletes items that the caller has claimed.
func (r *Room) remove(items []*item) error {
	var ops []kv.Op
	for _, it := range items {
		ops = append(ops, kv.Op{Key: scanKey(it.number), Delete: true})
		if j := it.job; j != nil && j.inline {
			ops = append(ops, kv.Op{Key: objectKey(it.number), Delete: true})
		}
	}
	if err := r.disk.journal.write(ops, false); err != nil {
		r.diskTrouble(err)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, it := range items {
			it.changed()
		}
		return fmt.Errorf("delete scans: %w", refusal(err))
	}
	for _, it := range items {
		if j := it.job; j != nil && !j.inline {
			r.unlink(r.disk, it)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range items {
		it.system.drop(it)
		if j := it.job; j != nil {
			for _, t := range j.tasks {
				r.queue.remove(t)
				if t.place == atWorker {
					t.stop()
				}
			}
			if j.busy > 0 {
				r.running--
			}
			r.finished(it)
		}
		if it.state != Processing {
			r.dropResult(it)
		}
		it.changed()
	}
	r.endAlone()
	return nil
}

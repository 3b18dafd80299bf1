package scan

import "context"

// reserve gives an item its number and its scan ID. again says that the scan ID
// names the same object already.
func (r *Room) reserve(ctx context.Context, it *item, id string) (again bool, err error) {
	first := r.cfg.First(id)
	for {
		wait, again, err := r.tryReserve(it, id, first)
		if wait == nil {
			return again, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// tryReserve is reserve, unless wait has to be waited for first.
func (r *Room) tryReserve(it *item, id string, first bool) (wait <-chan struct{}, again bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.available(); err != nil {
		return nil, false, err
	}
	s := r.system(id)
	s.first = first
	if it.key.id != "" {
		switch old := s.scans[it.key]; {
		case old == nil:
		case old.changing != nil:
			return old.changing, false, nil
		case old.sha256 != it.sha256:
			return nil, false, ErrScanIDTaken
		case old.state == Failed || old.state == Timeout:
			// There is no answer, so sending it again is asking again.
			old.changing = make(chan struct{})
			it.replaces = old
		default:
			return nil, true, nil
		}
	}
	it.system, it.number, it.submitted = s, r.number, r.cfg.Now()
	it.changing = make(chan struct{})
	r.number++
	s.add(it)
	return nil, false, nil
}

// changed ends the write about an item. r.mu is held.
func (it *item) changed() {
	close(it.changing)
	it.changing = nil
}

// accept puts an item in line whose upload became durable, in the upload's place.
func (r *Room) accept(it *item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it.durable = true
	if old := it.replaces; old != nil {
		old.system.replaced(old)
		r.dropResult(old)
		old.changed()
		it.replaces = nil
	}
	it.changed()
	r.uploading--
	it.system.uploading--
	r.unfinished++
	it.system.unfinished++
	r.enqueue(it, false)
	for _, w := range r.wakes {
		w.Signal()
	}
}

// forget takes an item back that did not become durable.
func (r *Room) forget(it *item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it.system.drop(it)
	if old := it.replaces; old != nil {
		it.system.scans[old.key] = old
		old.changed()
		it.replaces = nil
	}
	it.changed()
}

// unlink removes the file of an item. What cannot be removed goes at the next
// start.
func (r *Room) unlink(d *disk, it *item) {
	if err := d.spool.Remove(it.number); err != nil {
		r.cfg.Logger.Warn("an object's file was not removed", "error", err)
	}
}

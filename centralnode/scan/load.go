package scan

import (
	"context"
	"fmt"
	"slices"

	"vedette/internal/kv"
)

// loadPage is how many records are read at once.
const loadPage = 1000

// load opens the folder and brings the room to what is in it: verdicts are kept,
// what some engine had still to look at is scanned again, what cannot be scanned
// any more gets the verdict error, and files without a record are removed, or
// kept aside when the state file is not the one they were taken with. The room is
// not in use.
func (r *Room) load(ctx context.Context) (*disk, error) {
	d, err := r.openDisk()
	if err != nil {
		return nil, err
	}
	l := &loading{room: r, disk: d}
	if err := l.run(ctx); err != nil {
		_ = d.close() // nothing was acknowledged
		return nil, err
	}
	if err := r.own(d.store); err != nil {
		_ = d.close()
		return nil, fmt.Errorf("note whose the spool is: %w", err)
	}
	l.adopt()
	return d, nil
}

// loading collects what is in the folder before the room takes it over.
type loading struct {
	room   *Room
	disk   *disk
	files  map[uint64]int64
	items  []found
	next   uint64
	failed []failure
	// stranger: the objects were taken with another state file than this.
	stranger bool
}

// failure is a record that got the verdict error here.
type failure struct {
	found   found
	verdict *verdict
}

// found is one record.
type found struct {
	number uint64
	record record
}

func (l *loading) run(ctx context.Context) error {
	var err error
	if l.stranger, err = l.room.stranger(l.disk.store, l.disk.fresh); err != nil {
		return err
	}
	files, strange, err := l.disk.spool.Objects()
	if err != nil {
		return fmt.Errorf("read spool: %w", err)
	}
	l.files = files
	for _, name := range strange {
		l.room.cfg.Logger.Warn("the spool holds something that is not its own", "name", name)
	}
	from := scanPrefix
	for {
		entries, _, err := l.disk.store.Range(ctx, from, scanPrefix+"\xff", loadPage)
		if err != nil {
			return fmt.Errorf("read scans: %w: %w", errUnreadable, err)
		}
		for _, e := range entries {
			n, rec, err := parseRecord(e)
			if err != nil {
				return fmt.Errorf("%w: %w", errUnreadable, err)
			}
			l.items = append(l.items, found{n, rec})
			l.next = n + 1
		}
		if len(entries) < loadPage {
			break
		}
		from = entries[len(entries)-1].Key + "\x00"
	}
	if err := l.mend(ctx); err != nil {
		return err
	}
	return l.sweep()
}

// mend notes during which scans the daemon died, and gives a verdict to what
// cannot be scanned any more.
func (l *loading) mend(ctx context.Context) error {
	dying, err := l.disk.slots.left()
	if err != nil {
		return fmt.Errorf("read what was being scanned: %w", err)
	}
	var ops []kv.Op
	kept := l.items[:0]
	for _, f := range l.items {
		if !f.record.open() {
			kept = append(kept, f)
			continue
		}
		if dying[f.number] {
			f.record.Crashes++
		}
		reason := l.lost(ctx, f)
		if ctx.Err() != nil {
			return ctx.Err() // what could not be read for that is not lost
		}
		if reason == "" {
			if dying[f.number] {
				ops = append(ops, f.record.op(f.number))
			}
			kept = append(kept, f)
			continue
		}
		if f.record.Inline {
			ops = append(ops, kv.Op{Key: objectKey(f.number), Delete: true})
		}
		v := &verdict{state: f.record.State, reason: f.record.Reason, at: f.record.Finished}
		if v.state == Processing {
			v = &verdict{state: Failed, reason: reason, at: l.room.cfg.Now()}
			l.failed = append(l.failed, failure{f, v})
		} else {
			l.room.cfg.Logger.Error("an object is not looked at by every engine", "system", f.record.System, "sha256", f.record.SHA256.String(), "reason", reason)
		}
		if f.record.ScanID == "" {
			ops = append(ops, kv.Op{Key: scanKey(f.number), Delete: true})
		} else {
			f.record = f.record.finishedWith(v)
			ops = append(ops, f.record.op(f.number))
			kept = append(kept, f)
		}
	}
	l.items = kept
	for chunk := range slices.Chunk(ops, batchOps) {
		if err := l.disk.journal.write(chunk, false); err != nil {
			return fmt.Errorf("note what cannot be scanned: %w", err)
		}
	}
	return l.disk.slots.reset()
}

// lost says why an object without a verdict is not scanned any more; empty: it
// is.
func (l *loading) lost(ctx context.Context, f found) string {
	size, there := l.files[f.number]
	if f.record.Inline {
		e, err := l.disk.store.Get(ctx, objectKey(f.number))
		size, there = int64(len(e.Value)), err == nil
	}
	switch {
	case !there:
		return "the object was not in the spool when the daemon started"
	case size != f.record.Size:
		return fmt.Sprintf("of the object's %d bytes %d were in the spool when the daemon started", f.record.Size, size)
	case l.stranger && !f.record.Inline && l.another(ctx, f):
		return "another object was in its place in the spool when the daemon started"
	case f.record.Crashes >= mostCrashes:
		return fmt.Sprintf("the daemon died %d times while it scanned the object", f.record.Crashes)
	}
	return ""
}

// sweep removes files that nothing needs.
func (l *loading) sweep() error {
	for _, f := range l.items {
		if f.record.open() && !f.record.Inline {
			delete(l.files, f.number)
		}
	}
	if l.stranger {
		return l.keepAside()
	}
	for n := range l.files {
		if err := l.disk.spool.Remove(n); err != nil {
			return fmt.Errorf("clear spool: %w", err)
		}
	}
	return nil
}

// adopt gives the room what was found.
func (l *loading) adopt() {
	r := l.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number = l.next
	if n, err := l.disk.spool.Aside(); err == nil {
		r.aside = n
	}
	for _, one := range l.failed {
		rec := one.found.record
		r.verdicts[Failed]++
		r.fail(Key{rec.System, rec.Instance, rec.ScanID}, rec.SHA256, one.verdict)
	}
	var done []*item
	for _, f := range l.items {
		it := f.item(r.system(f.record.System))
		it.system.add(it)
		if it.state != Processing {
			done = append(done, it)
		}
		if it.job == nil {
			continue
		}
		r.unfinished++
		it.system.unfinished++
		r.quota.Hold(it.system.id, it.size)
		r.enqueue(it, it.job.crashes >= apartAfter)
	}
	slices.SortFunc(done, func(a, b *item) int { return a.finished.Compare(b.finished) })
	for _, it := range done {
		r.addResult(it)
	}
	r.wakeAll()
	if n := r.unfinished; n > 0 {
		r.cfg.Logger.Info("objects wait for their scan since before the start", "objects", n)
	}
}

// item makes the entry in memory of a record.
func (f found) item(s *system) *item {
	rec := f.record
	it := &item{
		number: f.number, system: s, key: local{rec.Instance, rec.ScanID}, sha256: rec.SHA256, size: rec.Size,
		submitted: rec.Submitted, state: rec.State, reason: rec.Reason, finished: rec.Finished, durable: true,
	}
	if rec.open() {
		it.job = &job{
			leaf: rec.Leaf, systemName: rec.SystemName, name: rec.Name, remote: rec.Remote, mail: rec.Mail,
			md5: rec.MD5, origin: rec.Origin, inline: rec.Inline, crashes: rec.Crashes,
		}
	}
	return it
}

package scan

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"

	"vedette/centralnode/scan/spool"
	"vedette/internal/kv"
)

// Upload is one object that is arriving. It takes a place in flight until it is
// committed or abandoned.
type Upload struct {
	room   *Room
	disk   *disk
	system string
	first  bool // the system goes first

	mu     sync.Mutex // guards what follows
	size   int64
	md5    hash.Hash
	sha256 hash.Hash
	small  []byte      // the object while it is small
	file   *spool.File // the object once it is not
	err    error       // what ended it
}

// Begin makes room for one object of a system. A *BusyError says that there is
// none now, ErrUnavailable why nothing is taken at all.
func (r *Room) Begin(system string) (*Upload, error) {
	first := r.cfg.First(system)
	r.mu.Lock()
	defer r.mu.Unlock()
	d, err := r.available()
	if err != nil {
		return nil, err
	}
	if d.store.State().Degraded {
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, degradedText(d.store))
	}
	s := r.system(system)
	l := r.cfg.Limits
	s.first = first
	first = first && r.queue.priority
	switch {
	case r.uploading+r.unfinished >= r.places(s, first):
		return nil, r.busy(r.unfinished, fmt.Sprintf("%d objects arrive or wait for their scan already", r.uploading+r.unfinished))
	case s.uploading+s.unfinished >= l.InFlightPerSystem:
		return nil, r.busy(s.unfinished, fmt.Sprintf("%d objects of this system arrive or wait for their scan already", l.InFlightPerSystem))
	}
	r.uploading++
	s.uploading++
	return &Upload{room: r, disk: d, system: system, first: first, md5: md5.New(), sha256: sha256.New()}, nil
}

// places is how many objects may be in flight for a system to have one more. An
// eighth of all is a reserve, for systems that have less in flight than their even
// share of it and for those that go first: what others have in excess of that
// keeps nobody out. r.mu is held.
func (r *Room) places(s *system, first bool) int {
	most := r.cfg.Limits.InFlight
	reserve := most / 8
	active := 0
	for _, other := range r.systems {
		if other == s || other.uploading+other.unfinished > 0 {
			active++
		}
	}
	if first || reserve > 0 && s.uploading+s.unfinished < max(1, reserve/active) {
		return most
	}
	return most - reserve
}

// busy says that there is no room behind so many that wait. r.mu is held.
func (r *Room) busy(waiting int, text string) error {
	return &BusyError{Text: text, RetryAfter: r.pace.retryAfter(r.cfg.Now(), waiting)}
}

// Write adds to the object. ErrTooLarge, a *BusyError when the spool's quota is
// reached and a *StorageError end the upload; nothing of it stays.
func (u *Upload) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return 0, u.err
	}
	n := int64(len(p))
	if u.size+n > u.room.cfg.Limits.MaxObjectSize {
		return 0, u.end(ErrTooLarge)
	}
	if !u.room.quota.Take(u.system, n, u.first) {
		return 0, u.end(u.room.full())
	}
	u.size += n
	if err := u.store(p); err != nil {
		u.room.diskTrouble(err)
		return 0, u.end(refusal(err))
	}
	u.md5.Write(p)
	u.sha256.Write(p)
	return len(p), nil
}

// store puts bytes where the object is.
func (u *Upload) store(p []byte) error {
	if u.file == nil {
		if int64(len(u.small)+len(p)) <= u.room.inline {
			u.small = append(u.small, p...)
			return nil
		}
		f, err := u.disk.spool.Create()
		if err != nil {
			return err
		}
		u.file = f
		if _, err := f.Write(u.small); err != nil {
			return err
		}
		u.small = nil
	}
	_, err := u.file.Write(p)
	return err
}

// full says that the quota is reached.
func (r *Room) full() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy(r.unfinished, "the spool is full of objects that wait for their scan")
}

// Abandon ends the upload if it was not committed. Nothing of it stays. It may be
// called more than once, and at any time.
func (u *Upload) Abandon() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.end(ErrEnded)
	}
}

// end gives up the object and its place. u.mu is held.
func (u *Upload) end(err error) error {
	u.err = err
	if u.file != nil {
		if gone := u.file.Discard(); gone != nil {
			u.room.cfg.Logger.Warn("an incoming file was not removed", "error", gone)
		}
	}
	u.room.quota.Give(u.system, u.size)
	u.release()
	return err
}

// release forgets the object, which has another owner now or none, and gives its
// place in flight back.
func (u *Upload) release() {
	u.small, u.file = nil, nil
	r := u.room
	r.mu.Lock()
	r.uploading--
	r.system(u.system).uploading--
	r.mu.Unlock()
}

// Commit makes the object and its record durable; when it returns nil the object
// will have a verdict, whatever happens. It ends the upload either way.
// ErrScanIDTaken says that the scan ID names another object; if it names the
// same one already nothing is scanned twice, and the answer is nil, but for one
// whose verdict is no answer: that is scanned anew, and its verdict is forgotten.
// ctx is looked at before the write begins.
func (u *Upload) Commit(ctx context.Context, s Submission) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	it, err := u.item(s)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && u.file != nil {
		if err = u.file.Settle(); err != nil {
			u.room.diskTrouble(err)
			err = refusal(err)
		}
	}
	if err != nil {
		u.end(err)
		return err
	}
	again, err := u.room.reserve(ctx, it, u.system)
	if again || err != nil {
		u.end(orDefault(err, ErrEnded))
		return err
	}
	if err := u.write(it); err != nil {
		u.room.diskTrouble(err)
		u.room.forget(it)
		return u.end(refusal(err))
	}
	u.err = ErrEnded
	u.small, u.file = nil, nil
	u.room.accept(it)
	return nil
}

// item makes what the room keeps of the object.
func (u *Upload) item(s Submission) (*item, error) {
	s, err := s.bounded()
	if err != nil {
		return nil, err
	}
	if s.Key.System != u.system {
		return nil, errors.New("the object is of another system than the upload")
	}
	origin := make([]byte, 16)
	rand.Read(origin) // never fails
	it := &item{
		key: local{s.Key.Instance, s.Key.ScanID}, size: u.size, state: Processing,
		job: &job{
			leaf: s.Leaf, systemName: s.SystemName, name: s.Name, remote: s.Remote, mail: s.Mail,
			md5: hex.EncodeToString(u.md5.Sum(nil)), origin: hex.EncodeToString(origin), inline: u.file == nil,
		},
	}
	u.sha256.Sum(it.sha256[:0])
	return it, nil
}

// write makes the object and its record durable.
func (u *Upload) write(it *item) error {
	ops := []kv.Op{recordOf(it).op(it.number)}
	if old := it.replaces; old != nil {
		ops = append(ops, kv.Op{Key: scanKey(old.number), Delete: true})
	}
	kept := false
	if it.job.inline {
		ops = append(ops, kv.Op{Key: objectKey(it.number), Value: u.small})
	} else {
		if err := u.file.Keep(it.number); err != nil {
			return err
		}
		kept = true
	}
	err := u.disk.journal.write(ops, kept)
	if kept && err != nil && !uncertain(err) {
		// After an uncertain write the next start decides whose the file is.
		u.room.unlink(u.disk, it)
	}
	return err
}

package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vedette/centralnode/scan/spool"
	"vedette/internal/kv"
)

// Names in the room's folder.
const (
	stateName = "scan.db"
	spoolName = "spool"
	slotsName = "scanning"
)

// inlineMost is the size in bytes up to which an object is kept inside the state
// file instead of in a file of its own.
const inlineMost = 16 << 10

// Room takes objects, has them scanned and keeps what came of it. Its methods
// may be called concurrently.
type Room struct {
	cfg   Config
	hands []*hand
	quota *spool.Quota
	// inline is inlineMost, or something else in measurements.
	inline int64
	// settling bounds the verdicts on their way to the disk.
	settling chan struct{}
	// kick wakes whoever looks after what waits for a time.
	kick chan struct{}

	mu sync.Mutex // guards what follows, and all items and systems
	// wakes are signalled when there may be something for a worker of that engine.
	wakes   []*sync.Cond
	disk    *disk // nil until the state file and the spool are open
	cause   error // why they are not
	closed  bool
	systems map[string]*system
	queue   queue
	results roll   // items with a verdict, oldest verdict first
	steady  steady // what verdicts age by
	crowd   crowd
	number  uint64 // the next item's

	// unfinished objects are those that some engine has still to look at, running
	// ones those that some engine looks at now; atWork counts the workers at that.
	uploading, unfinished, running, atWork int
	// alone is what is being scanned alone.
	alone *job
	// refused is what the disk or the alerts did not take; it is tried again.
	refused []*item

	verdicts map[State]uint64
	failures failures
	aside    int // so many objects without a record are kept
	pace     pace
	// storage and alerts say what is wrong there, empty when nothing is.
	storage, alerts string
}

// disk is what the room keeps things in.
type disk struct {
	store   *kv.Store
	spool   *spool.Spool
	journal *journal
	slots   *slots
	fresh   bool // there was no state file before
}

// Open opens the room. It returns an error only for a Config that can never
// work. When the folder cannot be used, or what is in it is damaged, the room is
// unavailable and says why; Run tries again until it can.
func Open(ctx context.Context, c Config) (*Room, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Room{
		cfg: c, inline: inlineMost,
		quota:    spool.NewQuota(c.Limits.SpoolQuota, c.Limits.share()),
		settling: make(chan struct{}, 128), kick: make(chan struct{}, 1),
		systems: make(map[string]*system), queue: newQueue(len(c.Engines)), verdicts: make(map[State]uint64),
	}
	for _, e := range c.Engines {
		r.wakes = append(r.wakes, sync.NewCond(&r.mu))
		r.hands = append(r.hands, newHand(e, c.Limits.Timeout, c.Logger))
	}
	r.open(ctx)
	return r, nil
}

// open opens the folder, or notes why that is not possible.
func (r *Room) open(ctx context.Context) {
	d, err := r.load(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		again := r.cause != nil && r.cause.Error() == err.Error()
		r.cause = err
		if !again {
			r.cfg.Logger.Error("objects are not taken", "error", err)
		}
		return
	}
	r.disk, r.cause = d, nil
}

// openDisk opens the state file and the spool.
func (r *Room) openDisk() (*disk, error) {
	_, err := os.Lstat(filepath.Join(r.cfg.Dir, stateName))
	fresh := errors.Is(err, fs.ErrNotExist)
	store, err := kv.Open(filepath.Join(r.cfg.Dir, stateName), kv.Options{Program: program, Now: r.cfg.Now, Logger: r.cfg.Logger})
	if err != nil {
		return nil, err
	}
	d := &disk{store: store, fresh: fresh}
	// From here on the folder is locked: no other process clears the spool.
	if d.spool, err = spool.Open(filepath.Join(r.cfg.Dir, spoolName)); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), d.close())
	}
	if d.slots, err = openSlots(filepath.Join(r.cfg.Dir, slotsName)); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.journal = newJournal(store, d.spool.Sync)
	return d, nil
}

func (d *disk) close() error {
	var errs []error
	if d.slots != nil {
		errs = append(errs, d.slots.close())
	}
	if d.spool != nil {
		errs = append(errs, d.spool.Close())
	}
	return errors.Join(append(errs, d.store.Close())...)
}

// Close lets go of the folder. Call it after Run has returned. What is still
// arriving is refused.
func (r *Room) Close() error {
	r.mu.Lock()
	d := r.disk
	done := r.closed
	r.closed = true
	r.mu.Unlock()
	if d == nil || done {
		return nil
	}
	r.noteOwner(d.store)
	return d.close()
}

// Limits are the limits in force.
func (r *Room) Limits() Limits { return r.cfg.Limits }

// SetPriority switches Maximum scan priority.
func (r *Room) SetPriority(on bool) {
	r.reclass()
	r.mu.Lock()
	r.queue.priority = on
	r.mu.Unlock()
}

// reclass asks anew which systems go first.
func (r *Room) reclass() {
	r.mu.Lock()
	first := make(map[string]bool, len(r.systems))
	for id := range r.systems {
		first[id] = false
	}
	r.mu.Unlock()
	for id := range first {
		first[id] = r.cfg.First(id)
	}
	r.mu.Lock()
	for id, is := range first {
		if s := r.systems[id]; s != nil {
			s.first = is
		}
	}
	r.mu.Unlock()
}

// available returns what to work with, or why not. r.mu is held.
func (r *Room) available() (*disk, error) {
	switch {
	case r.closed:
		return nil, fmt.Errorf("%w: the daemon stops", ErrUnavailable)
	case r.disk == nil:
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, r.unopened())
	}
	return r.disk, nil
}

// system returns the entry of a system and makes it when there is none. r.mu is
// held.
func (r *Room) system(id string) *system {
	s := r.systems[id]
	if s == nil {
		s = newSystem(id)
		r.systems[id] = s
	}
	return s
}

// Waiting counts the objects of a system that some engine has still to look at:
// those without a verdict, and those in which another engine found something.
func (r *Room) Waiting(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.systems[id]; s != nil {
		return s.unfinished
	}
	return 0
}

// Results counts what a system can look up, or whoever is accepted under its ID.
func (r *Room) Results(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.systems[id]; s != nil {
		return len(s.scans)
	}
	return 0
}

// pace estimates how many verdicts there are a second.
type pace struct {
	perSecond float64
	at        time.Time
}

const paceMemory = 30 * time.Second

func (p *pace) count(now time.Time) {
	p.decay(now)
	p.perSecond += 1 / paceMemory.Seconds()
}

func (p *pace) decay(now time.Time) {
	if passed := now.Sub(p.at); passed > 0 {
		p.perSecond *= math.Exp(-passed.Seconds() / paceMemory.Seconds())
	}
	p.at = now
}

// retryAfter is how long it takes at the present pace until a quarter of what a
// caller waits for has its verdict.
func (p *pace) retryAfter(now time.Time, waiting int) time.Duration {
	p.decay(now)
	seconds := math.Ceil(float64(waiting) / 4 / max(p.perSecond, 0.01))
	return time.Duration(min(max(seconds, 1), 60)) * time.Second
}

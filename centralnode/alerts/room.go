package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/entity"
	"vedette/internal/kv"
)

// MaxBytes bounds what all alerts together may take of the state file.
const MaxBytes = 256 << 20

// Config is what a Room works with.
type Config struct {
	Store *kv.Store
	// Limits are how many alerts of a technology rotation keeps. A technology that
	// is not named has the Documented limit.
	Limits map[engine.Technology]int
	Logger *slog.Logger
	// Now tells the time; its zone is the one whose nights count.
	Now func() time.Time
}

// Room keeps alerts. It is safe for concurrent use.
type Room struct {
	c        Config
	log      *slog.Logger
	maxBytes int

	writing budget.Gate // alerts are numbered and removed one after the other

	mu      sync.Mutex // guards what follows; locked after writing
	index   index
	rotated time.Time       // when rotation was last done
	pushed  map[string]lost // by technology, not yet logged
}

// Open reads what is remembered of alerts.
func Open(ctx context.Context, c Config) (*Room, error) {
	r := &Room{
		c: c, log: c.Logger, maxBytes: MaxBytes, writing: budget.NewGate(1),
		index: newIndex(), pushed: make(map[string]lost),
	}
	if err := r.load(ctx); err != nil {
		return nil, fmt.Errorf("read the alerts: %w", err)
	}
	return r, nil
}

// page is how many alerts are read at a time: others wait for the state file
// no longer than that takes.
const page = 256

func (r *Room) load(ctx context.Context) error {
	var last counter
	_, found, err := entity.Get(ctx, r.c.Store, counterKey, 1, &last)
	if err != nil {
		return err
	}
	r.rotated = last.Rotated
	if !found {
		// The first night is still to come.
		r.rotated = r.c.Now()
	}
	for from := int64(0); ; {
		entries, _, err := r.c.Store.Range(ctx, key(from), behind, page)
		if err != nil {
			return err
		}
		for _, e := range entries {
			a, err := decode(e)
			if err != nil {
				return err
			}
			r.index.add(a, len(e.Value))
			from = a.ID + 1
		}
		if len(entries) < page {
			break
		}
	}
	r.index.last = last.Last
	return nil
}

// Counts counts alerts by state.
func (r *Room) Counts() acts.AlertCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return acts.AlertCounts{
		New: r.index.counts[acts.AlertNew], InProcess: r.index.counts[acts.AlertInProcess], Closed: r.index.counts[acts.AlertClosed],
	}
}

// Get reads one alert.
func (r *Room) Get(ctx context.Context, id int64) (Alert, bool, error) {
	e, err := r.c.Store.Get(ctx, key(id))
	if errors.Is(err, kv.ErrNotFound) {
		return Alert{}, false, nil
	}
	if err != nil {
		return Alert{}, false, err
	}
	a, err := decode(e)
	return a, err == nil, err
}

// Change is the operations that write an alert over the version that was read,
// for the act that changes its state to commit. Call Changed when it did.
func (r *Room) Change(a Alert) (ops []kv.Op, expect []kv.Expect) {
	var c entity.Change
	a.V = 1
	c.Put(key(a.ID), a)
	c.Seen(key(a.ID), a.Version)
	return c.Ops, c.Expect
}

// Changed tells the room that an act has changed an alert, so that it counts
// the state that is there now.
func (r *Room) Changed(ctx context.Context, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Read under mu, so that of two changes the later one is counted.
	e, err := r.c.Store.Get(context.WithoutCancel(ctx), key(id))
	if errors.Is(err, kv.ErrNotFound) {
		return // rotated meanwhile
	}
	var a Alert
	if err == nil {
		a, err = decode(e)
	}
	if err != nil {
		r.log.Warn("alerts are counted by an old state", "alert", id, "error", err)
		return
	}
	r.index.set(a, len(e.Value))
}

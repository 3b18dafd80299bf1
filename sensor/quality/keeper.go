package quality

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vedette/internal/acts"
)

const (
	saveTimeout = 30 * time.Second
	// mostChanges is how many verdicts may wait to be told. They come at most
	// every ten seconds a limit, so more wait only behind a disk that hangs.
	mostChanges = 64
)

// keeper does what may have to wait for a disk, so that measuring does not: it
// keeps minutes, and tells of verdicts. What could not be kept is kept with the
// next minute.
type keeper struct {
	store   Store
	minutes func(hour int64) []acts.QualityMinute
	tell    func(acts.Judged, acts.Verdict)
	log     *slog.Logger
	work    chan struct{}
	broken  bool // the last write failed, and that was said

	mu      sync.Mutex // guards what follows; locked after Room.mu
	hours   map[int64]bool
	tested  *acts.Capacity // to be kept; nil: nothing is
	changes []change
}

func newKeeper(s Store, minutes func(int64) []acts.QualityMinute, tell func(acts.Judged, acts.Verdict), log *slog.Logger) *keeper {
	return &keeper{store: s, minutes: minutes, tell: tell, log: log, work: make(chan struct{}, 1), hours: make(map[int64]bool)}
}

// touched notes hours that must be written.
func (k *keeper) touched(hours []int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range hours {
		k.hours[h] = true
	}
	k.wake()
}

func (k *keeper) found(c acts.Capacity) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tested = &c
	k.wake()
}

func (k *keeper) changed(all []change) {
	if len(all) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes = append(k.changes, all...)
	if n := len(k.changes) - mostChanges; n > 0 {
		k.changes = k.changes[n:]
	}
	k.wake()
}

func (k *keeper) wake() {
	select {
	case k.work <- struct{}{}:
	default:
	}
}

// run works until ctx ends, and then once more.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-k.work:
			k.do(ctx)
		case <-ctx.Done():
			k.do(context.WithoutCancel(ctx))
			return
		}
	}
}

func (k *keeper) do(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	k.mu.Lock()
	changes, capacity := k.changes, k.tested
	k.changes, k.tested = nil, nil
	hours := make([]int64, 0, len(k.hours))
	for h := range k.hours {
		hours = append(hours, h)
	}
	k.mu.Unlock()
	for _, c := range changes {
		k.tell(c.Judged, c.before)
	}
	err := k.save(ctx, hours)
	if capacity != nil {
		if fault := k.store.SaveLinkCapacity(ctx, *capacity); fault != nil {
			k.mu.Lock()
			if k.tested == nil {
				k.tested = capacity // with the next minute
			}
			k.mu.Unlock()
			err = fault
		}
	}
	switch {
	case err == nil:
		k.broken = false
	case !k.broken:
		k.broken = true
		k.log.Error("history of the link is not kept; it goes on in memory, and is kept when the state file takes writes again", "error", err)
	}
}

// save writes hours as they are now. Those that could not be written stay
// noted.
func (k *keeper) save(ctx context.Context, hours []int64) error {
	if len(hours) == 0 {
		return nil
	}
	k.mu.Lock()
	for _, h := range hours {
		delete(k.hours, h) // a minute that comes meanwhile notes its hour anew
	}
	k.mu.Unlock()
	all := make(map[int64][]acts.QualityMinute, len(hours))
	for _, h := range hours {
		all[h] = k.minutes(h)
	}
	err := k.store.SaveLinkHistory(ctx, all)
	if err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, h := range hours {
			k.hours[h] = true
		}
	}
	return err
}

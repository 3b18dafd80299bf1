package trends

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// Sample is what the daemon counts at one moment. What is not in it is not
// known.
type Sample struct {
	// Levels are as they are now.
	Levels map[acts.Trend]float64
	// Counters have counted since the daemon's start, or longer; their trends are
	// how much they grow in a minute.
	Counters map[acts.Trend]uint64
}

// Config is what a Room works with.
type Config struct {
	// Source counts. It is asked every minute and must not wait for long.
	Source func(ctx context.Context) Sample
	Store  *kv.Store
	Logger *slog.Logger
	Now    func() time.Time
}

// How often is counted, and how often that is written down.
const (
	sampleEvery = time.Minute
	saveEvery   = 10 * time.Minute
	saveTime    = 5 * time.Second // for the last time, when the daemon ends
)

// Room remembers trends. It is safe for concurrent use.
type Room struct {
	c Config

	mu     sync.Mutex // guards what follows
	day    ring
	month  ring
	before Sample    // the sample before
	taken  time.Time // when, by the clock that nobody sets; zero: there is none
	failed bool      // the last save; said once
}

// New reads what is remembered. What cannot be read is forgotten, and the log
// says so: trends are no reason not to start.
func New(c Config) *Room {
	r := &Room{c: c, day: newRing(5*time.Minute, 24*time.Hour), month: newRing(time.Hour, 30*24*time.Hour)}
	// There is no caller that could be cancelled: this waits for a disk only.
	if err := r.load(context.Background()); err != nil {
		c.Logger.Warn("trends begin anew, because those of before cannot be read", "error", err)
	}
	return r
}

// Run counts until ctx ends, and writes down what it knows then.
func (r *Room) Run(ctx context.Context) error {
	sample, save := time.NewTicker(sampleEvery), time.NewTicker(saveEvery)
	defer sample.Stop()
	defer save.Stop()
	r.count(ctx)
	for {
		select {
		case <-sample.C:
			r.count(ctx)
		case <-save.C:
			r.save(ctx)
		case <-ctx.Done():
			// The context that ended cannot write any more.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
			defer cancel()
			r.save(last)
			return nil
		}
	}
}

// count takes one sample.
func (r *Room) count(ctx context.Context) {
	now, taken, at := r.c.Source(ctx), time.Now(), r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	rates := r.rates(now, taken)
	r.before, r.taken = now, taken
	for _, ring := range []*ring{&r.day, &r.month} {
		s := ring.slot(at)
		for trend, v := range now.Levels {
			s.level(trend, v)
		}
		for trend, v := range rates {
			s.rate(trend, v)
		}
	}
}

// rates are how much counters grew in a minute since the sample before: unknown
// for one that was set back, and for all when that was not about a minute ago.
func (r *Room) rates(now Sample, taken time.Time) map[acts.Trend]float64 {
	passed := taken.Sub(r.taken)
	if r.taken.IsZero() || passed < sampleEvery/2 || passed > 3*sampleEvery {
		return nil
	}
	rates := make(map[acts.Trend]float64)
	for trend, n := range now.Counters {
		if before, known := r.before.Counters[trend]; known && n >= before {
			rates[trend] = float64(n-before) / passed.Minutes()
		}
	}
	return rates
}

// Series shows trends.
func (r *Room) Series(f acts.TrendFilter) acts.TrendList {
	r.mu.Lock()
	defer r.mu.Unlock()
	ring := &r.day
	if f.Period == acts.TrendMonth {
		ring = &r.month
	}
	trends := f.Trends
	if len(trends) == 0 {
		trends = acts.Trends()
	}
	return ring.series(trends, r.c.Now())
}

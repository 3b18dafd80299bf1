package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/agent/collect"
	"vedette/agent/policy"
	"vedette/agent/queue"
	"vedette/agent/uplink"
	"vedette/internal/health"
)

// Options are what tests and other programs may put in place of the real thing.
type Options struct {
	Log     *slog.Logger          // required
	Version string                // of the agent, as hosts are shown with it
	Source  func() collect.Source // nil: the best that the host offers
	Now     func() time.Time      // nil: time.Now
	Backoff uplink.Backoff        // zero: defaults
	Machine string                // path of the machine-id file; empty: /etc/machine-id
	Follow  time.Duration         // how often settings are looked at; 0: two seconds
}

// Agent is one running installation.
type Agent struct {
	config  Config
	options Options
	log     *slog.Logger
	lock    *os.File
	queue   *queue.Queue
	counts  *counts
	started time.Time
	pipe    *pipe
	poke    chan struct{}  // the status changed
	local   *health.Server // nil: nowhere

	policy atomic.Pointer[policy.Policy] // the settings in force; nil before the first good ones

	mu     sync.Mutex
	fault  error // of the settings as they are in the files
	source collect.Source
	uplink *uplink.Uplink
	pins   *uplink.Pins
}

// New takes the state folder for itself and opens what is in it. Run must
// follow: it gives everything back.
func New(c Config, o Options) (*Agent, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Machine == "" {
		o.Machine = "/etc/machine-id"
	}
	if o.Follow <= 0 {
		o.Follow = 2 * time.Second
	}
	if o.Source == nil {
		o.Source = func() collect.Source { return collect.Open(collect.Options{Log: o.Log, Now: o.Now}) }
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	lock, err := takeLock(c.path(lockName))
	if err != nil {
		return nil, err
	}
	q, err := queue.Open(c.QueueDir(), queue.Options{
		MaxBytes: int64(c.Queue.MaxSize), MaxMemory: int64(c.Queue.MaxMemory),
		Machine: queue.MachineHash(o.Machine), Log: o.Log.With("component", "queue"),
	})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	a := &Agent{
		config: c, options: o, log: o.Log, lock: lock, queue: q, started: o.Now(),
		poke: make(chan struct{}, 1), counts: openCounts(c.path(countsName), o.Log),
	}
	a.pipe = newPipe(a)
	if err := a.listen(); err != nil {
		return nil, errors.Join(err, q.Close(), lock.Close())
	}
	return a, nil
}

// Run collects and delivers until the context ends, queues what is at hand and
// returns nil.
func (a *Agent) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	ended := make(chan struct{}) // no collector runs any more
	g.Go(func() error {
		defer close(ended)
		return a.follow(ctx)
	})
	g.Go(func() error {
		a.pipe.run(ended)
		return nil
	})
	g.Go(func() error { return a.reportStatus(ctx) })
	if a.local != nil {
		g.Go(func() error { return a.local.Run(ctx) })
	}
	err := g.Wait()
	a.counts.save(a.log)
	err = errors.Join(err, a.queue.Close())
	a.writeStatus(true)
	return errors.Join(err, a.lock.Close())
}

// follow brings the settings into force, now and whenever they change.
func (a *Agent) follow(ctx context.Context) error {
	collector, link := &task{}, &task{}
	defer link.stop()
	defer collector.stop()
	ticker := time.NewTicker(a.options.Follow)
	defer ticker.Stop()
	stamp := ""
	var named []string
	files := a.config.Files()
	for {
		if s := files.Stamp(named); s != stamp {
			// Stamped before they are read: a change in between shows next time.
			named = files.Named()
			stamp = files.Stamp(named)
			a.apply(ctx, collector, link)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// task is a goroutine that can be stopped and waited for.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (t *task) start(ctx context.Context, f func(context.Context)) {
	ctx, t.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	t.done = done
	go func() {
		defer close(done)
		f(ctx)
	}()
}

func (t *task) stop() {
	if t.cancel != nil {
		t.cancel()
		<-t.done
		t.cancel = nil
	}
}

func (a *Agent) apply(ctx context.Context, collector, link *task) {
	p, err := policy.Load(a.config.Files())
	a.mu.Lock()
	a.fault = err
	a.mu.Unlock()
	defer a.changed()
	if err != nil {
		a.log.Error("the settings have faults, those before stay in force", "error", err)
		return
	}
	link.stop()
	a.policy.Store(p)
	if !p.Enabled {
		a.log.Info("integration is off: nothing is collected and nothing is sent")
		collector.stop()
		a.set(nil, nil, nil)
		return
	}
	if err := a.startLink(ctx, p, link); err != nil {
		a.log.Error("cannot connect", "error", err)
		a.mu.Lock()
		a.fault = err
		a.mu.Unlock()
	}
	if collector.cancel == nil {
		source := a.options.Source()
		a.mu.Lock()
		a.source = source
		a.mu.Unlock()
		collector.start(ctx, func(ctx context.Context) { a.collect(ctx, source) })
	}
}

func (a *Agent) set(s collect.Source, u *uplink.Uplink, p *uplink.Pins) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.source, a.uplink, a.pins = s, u, p
}

func (a *Agent) startLink(ctx context.Context, p *policy.Policy, link *task) error {
	var pins *uplink.Pins
	if p.UsePinned {
		var err error
		if pins, err = uplink.OpenPins(a.config.path(pinsName), p.Pin); err != nil {
			return err
		}
	}
	u, err := uplink.New(uplink.Options{
		Servers: p.Servers, Pins: pins, Client: p.Client, Timeout: p.Timeout, SyncPeriod: p.SyncPeriod, Compress: p.Compression,
		Queue: a.queue, Request: a.syncRequest, Log: a.log.With("component", "uplink"), Changed: a.changed,
		Backoff: a.options.Backoff, Now: a.options.Now,
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.uplink, a.pins = u, pins
	a.mu.Unlock()
	link.start(ctx, func(ctx context.Context) {
		if err := u.Run(ctx); err != nil {
			a.log.Error("uplink ended", "error", err)
		}
	})
	return nil
}

// collect runs a source, again after a pause when it fails.
func (a *Agent) collect(ctx context.Context, s collect.Source) {
	for {
		err := s.Run(ctx, a.pipe.take)
		if ctx.Err() != nil {
			return
		}
		a.log.Error("collecting ended, trying again in ten seconds", "error", err)
		timer := time.NewTimer(10 * time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		s = a.options.Source()
		a.mu.Lock()
		a.source = s
		a.mu.Unlock()
	}
}

func (a *Agent) changed() {
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

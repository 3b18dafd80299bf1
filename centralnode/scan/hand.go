package scan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

const (
	// grace is how long an engine that was told to end is waited for.
	grace = 5 * time.Second
	// mostStuck is how many calls of one engine may be given up on and still run.
	// While there are so many the engine is not asked.
	mostStuck = 8

	healthEvery   = 10 * time.Second
	healthLeast   = time.Second // between two looks, however many scans fail
	healthTimeout = 5 * time.Second

	// panicsEvery is how often a panic of an engine is logged with its stack; a
	// caller can send many objects that cause one.
	panicsEvery = time.Minute
)

// hand leads one engine: it asks it, bounds it and knows how it is.
type hand struct {
	engine  engine.Engine
	timeout time.Duration
	logger  *slog.Logger
	ill     chan struct{} // asks for a look at its health
	doubts  chan struct{} // asks for a trial

	mu sync.Mutex // guards what follows
	trust
	stuck  int       // calls that were given up on and have not ended
	told   time.Time // when a panic was last logged
	health acts.ScanEngine
	known  bool // it was asked how it is
}

func newHand(e engine.Engine, timeout time.Duration, logger *slog.Logger) *hand {
	h := &hand{engine: e, timeout: timeout, logger: logger.With("engine", e.Name()), ill: make(chan struct{}, 1), doubts: make(chan struct{}, 1)}
	h.health = acts.ScanEngine{Name: e.Name(), Technology: string(e.Technology())}
	return h
}

var errStuck = errors.New("too many of its earlier scans do not end; it is not asked until they do")

// scan asks the engine about one object, for no longer than its time.
func (h *hand) scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	result, err := h.ask(ctx, o, h.timeout)
	if ctx.Err() == nil {
		h.answered(err)
	}
	if err == nil && h.ailing() {
		h.look() // perhaps it is well again
	}
	if err != nil && ctx.Err() == nil {
		// Health tells people; a line for each object would drown the log.
		h.look()
		h.logger.Debug("an engine did not answer", "error", foreign.Line(err.Error()))
	}
	return result, err
}

// ask asks the engine about one object, for no longer than limit.
func (h *hand) ask(ctx context.Context, o engine.Object, limit time.Duration) (engine.Result, error) {
	h.mu.Lock()
	full := h.stuck >= mostStuck
	h.mu.Unlock()
	if full {
		return engine.Result{}, errStuck
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	result, err := call(timed, h, "scan", func(ctx context.Context) (engine.Result, error) { return h.engine.Scan(ctx, o) })
	if err == nil {
		return result, nil
	}
	if ctx.Err() == nil && timed.Err() != nil && !errors.Is(err, engine.ErrTimeout) {
		err = fmt.Errorf("%w: %w", engine.ErrTimeout, err)
	}
	return engine.Result{}, err
}

// look asks for a look at the engine's health, soon.
func (h *hand) look() { nudge(h.ill) }

// ailing reports whether the engine was not well when it was last asked.
func (h *hand) ailing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.health.Trouble != ""
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// call runs fn. A panic is an error. When ctx has ended and fn does not return
// it is given up on: it runs on and is counted as stuck until it ends.
func call[T any](ctx context.Context, h *hand, what string, fn func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	var ended, abandoned bool // guarded by h.mu
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				h.tellPanic(what, p)
				o = outcome{err: errors.New("the engine panicked")}
			}
			h.mu.Lock()
			ended = true
			if abandoned {
				h.stuck--
				nudge(h.doubts) // perhaps it is well again
			}
			h.mu.Unlock()
			done <- o
		}()
		o.value, o.err = fn(ctx)
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
	}
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case o := <-done:
		return o.value, o.err
	case <-patience.C:
	}
	h.mu.Lock()
	late := ended
	if !late {
		abandoned = true
		h.stuck++
	}
	stuck := h.stuck
	h.mu.Unlock()
	if late {
		o := <-done
		return o.value, o.err
	}
	h.logger.Error("an engine does not end a call that it was told to end; it is waited for no longer", "call", what, "such_calls", stuck)
	var none T
	return none, fmt.Errorf("the engine does not end: %w", ctx.Err())
}

// tellPanic logs a panic, now and then.
func (h *hand) tellPanic(what string, p any) {
	h.mu.Lock()
	again := !h.told.IsZero() && time.Since(h.told) < panicsEvery
	if !again {
		h.told = time.Now()
	}
	h.mu.Unlock()
	if again {
		return
	}
	h.logger.Error("an engine panicked; further panics of it are not logged for a minute",
		"call", what, "panic", foreign.Line(fmt.Sprint(p)), "stack", string(debug.Stack()))
}

// watch keeps what is known of the engine's health until ctx ends.
func (h *hand) watch(ctx context.Context) {
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	for {
		h.examine(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(healthLeast):
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-h.ill:
		}
	}
}

// examine asks the engine how it is.
func (h *hand) examine(ctx context.Context) {
	h.mu.Lock()
	full := h.stuck >= mostStuck
	h.mu.Unlock()
	if full {
		return // status says so
	}
	timed, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	found, err := call(timed, h, "health", func(ctx context.Context) (engine.Health, error) { return h.engine.Health(ctx), nil })
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		found.Trouble = fmt.Sprintf("it does not say how it is: %v", err)
	}
	h.mu.Lock()
	before, first := h.health.Trouble, !h.known
	h.known = true
	h.health.Version, h.health.RuleSet, h.health.Rules = found.Version, found.RuleSet, found.Rules
	h.health.Trouble = found.Trouble
	h.mu.Unlock()
	switch {
	case found.Trouble != "" && found.Trouble != before:
		h.logger.Warn("an engine is in trouble", "trouble", foreign.Line(found.Trouble))
	case found.Trouble == "" && (before != "" || first):
		h.logger.Info("an engine is well", "version", foreign.Line(found.Version), "rule_set", foreign.Line(found.RuleSet))
	}
}

// status is how the engine was when it was last asked.
func (h *hand) status() acts.ScanEngine {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.health
	if h.stuck > 0 && s.Trouble == "" {
		s.Trouble = fmt.Sprintf("%d of its scans do not end although they were told to; restart it", h.stuck)
	}
	if h.state == mistrusted && s.Trouble == "" {
		s.Trouble = fmt.Sprintf("it does not answer (%v): objects are not brought to it until a trial succeeds; restart it", h.last)
	}
	return s
}

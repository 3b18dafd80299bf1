package scan

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
)

const (
	// doubtAfter is after how many failures in a row an engine is tried with an
	// object of our own.
	doubtAfter = 3
	// trialTime is how long that may take, and trialEvery how often an engine that
	// failed at it is tried again.
	trialTime  = 10 * time.Second
	trialEvery = 5 * time.Second
)

// trust is what is thought of an engine. One that fails several times in a row
// may have been given several objects that nobody can look at, or it may be of no
// use at all. An object of our own, which is small and harmless, tells the one
// from the other: so neither does a dead engine cost every object its time limit,
// nor can a system that sends evil objects take an engine from the others.
type trust struct {
	state    trustState
	failures int   // in a row
	last     error // of them, or of a trial
}

type trustState int

const (
	trusted    trustState = iota
	doubted               // a trial is about to show; no object is brought to it before
	mistrusted            // it failed at a trial; what is brought to it fails at once
)

// answered counts an answer of the engine about an object.
func (h *hand) answered(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != trusted {
		return // the trial decides
	}
	if err == nil {
		h.failures = 0
		return
	}
	h.last = err
	if h.failures++; h.failures >= doubtAfter {
		h.state = doubted
		nudge(h.doubts)
	}
}

// doubtAgain forgets that an engine failed, since that was long ago: a trial is
// to show.
func (h *hand) doubtAgain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != trusted {
		h.state = doubted
		nudge(h.doubts)
	}
}

// onTrial reports whether objects have to wait for a trial of the engine.
func (h *hand) onTrial() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == doubted
}

// refuses says why no object is brought to the engine; nil: they are.
func (h *hand) refuses() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != mistrusted {
		return nil
	}
	return fmt.Errorf("it does not answer, and is not asked until it does: %w", h.last)
}

// judged notes how a trial ended, and returns what was thought before.
func (h *hand) judged(err error) (before trustState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.state
	if err == nil {
		h.trust = trust{}
	} else {
		h.state, h.last = mistrusted, err
	}
	return before
}

// tend tries an engine whenever it is in doubt, until ctx ends.
func (r *Room) tend(ctx context.Context, e int) {
	h := r.hands[e]
	again := time.NewTicker(trialEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.doubts:
		case <-again.C:
		}
		h.mu.Lock()
		needed := h.state != trusted
		h.mu.Unlock()
		if needed {
			r.try(ctx, e)
		}
	}
}

// The object of a trial.
const (
	trialName = "trial"
	trialText = "This harmless text shows whether a scanning engine answers.\n"
)

// try brings an object of our own to an engine and draws the consequence.
func (r *Room) try(ctx context.Context, e int) {
	h := r.hands[e]
	err := r.ownObject(ctx, h)
	if ctx.Err() != nil {
		return
	}
	before := h.judged(err)
	switch {
	case err == nil && before == mistrusted:
		h.logger.Info("an engine answers again")
	case err != nil && before != mistrusted:
		h.logger.Error("an engine does not answer: objects are not brought to it until a trial succeeds",
			"failures_in_a_row", doubtAfter, "error", foreign.Line(err.Error()))
	}
	h.look()
	r.mu.Lock()
	defer r.mu.Unlock()
	if before == mistrusted && err == nil {
		r.queue.revive(e)
	}
	r.wakes[e].Broadcast()
}

// ownObject has an engine look at an object of our own.
func (r *Room) ownObject(ctx context.Context, h *hand) error {
	path, err := r.disk.spool.Lay([]byte(trialText))
	if err != nil {
		// Who cannot be tried is trusted: objects that are files can still be read.
		h.logger.Warn("an engine could not be tried", "error", err)
		return nil
	}
	defer func() {
		if err := os.Remove(path); err != nil {
			h.logger.Warn("a passing copy was not removed", "error", err)
		}
	}()
	m, s := md5.Sum([]byte(trialText)), sha256.Sum256([]byte(trialText))
	_, err = h.ask(ctx, engine.Object{
		Path: path, Name: trialName, Size: int64(len(trialText)),
		MD5: hex.EncodeToString(m[:]), SHA256: hex.EncodeToString(s[:]),
	}, min(trialTime, h.timeout))
	return err
}

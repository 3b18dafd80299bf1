package uplink

import (
	"context"
	"errors"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/proto/link"
)

// State is how the Sensor stands with its Central Node.
type State struct {
	Link acts.LinkState
	// Detail says why, Next what to do, each a sentence for a person.
	Detail, Next string
	// Since is when Link became what it is.
	Since time.Time
	// Expected is the pin; Met, when the certificate changed, what was met.
	Expected, Met pki.Fingerprint
}

// State is safe to call at any time.
func (u *Uplink) State() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}

// Changed returns a channel that is closed at the next change of State. Take it
// before you look at State, and nothing is missed.
func (u *Uplink) Changed() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.changed
}

// set makes a state known, unless it is the present one. The caller holds mu.
func (u *Uplink) set(s State, cause error) {
	s.Since = u.config.Now()
	if s.Link == u.state.Link {
		s.Since = u.state.Since
	}
	if s == u.state {
		return
	}
	u.state = s
	close(u.changed)
	u.changed = make(chan struct{})
	attrs := []any{"state", string(s.Link), "detail", s.Detail}
	if cause != nil {
		attrs = append(attrs, "cause", cause)
	}
	u.log.Info("link state", attrs...)
}

// say is set on behalf of a turn; what a turn that is over says is dropped.
func (u *Uplink) say(t *turn, s State, cause error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.turn == t {
		s.Expected = t.pins().pin
		u.set(s, cause)
	}
}

// fail says that there is no link, and why.
func (u *Uplink) fail(ctx context.Context, t *turn, err error) {
	if ctx.Err() != nil {
		return // nothing is wrong: the turn ends, or all does
	}
	u.log.Debug("no link", "cause", err)
	f := explain(t.target.Address, err)
	s := State{Link: acts.LinkUnreachable, Detail: f.detail, Next: f.next}
	var mismatch *pki.PinMismatch
	if errors.As(err, &mismatch) {
		s.Link, s.Met = acts.LinkCertificateChanged, mismatch.Met
	} else if u.State().Link == acts.LinkCertificateChanged && !errors.Is(err, errNoLink) {
		// What a person has to do stays true while that server is away.
		return
	}
	u.say(t, s, err)
}

// recognised ends the state Certificate changed: the server has just shown a
// pinned one.
func (u *Uplink) recognised(t *turn) {
	if u.State().Link == acts.LinkCertificateChanged {
		u.say(t, u.starting(t.target), nil)
	}
}

// noteTakeOver remembers that a link of ours was taken over.
func (u *Uplink) noteTakeOver(err error) {
	var ended *link.Error
	if errors.As(err, &ended) && ended.Remote && ended.Code == link.CodeDuplicate {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.takenOver = u.config.Now()
	}
}

package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vedette/internal/acts"
	"vedette/internal/machine"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// Introduction is what the Sensor says about itself on each new link.
type Introduction struct {
	Name, Version     string
	Addresses         []string
	ServerCertificate pki.Fingerprint // that agents meet
}

// Target is the Central Node to link to.
type Target struct {
	Address   string          // host:port; empty: none is configured
	Pin, Next pki.Fingerprint // the pinned and, unless zero, the announced certificate
	Request   [16]byte        // a new one asks again after a rejection
}

// Config is what an Uplink needs. Everything but Link and UnsafeSameServer must
// be set.
type Config struct {
	Identity *pki.Pair // the link identity
	// Introduce is asked at the beginning of each link.
	Introduce func() Introduction
	// Server is where this Sensor runs. UnsafeSameServer lets it be the Central
	// Node's server, which is for demonstrations and tests only.
	Server           machine.Digest
	UnsafeSameServer bool
	Link             link.Config
	// Apply puts a policy in force at the agents' door. When it returns, every
	// agent that the policy refuses is cut; it says how many were.
	Apply func(*controlv1.Policy) (cut int)
	// Report counts what goes to the Central Node every few seconds.
	Report func() *controlv1.Report
	// Quality is what is known of the link's quality, with the minutes that began
	// later than since, as many as fit into a message. newest is when the last of
	// them began, or since when none did.
	Quality func(since time.Time) (m *controlv1.Quality, newest time.Time)
	// Announce keeps the pins: the one of the certificate that stays accepted,
	// and the announced next one, zero for none.
	Announce func(ctx context.Context, pin, next pki.Fingerprint) error
	Logger   *slog.Logger
	Now      func() time.Time
}

// Uplink keeps the link to one Central Node at a time.
type Uplink struct {
	config Config
	times  timings
	lookup lookup
	ways   *ways
	shown  tls.Certificate // the link identity, as crypto/tls wants it
	log    *slog.Logger

	mu        sync.Mutex
	turn      *turn
	state     State
	changed   chan struct{} // closed when state changes
	carrier   *life         // the link that carries agents; nil: none does
	life      *life         // the present link; nil: there is none
	takenOver time.Time     // when a link of ours was last taken over
	past      past
}

// turn is the time from one call of Point to the next: a Central Node with its
// pins.
type turn struct {
	target Target
	over   chan struct{} // closed by the next Point

	mu       sync.Mutex
	accepted pins
	met      pki.Fingerprint // which of them the last connection met
}

func newTurn(t Target) *turn {
	return &turn{target: t, over: make(chan struct{}), accepted: pins{t.Pin, t.Next}}
}

func (t *turn) pins() pins {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.accepted
}

func (t *turn) meet(f pki.Fingerprint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.met = f
}

// announce changes the accepted pins; changed is false when they stay.
func (t *turn) announce(next pki.Fingerprint) (now pins, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.accepted
	t.accepted = before.announce(t.met, next)
	return t.accepted, t.accepted != before
}

// New makes an uplink. Nothing is dialled before Run.
func New(c Config, t Target) *Uplink { return newUplink(c, t, usualTimings) }

func newUplink(c Config, t Target, times timings) *Uplink {
	u := &Uplink{config: c, times: times, lookup: resolve, ways: newWays(c.Now), shown: c.Identity.TLS(), log: c.Logger, turn: newTurn(t), changed: make(chan struct{})}
	u.state = u.starting(t)
	return u
}

// Point makes the uplink begin anew at once with a Central Node: another one,
// or the same with another pin or request. The present link ends, and the
// streams on it are cut.
func (u *Uplink) Point(t Target) {
	u.mu.Lock()
	defer u.mu.Unlock()
	close(u.turn.over)
	u.turn = newTurn(t)
	u.carrier, u.takenOver = nil, time.Time{}
	u.state = State{} // whatever comes is new, also by its time
	u.set(u.starting(t), nil)
}

// starting is the state before anything happened.
func (u *Uplink) starting(t Target) State {
	s := State{Link: acts.LinkUnconfigured, Since: u.config.Now(), Detail: "No Central Node is configured.",
		Next: "Configure one: `sensor central-node set ADDRESS`, or [Change] in the menu."}
	if t.Address != "" {
		s.Link, s.Expected = acts.LinkUnreachable, t.Pin
		s.Detail, s.Next = "The link to the Central Node at "+t.Address+" is being made.", ""
	}
	return s
}

// Run keeps the link until ctx ends; then it ends the link and returns nil. It
// is called once.
func (u *Uplink) Run(ctx context.Context) error {
	for {
		u.mu.Lock()
		t := u.turn
		u.mu.Unlock()
		u.follow(ctx, t)
		if ctx.Err() != nil {
			u.say(t, State{Link: acts.LinkUnreachable, Detail: "The Sensor is stopping."}, nil)
			return nil
		}
	}
}

// follow makes one link after the other until ctx or the turn ends.
func (u *Uplink) follow(ctx context.Context, t *turn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	go func() {
		defer close(ended)
		select {
		case <-t.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	if t.target.Address == "" {
		<-ctx.Done()
		return
	}
	for faults := 0; ctx.Err() == nil; faults++ {
		carried, err := u.attempt(ctx, t)
		if ctx.Err() != nil {
			return
		}
		if carried >= u.times.carried {
			faults = 0
		}
		pause(ctx, max(u.times.link.wait(faults), u.times.least(err)))
	}
}

// attempt makes a link and stays with it to its end. It returns for how long
// the link carried agents, and why it ended.
func (u *Uplink) attempt(ctx context.Context, t *turn) (carried time.Duration, err error) {
	conn, err := u.dialPinned(ctx, t, t.target.Address)
	if err != nil {
		u.fail(ctx, t, err)
		return 0, err
	}
	u.recognised(t)
	local, remote := conn.LocalAddr().String(), conn.RemoteAddr().String()
	joined := link.NewDialing(u.config.Link)
	lane, err := joined.AddLane(ctx, conn, link.Small)
	if err != nil {
		u.fail(ctx, t, err)
		return 0, err
	}
	l := &life{up: u, turn: t, link: joined, remote: remote}
	l.put(0, lane, local, remote)
	return l.run(ctx)
}

// least is the shortest wait after an end that trying again soon cannot mend.
func (t timings) least(err error) time.Duration {
	var (
		mismatch *pki.PinMismatch
		ended    *link.Error
	)
	switch {
	case errors.As(err, &mismatch), errors.Is(err, errNoLink):
		return later(t.slow)
	case errors.As(err, &ended) && ended.Remote:
		switch ended.Code {
		case link.CodeDuplicate, controlv1.CodeDeleted, controlv1.CodeControl:
			return later(t.slow)
		case controlv1.CodeStranger, controlv1.CodeNotAccepted:
			return later(t.distant)
		}
	}
	return 0
}

// Open opens a stream for an agent's connection. It fails at once, with the
// Refusal, while agents are not carried.
func (u *Uplink) Open(ctx context.Context, meta link.Meta) (*link.Stream, error) {
	u.mu.Lock()
	l := u.carrier
	if l == nil {
		defer u.mu.Unlock()
		return nil, u.state.refusal()
	}
	u.mu.Unlock()
	stream, err := l.link.Open(ctx, meta)
	if errors.Is(err, link.ErrGoingAway) {
		l.leave()
	}
	return stream, err
}

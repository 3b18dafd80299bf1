package events

import (
	"context"
	"sync"

	"vedette/centralnode/trust"
	"vedette/internal/budget"
)

// Limits bounds what external systems may have open at once. Zero fields take
// the defaults.
type Limits struct {
	// Calls are calls at once, waiting or not: 1,024 in all, 32 of one system.
	Calls, CallsPerSystem int
	// Answers are answers being made and written at once: 16 in all, 2 of one
	// system.
	Answers, AnswersPerSystem int
	// AnswerBytes ends an answer at the event that reaches it: 4 MiB.
	AnswerBytes int
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.Calls, 1024)
	set(&l.CallsPerSystem, 32)
	set(&l.Answers, 16)
	set(&l.AnswersPerSystem, 2)
	set(&l.AnswerBytes, 4<<20)
	return l
}

// places counts calls, and gives turns to make and write an answer.
type places struct {
	limits  Limits
	answers budget.Gate

	mu    sync.Mutex // guards what follows
	calls int
	by    map[trust.System]*systemPlaces
}

type systemPlaces struct {
	calls   int // guarded by places.mu
	answers budget.Gate
}

func newPlaces(l Limits) *places {
	return &places{limits: l, answers: budget.NewGate(l.Answers), by: make(map[trust.System]*systemPlaces)}
}

// place is that of one call.
type place struct {
	all *places
	who trust.System
	of  *systemPlaces
}

// enter takes a place for a call, or says that there is none. Who got one
// leaves it.
func (p *places) enter(who trust.System) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.by[who]
	if of == nil {
		of = &systemPlaces{answers: budget.NewGate(p.limits.AnswersPerSystem)}
	}
	if p.calls >= p.limits.Calls || of.calls >= p.limits.CallsPerSystem {
		return place{}, false
	}
	p.calls++
	of.calls++
	p.by[who] = of
	return place{p, who, of}, true
}

func (p place) leave() {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.all.calls--
	if p.of.calls--; p.of.calls == 0 {
		delete(p.all.by, p.who)
	}
}

// turn waits for the turn to make an answer, first among the system's own calls,
// so that its slow ones hold up nobody else. Who got it calls done.
func (p place) turn(ctx context.Context) (done func(), err error) {
	if err := p.of.answers.Enter(ctx); err != nil {
		return nil, err
	}
	if err := p.all.answers.Enter(ctx); err != nil {
		p.of.answers.Leave()
		return nil, err
	}
	return func() {
		p.all.answers.Leave()
		p.of.answers.Leave()
	}, nil
}

package websession

import (
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"vedette/internal/acts"
)

// Stage is how far somebody has come in signing in.
type Stage int

// The stages, in their order. A session that has not reached SignedIn may do
// nothing but what brings it there.
const (
	AwaitsCode         Stage = iota // the password was right; the second factor is asked for
	MustChangePassword              // somebody else knows the password
	SignedIn
)

// Session is one browser's being signed in.
type Session struct {
	actor acts.Actor
	stage Stage
	since time.Time
	now   func() time.Time
	log   *slog.Logger
	key   [32]byte // proves that forms are ours

	end chan struct{} // closed when the session ends

	mu    sync.Mutex // guards what follows
	over  bool       // end is closed
	used  time.Time  // last request of the person, not of the page's script
	until time.Time  // when it ends at the latest; zero: nobody said
	forms forms
	seen  outcomes
	kept  shelf
}

func newSession(actor acts.Actor, stage Stage, now func() time.Time) *Session {
	s := &Session{actor: actor, stage: stage, since: now(), used: now(), now: now, end: make(chan struct{})}
	rand.Read(s.key[:]) // never fails
	s.forms.sent = make(map[formID]*Sent)
	return s
}

// Actor is who acts in this session, and from where.
func (s *Session) Actor() acts.Actor { return s.actor }

// Stage is how far the sign-in has come.
func (s *Session) Stage() Stage { return s.stage }

// Since is when the session began.
func (s *Session) Since() time.Time { return s.since }

// Ended is closed when the session has ended.
func (s *Session) Ended() <-chan struct{} { return s.end }

// finish ends the session and lets go what it held. It says whether that was
// not done before.
func (s *Session) finish() bool {
	var dropped []any
	defer func() { wipe(dropped) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.over = true
	for _, h := range s.kept.of {
		dropped = append(dropped, h.thing)
	}
	s.seen, s.kept = outcomes{}, shelf{}
	close(s.end)
	return true
}

// touch notes a request of the person.
func (s *Session) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = s.now()
}

func (s *Session) lastUsed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

func (s *Session) lastUntil(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
}

func (s *Session) lastsUntil() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until
}

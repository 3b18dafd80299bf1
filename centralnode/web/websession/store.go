package websession

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"sync"
	"time"

	"vedette/internal/acts"
	"vedette/internal/sessions"
)

// Config is what a Store needs.
type Config struct {
	Table *sessions.Table // of everybody who is signed in, over whatever door
	// Idle is how long a session lasts without a request of its person, and
	// Lifetime how long it lasts at all.
	Idle, Lifetime time.Duration
	Logger         *slog.Logger // nil: nothing is said
	Now            func() time.Time
}

// Most sessions at once; those that were not used for the longest time make
// room. Those who have not come to the end of signing in have places of their
// own: who knows a password alone ends nobody's session by trying.
const (
	maxSessions   = 1024
	maxPerAccount = 64

	maxPending           = 256
	maxPendingPerAccount = 8
)

const (
	// pendingLifetime is how long somebody may take to come to the end of signing
	// in.
	pendingLifetime = 10 * time.Minute
	// retirement is how long a stage that is over still answers whoever sends its
	// form again.
	retirement = 10 * time.Second
)

// Why a session ended, as the log says it.
const (
	whySignedOut = "signed out"
	whyIdle      = "not used for too long"
	whyLifetime  = "its time was over"
	whyWithdrawn = "what signed it in was changed or withdrawn"
	whyRoom      = "made room for a newer one"
	whyStopped   = "the daemon stopped"
)

// name is what a session is found by: the hash of its cookie, so that nothing
// that can be read out of memory by a fault of ours signs anybody in.
type name [sha256.Size]byte

// Store holds sessions.
type Store struct {
	c Config

	mu   sync.Mutex // guards live; the table's is taken after it
	live map[name]*entry
}

type entry struct {
	session *Session
	leave   func() // takes it off the table
}

// NewStore makes a store without sessions.
func NewStore(c Config) *Store {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{c: c, live: make(map[name]*entry)}
}

// Begin begins a session and gives the value of its cookie. The actor's Session
// is filled in. Whoever begins one checks after it that what was signed in with
// still holds: then either the check or the table sees a withdrawal of that
// moment.
func (st *Store) Begin(actor acts.Actor, stage Stage) (s *Session, cookie string) {
	var secret [sha256.Size]byte
	rand.Read(secret[:]) // never fails
	n := name(sha256.Sum256(secret[:]))

	withdrawn := false // guarded by st.mu
	entered, leave := st.c.Table.Enter(sessions.Session{
		Account: actor.Account, From: actor.From, Since: st.c.Now(), Unfinished: stage != SignedIn,
	}, func() {
		st.mu.Lock()
		withdrawn = true
		st.mu.Unlock()
		st.remove(n, whyWithdrawn)
	})
	actor.Session = entered.ID
	s = newSession(actor, stage, st.c.Now)
	s.log = st.c.Logger.With("address", actor.From, "account", actor.Account, "session", actor.Session)

	st.mu.Lock()
	gone := st.makeRoom(actor.Account, stage)
	if !withdrawn {
		st.live[n] = &entry{session: s, leave: leave}
	}
	over := withdrawn
	st.mu.Unlock()
	if gone != nil {
		gone.end(whyRoom)
	}
	if stage == SignedIn {
		s.log.Info("signed in")
	}
	if over { // before it was found under its name
		(&entry{session: s, leave: leave}).end(whyWithdrawn)
	}
	return s, base64.RawURLEncoding.EncodeToString(secret[:])
}

// Find gives the session of a cookie. person says whether the request is one of
// a person, which keeps the session alive, or of a page's script.
func (st *Store) Find(cookie string, person bool) (*Session, bool) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil || len(secret) != sha256.Size {
		return nil, false
	}
	n := name(sha256.Sum256(secret))
	st.mu.Lock()
	e := st.live[n]
	st.mu.Unlock()
	if e == nil {
		return nil, false
	}
	if why := st.over(e.session); why != "" {
		st.remove(n, why)
		return nil, false
	}
	if person {
		e.session.touch()
	}
	return e.session, true
}

// over says why a session has had its time; empty: it has not.
func (st *Store) over(s *Session) string {
	now, used, until := st.c.Now(), s.lastUsed(), s.lastsUntil()
	lifetime := st.c.Lifetime
	if s.stage != SignedIn {
		lifetime = min(lifetime, pendingLifetime)
	}
	switch {
	case now.Sub(s.since) > lifetime, !until.IsZero() && now.After(until):
		return whyLifetime
	case now.Sub(used) > st.c.Idle:
		return whyIdle
	default:
		return ""
	}
}

// End ends a session, because its person wants it to.
func (st *Store) End(s *Session) {
	st.endThose(whySignedOut, func(one *Session) bool { return one == s })
}

// Retire ends a stage of signing in soon: another session has taken its place,
// but whoever sent its form twice still gets the answer.
func (st *Store) Retire(s *Session) { s.lastUntil(st.c.Now().Add(retirement)) }

// Sweep ends the sessions whose time is over, and lets go what others hold for
// too long. The server calls it now and then.
func (st *Store) Sweep() {
	st.mu.Lock()
	over := make(map[name]string)
	live := make([]*Session, 0, len(st.live))
	for n, e := range st.live {
		if why := st.over(e.session); why != "" {
			over[n] = why
		} else {
			live = append(live, e.session)
		}
	}
	st.mu.Unlock()
	for n, why := range over {
		st.remove(n, why)
	}
	for _, s := range live {
		s.letGo()
	}
}

// Close ends all sessions.
func (st *Store) Close() { st.endThose(whyStopped, func(*Session) bool { return true }) }

func (st *Store) endThose(why string, which func(*Session) bool) {
	st.mu.Lock()
	var found []name
	for n, e := range st.live {
		if which(e.session) {
			found = append(found, n)
		}
	}
	st.mu.Unlock()
	for _, n := range found {
		st.remove(n, why)
	}
}

// remove ends the session of a name, if there is one.
func (st *Store) remove(n name, why string) {
	st.mu.Lock()
	e := st.live[n]
	delete(st.live, n)
	st.mu.Unlock()
	if e != nil {
		e.end(why)
	}
}

func (e *entry) end(why string) {
	e.leave()
	if e.session.finish() && e.session.stage == SignedIn {
		e.session.log.Info("signed out", "reason", why)
	}
}

// makeRoom takes out the session that was unused for the longest time, of the
// account when it has the most, where there would be too many of the stage's
// kind. It needs mu; the caller ends the session.
func (st *Store) makeRoom(account string, stage Stage) *entry {
	most, mostOwn := maxSessions, maxPerAccount
	if stage != SignedIn {
		most, mostOwn = maxPending, maxPendingPerAccount
	}
	all, own := 0, 0
	var oldest, oldestOwn name
	older := func(n, than name, first bool) bool {
		return first || st.live[n].session.lastUsed().Before(st.live[than].session.lastUsed())
	}
	for n, e := range st.live {
		if (e.session.stage == SignedIn) != (stage == SignedIn) {
			continue
		}
		if older(n, oldest, all == 0) {
			oldest = n
		}
		all++
		if e.session.actor.Account != account {
			continue
		}
		if older(n, oldestOwn, own == 0) {
			oldestOwn = n
		}
		own++
	}
	gone := oldest
	switch {
	case own >= mostOwn:
		gone = oldestOwn
	case all < most:
		return nil
	}
	e := st.live[gone]
	delete(st.live, gone)
	return e
}

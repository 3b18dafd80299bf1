// Package sessions is the table of those who are signed in now, over whatever
// door, so that a session ends as soon as what it was signed in with is
// withdrawn.
package sessions

import (
	"slices"
	"sync"
	"time"
)

// Session is one person's being signed in.
type Session struct {
	ID      uint64 // given by Enter, never 0
	Account string
	From    string // address
	Key     string // fingerprint of the SSH key that it was signed in with; empty: a password
	Since   time.Time
	// Unfinished sessions are those whose person has not come to the end of
	// signing in. They end as others do, but nobody counts them.
	Unfinished bool
}

// Table holds sessions.
type Table struct {
	// acting is held by those who act, for reading, and once by whoever ends
	// sessions: so nothing of theirs is done after that.
	acting sync.RWMutex

	mu   sync.Mutex // guards what follows
	last uint64
	live map[uint64]entry
}

type entry struct {
	Session
	end func()
}

// NewTable makes a table with nobody in it.
func NewTable() *Table { return &Table{live: make(map[uint64]entry)} }

// Enter adds a session and gives it its ID. end is called, at most once and
// without waiting, when the session has to end; leave takes it off the table.
// Whoever enters checks after it that what was signed in with still holds: then
// either the check or End sees a withdrawal of that moment.
func (t *Table) Enter(s Session, end func()) (entered Session, leave func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	s.ID = t.last
	t.live[s.ID] = entry{s, end}
	return s, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.live, s.ID)
	}
}

// While does something in the name of a session, and says false instead when it
// has ended. Nothing is done any more when End has returned. The session 0 is
// the console's, which nobody ends.
func (t *Table) While(id uint64, do func()) bool {
	t.acting.RLock()
	defer t.acting.RUnlock()
	if id != 0 && !t.isLive(id) {
		return false
	}
	do()
	return true
}

// End ends an account's sessions that were signed in with a key, or all of them
// when the key is empty, but one (0: none excepted), and says how many that are
// counted. What they are doing is done when it returns; it is not called by one
// of While's.
func (t *Table) End(account, key string, but uint64) int {
	t.mu.Lock()
	var ends []func()
	n := 0
	for id, e := range t.live {
		if e.Account == account && (key == "" || e.Key == key) && id != but {
			ends = append(ends, e.end)
			delete(t.live, id)
			if !e.Unfinished {
				n++
			}
		}
	}
	t.mu.Unlock()
	for _, end := range ends {
		end()
	}
	t.acting.Lock() // whoever acts now is waited for, and the next one is refused
	defer t.acting.Unlock()
	return n
}

// isLive says whether a session has neither ended nor been told to.
func (t *Table) isLive(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.live[id]
	return ok
}

// Count says how many sessions an account has, without unfinished ones.
func (t *Table) Count(account string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, e := range t.live {
		if e.Account == account && !e.Unfinished {
			n++
		}
	}
	return n
}

// List gives all sessions but unfinished ones, the oldest first.
func (t *Table) List() []Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Session, 0, len(t.live))
	for _, e := range t.live {
		if !e.Unfinished {
			out = append(out, e.Session)
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return int(a.ID) - int(b.ID) })
	return out
}

package websession

import (
	"crypto/rand"
	"slices"
	"time"
)

// maxOutcomes is how many outcomes a session remembers.
const maxOutcomes = 32

// outcomes are what pages have to show of acts that were done before them.
type outcomes struct {
	of    map[string]any
	order []string
}

// Keep remembers what came of an act, for the page that follows, and gives it a
// name for that page's address. It can be read again, because pages are loaded
// again, until newer ones take its place.
func (s *Session) Keep(outcome any) (name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = rand.Text()
	if s.over {
		return name // nobody comes for it
	}
	if s.seen.of == nil {
		s.seen.of = make(map[string]any)
	}
	s.seen.of[name] = outcome
	s.seen.order = append(s.seen.order, name)
	if len(s.seen.order) > maxOutcomes {
		delete(s.seen.of, s.seen.order[0])
		s.seen.order = s.seen.order[1:]
	}
	return name
}

// Kept reads an outcome.
func (s *Session) Kept(name string) (outcome any, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	outcome, ok = s.seen.of[name]
	return outcome, ok
}

// maxHeld is how many things lie on a session's shelf at once.
const maxHeld = 16

// shelf holds what can be taken once, for a while.
type shelf struct {
	of    map[string]held
	order []string
}

type held struct {
	thing any
	until time.Time
}

// wiper is something held that wants to be told when nobody can take it any more.
type wiper interface{ Wipe() }

// wipe tells those that were dropped. The session's mutex is not held then.
func wipe(dropped []any) {
	for _, thing := range dropped {
		if w, ok := thing.(wiper); ok {
			w.Wipe()
		}
	}
}

// Hold keeps something until it is taken, for at most a while, and gives it a
// name that cannot be guessed. It is in memory only; where it has a method Wipe,
// that is called when it is dropped before it was taken.
func (s *Session) Hold(thing any, lifetime time.Duration) (name string) {
	var dropped []any
	defer func() { wipe(dropped) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped = s.sweep()
	name = rand.Text()
	if s.over { // nobody comes for it
		dropped = append(dropped, thing)
		return name
	}
	if s.kept.of == nil {
		s.kept.of = make(map[string]held)
	}
	s.kept.of[name] = held{thing, s.now().Add(lifetime)}
	s.kept.order = append(s.kept.order, name)
	if len(s.kept.order) > maxHeld {
		dropped = append(dropped, s.drop(s.kept.order[0]))
	}
	return name
}

// Look shows what is held without taking it.
func (s *Session) Look(name string) (thing any, ok bool) { return s.find(name, false) }

// Take takes what is held: nobody gets it again.
func (s *Session) Take(name string) (thing any, ok bool) { return s.find(name, true) }

func (s *Session) find(name string, take bool) (thing any, ok bool) {
	s.letGo()
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.kept.of[name]
	if ok && take {
		s.drop(name)
	}
	return h.thing, ok
}

// drop takes a thing off the shelf. It needs mu.
func (s *Session) drop(name string) (thing any) {
	thing = s.kept.of[name].thing
	delete(s.kept.of, name)
	if i := slices.Index(s.kept.order, name); i >= 0 {
		s.kept.order = slices.Delete(s.kept.order, i, i+1)
	}
	return thing
}

// letGo drops what nobody came for in time.
func (s *Session) letGo() {
	s.mu.Lock()
	dropped := s.sweep()
	s.mu.Unlock()
	wipe(dropped)
}

// sweep needs mu; the caller wipes what it returns once mu is free.
func (s *Session) sweep() (dropped []any) {
	for name, h := range s.kept.of {
		if s.now().After(h.until) {
			dropped = append(dropped, s.drop(name))
		}
	}
	return dropped
}

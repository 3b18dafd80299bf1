package audit

import (
	"sync"
	"time"

	"vedette/internal/kv"
)

// spans remembers from when to when records of whole pages are, so that looking
// for a time does not read everything each time. Records never change, so nothing
// of it grows old; where a clock was set back, pages overlap, and none is missed.
type spans struct {
	mu sync.Mutex
	of map[uint64]span // by the number of the page
}

type span struct{ first, last time.Time }

// may says whether a page may hold records of the filter's time.
func (s *spans) may(page uint64, f Filter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.of[page]
	return !ok || (f.Since.IsZero() || !known.last.Before(f.Since)) && (f.Until.IsZero() || known.first.Before(f.Until))
}

// note remembers a page that was read. One with a record whose time cannot be
// read is read again each time, and opening that record says what is wrong.
func (s *spans) note(page uint64, entries []kv.Entry) {
	if len(entries) != pageSize {
		return // the end of the trail, or a page with a record missing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.of[page]; ok {
		return
	}
	var all span
	for i, e := range entries {
		at, ok := timeOf(e.Value)
		if !ok {
			return
		}
		if i == 0 || at.Before(all.first) {
			all.first = at
		}
		if i == 0 || at.After(all.last) {
			all.last = at
		}
	}
	if s.of == nil {
		s.of = make(map[uint64]span)
	}
	s.of[page] = all
}

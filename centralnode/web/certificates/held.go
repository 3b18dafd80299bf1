package certificates

import (
	"sync"
	"time"

	"vedette/centralnode/web/websession"
)

// held is a file with a private key that waits in a session for its person. It
// is overwritten when it was used, and when its time is over.
type held struct {
	name string // of the file

	mu   sync.Mutex // guards data
	data []byte
}

// hold keeps a file for a while. The data is the holder's from now on.
func hold(s *websession.Session, name string, data []byte, lifetime time.Duration) (h *held, under string) {
	h = &held{name: name, data: data}
	time.AfterFunc(lifetime, h.Wipe)
	return h, s.Hold(h, lifetime)
}

// look finds a file without taking it.
func look(s *websession.Session, under string) (*held, bool) {
	thing, _ := s.Look(under)
	h, ok := thing.(*held)
	return h, ok
}

// use lends the data for the time of a call; false means that it is gone.
func (h *held) use(do func(data []byte) error) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.data == nil {
		return false, nil
	}
	return true, do(h.data)
}

// Wipe overwrites the data.
func (h *held) Wipe() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.data)
	h.data = nil
}

package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"vedette/pki"
)

// Pins are the one or two server certificates that the agent accepts: the
// configured one, and the next one once the server announced it over a
// connection that met a pin. They are safe for concurrent use.
type Pins struct {
	path string // empty: not kept

	mu    sync.Mutex
	state pinState
}

type pinState struct {
	Version int `json:"version"`
	// Configured is the pin of the settings that the others came from.
	Configured pki.Fingerprint `json:"configured"`
	// Current is Configured, until an announced one was used and a further one announced.
	Current   pki.Fingerprint  `json:"current"`
	Announced *pki.Fingerprint `json:"announced,omitempty"`
}

// OpenPins takes the configured pin, and what was announced since it was
// configured. Configuring another pin replaces all.
func OpenPins(path string, configured pki.Fingerprint) (*Pins, error) {
	p := &Pins{path: path, state: pinState{Version: 1, Configured: configured, Current: configured}}
	if path == "" {
		return p, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read announced pin: %w", err)
	}
	var kept pinState
	if err := json.Unmarshal(data, &kept); err != nil || kept.Version != 1 {
		// The configured pin is in the settings; only an announcement is lost.
		return p, nil
	}
	if kept.Configured == configured && !kept.Current.IsZero() {
		p.state = kept
	}
	return p, nil
}

// Check is the pki.PinCheck of the present pins.
func (p *Pins) Check(met pki.Fingerprint) error { return pki.PinTo(p.List()...)(met) }

// List gives the pin and, if there is one, the announced next one.
func (p *Pins) List() []pki.Fingerprint {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []pki.Fingerprint
	if !p.state.Current.IsZero() {
		list = append(list, p.state.Current)
		if p.state.Announced != nil {
			list = append(list, *p.state.Announced)
		}
	}
	return list
}

// Announce takes what a server said over a connection that met a pin: the next
// pin, or none (empty). It reports whether anything changed.
//
// While the configured certificate is in use, the announcement may change and
// may be taken back. Once the announced one is in use it stays, since the
// server shows it; a further announcement then moves it up, and the configured
// one is no longer accepted.
func (p *Pins) Announce(met pki.Fingerprint, next []byte) (bool, error) {
	var announced *pki.Fingerprint
	switch len(next) {
	case 0:
	case len(pki.Fingerprint{}):
		f := pki.Fingerprint(next)
		announced = &f
	default:
		return false, fmt.Errorf("announced pin has %d bytes", len(next))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	state := p.state
	switch {
	case met == state.Current:
		if announced != nil && *announced == state.Current {
			announced = nil
		}
		state.Announced = announced
	case state.Announced != nil && met == *state.Announced:
		if announced == nil || *announced == met || *announced == state.Current {
			return false, nil
		}
		state.Current, state.Announced = met, announced
	default:
		return false, nil // not over a pinned connection: worth nothing
	}
	if state.Current == p.state.Current && equal(state.Announced, p.state.Announced) {
		return false, nil
	}
	p.state = state
	return true, p.save()
}

func equal(a, b *pki.Fingerprint) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func (p *Pins) save() error {
	if p.path == "" {
		return nil
	}
	data, err := json.Marshal(p.state)
	if err != nil {
		return fmt.Errorf("keep announced pin: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(p.path), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep announced pin: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		return fmt.Errorf("keep announced pin: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

package admin

import (
	"sync"
	"time"

	"vedette/pki"
)

// use is what the hosts tell about an agent certificate.
type use struct {
	last  time.Time // last contact of any of them
	hosts int
}

// usesFor is how long an answer about all hosts is good enough for a table.
// Pages that are followed ask every two seconds, each for itself.
const usesFor = time.Second

// uses says how the hosts use agent certificates.
type uses struct {
	mu sync.Mutex // guards what follows
	at time.Time
	of map[pki.Fingerprint]use // never changed, only replaced
}

// now gives an answer that is a second old at most.
func (u *uses) now(hosts Hosts, at time.Time) map[pki.Fingerprint]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	if age := at.Sub(u.at); u.of == nil || age >= usesFor || age < 0 {
		u.of, u.at = countUses(hosts), at
	}
	return u.of
}

func countUses(hosts Hosts) map[pki.Fingerprint]use {
	all := hosts.Hosts()
	of := make(map[pki.Fingerprint]use, len(all))
	for i := range all {
		h := &all[i]
		if h.Leaf.IsZero() {
			continue
		}
		u := of[h.Leaf]
		u.hosts++
		if h.Last.After(u.last) {
			u.last = h.Last
		}
		of[h.Leaf] = u
	}
	return of
}

package gateway

import (
	"vedette/centralnode/trust"
	"vedette/pki"
)

// tally counts something by whom it concerns.
type tally struct {
	everybody int
	// The zero leaf stands for callers without a certificate, the zero Sensor for
	// those who came directly.
	leaves, sensors map[pki.Fingerprint]int
	systems         map[trust.System]int
}

func newTally() tally {
	return tally{leaves: make(map[pki.Fingerprint]int), sensors: make(map[pki.Fingerprint]int), systems: make(map[trust.System]int)}
}

// addTo changes the count of some keys, and forgets those that come to nothing.
func addTo[K comparable](counts map[K]int, by int, keys ...K) {
	for _, k := range keys {
		if counts[k] += by; counts[k] == 0 {
			delete(counts, k)
		}
	}
}

// addCaller counts one caller at an entrance.
func (t *tally) addCaller(e entrance, c trust.Caller, by int) {
	t.everybody += by
	addTo(t.leaves, by, c.Leaf)
	addTo(t.sensors, by, c.Sensor)
	if e.door == trust.ExternalSystem {
		addTo(t.systems, by, trust.System{ID: e.id, Leaf: c.Leaf})
	}
}

// addScope counts those whom a scope names.
func (t *tally) addScope(s trust.Scope, by int) {
	if s.Everybody {
		t.everybody += by
	}
	addTo(t.leaves, by, s.Leaves...)
	addTo(t.sensors, by, s.Sensors...)
	addTo(t.systems, by, s.Systems...)
}

// names reports whether a caller at an entrance is among the counted scopes.
func (t *tally) names(e entrance, c trust.Caller) bool {
	return t.everybody > 0 || t.leaves[c.Leaf] > 0 || t.sensors[c.Sensor] > 0 ||
		e.door == trust.ExternalSystem && t.systems[trust.System{ID: e.id, Leaf: c.Leaf}] > 0
}

// of is how many of the counted callers a scope names; one that it names twice
// counts twice.
func (t *tally) of(s trust.Scope) int {
	if s.Everybody {
		return t.everybody
	}
	n := 0
	for _, f := range s.Leaves {
		n += t.leaves[f]
	}
	for _, f := range s.Sensors {
		n += t.sensors[f]
	}
	for _, who := range s.Systems {
		n += t.systems[who]
	}
	return n
}

func (t *tally) empty() bool {
	return t.everybody == 0 && len(t.leaves) == 0 && len(t.sensors) == 0 && len(t.systems) == 0
}

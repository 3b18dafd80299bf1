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
}

func newTally() tally {
	return tally{leaves: make(map[pki.Fingerprint]int), sensors: make(map[pki.Fingerprint]int)}
}

func (t *tally) count(by int, leaves, sensors []pki.Fingerprint) {
	count := func(m map[pki.Fingerprint]int, keys []pki.Fingerprint) {
		for _, k := range keys {
			if m[k] += by; m[k] == 0 {
				delete(m, k)
			}
		}
	}
	count(t.leaves, leaves)
	count(t.sensors, sensors)
}

// addCaller counts one caller.
func (t *tally) addCaller(c trust.Caller, by int) {
	t.everybody += by
	t.count(by, []pki.Fingerprint{c.Leaf}, []pki.Fingerprint{c.Sensor})
}

// addScope counts those whom a scope names.
func (t *tally) addScope(s trust.Scope, by int) {
	if s.Everybody {
		t.everybody += by
	}
	t.count(by, s.Leaves, s.Sensors)
}

// names reports whether a caller is among the counted scopes.
func (t *tally) names(c trust.Caller) bool {
	return t.everybody > 0 || t.leaves[c.Leaf] > 0 || t.sensors[c.Sensor] > 0
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
	return n
}

func (t *tally) empty() bool { return t.everybody == 0 && len(t.leaves) == 0 && len(t.sensors) == 0 }

package scan

import "slices"

// States lists what a system submitted, of one instance or of any, and can look
// up, in order of submission. want selects states; none selects all.
func (r *Room) States(id, instance string, anyInstance bool, want []State) []Scan {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.systems[id]
	if s == nil {
		return nil
	}
	wanted := func(it *item) bool {
		return !it.gone && it.durable && (anyInstance || it.key.instance == instance) &&
			(len(want) == 0 || slices.Contains(want, it.state))
	}
	// The list may be long and the lock is everybody's: counting first saves most
	// of the time.
	n := 0
	for _, it := range s.order.items {
		if wanted(it) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	scans := make([]Scan, 0, n)
	for _, it := range s.order.items {
		if wanted(it) {
			scans = append(scans, it.scan())
		}
	}
	return scans
}

// Instances lists the instances of a system that have a scan of this ID, in
// order of their names.
func (r *Room) Instances(id, scanID string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.systems[id]
	if s == nil {
		return nil
	}
	var have []string
	for instance := range s.instances {
		if it := s.scans[local{instance, scanID}]; it != nil && it.durable {
			have = append(have, instance)
		}
	}
	slices.Sort(have)
	return have
}

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
	var scans []Scan
	for _, it := range s.order.items {
		if it.gone || !it.durable || !anyInstance && it.key.instance != instance ||
			len(want) > 0 && !slices.Contains(want, it.state) {
			continue
		}
		scans = append(scans, it.scan())
	}
	return scans
}

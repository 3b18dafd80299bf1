package alerts

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"time"
	"unique"

	"vedette/internal/acts"
)

// entry is what is kept in memory of an alert: enough to count, to choose and
// to page without reading.
type entry struct {
	id      int64
	origin  origin
	state   acts.AlertState
	created time.Time
	size    int // bytes in the state file
	// Words that many alerts have in common lie in memory once.
	importance, system unique.Handle[string]
}

// origin tells findings apart.
type origin [16]byte

func originOf(a Alert) origin {
	sum := sha256.Sum256([]byte(a.Origin + "\x00" + a.Engine))
	return origin(sum[:16])
}

// kind holds the alerts of one technology, oldest first.
type kind struct {
	entries []entry
	bytes   int
}

func (k *kind) find(id int64) (int, bool) {
	return slices.BinarySearchFunc(k.entries, id, func(e entry, id int64) int { return cmp.Compare(e.id, id) })
}

// index is what Room keeps in memory; its owner guards it.
type index struct {
	kinds  map[string]*kind // by technology
	known  map[origin]int64
	counts map[acts.AlertState]int
	bytes  int
	last   int64 // the number given last
}

func newIndex() index {
	return index{kinds: make(map[string]*kind), known: make(map[origin]int64), counts: make(map[acts.AlertState]int)}
}

// add takes an alert that is newer than all others.
func (x *index) add(a Alert, size int) {
	k := x.kinds[a.Technology]
	if k == nil {
		k = &kind{}
		x.kinds[a.Technology] = k
	}
	e := entry{
		id: a.ID, origin: originOf(a), state: a.State, created: a.Created, size: size,
		importance: unique.Make(a.Importance), system: unique.Make(a.System),
	}
	k.entries = append(k.entries, e)
	k.bytes += size
	x.bytes += size
	x.known[e.origin] = a.ID
	x.counts[a.State]++
	x.last = a.ID
}

// drop forgets the n oldest alerts of a technology.
func (x *index) drop(technology string, n int) {
	k := x.kinds[technology]
	for _, e := range k.entries[:n] {
		k.bytes -= e.size
		x.bytes -= e.size
		x.counts[e.state]--
		delete(x.known, e.origin)
	}
	k.entries = k.entries[n:]
	if n > 0 && len(k.entries) == 0 {
		delete(x.kinds, technology)
	}
}

// set notes another state of an alert, and the size it has now.
func (x *index) set(a Alert, size int) {
	k := x.kinds[a.Technology]
	if k == nil {
		return
	}
	if i, found := k.find(a.ID); found {
		e := &k.entries[i]
		x.counts[e.state]--
		x.counts[a.State]++
		x.bytes += size - e.size
		k.bytes += size - e.size
		e.state, e.size = a.State, size
	}
}

// displaced says how many of the oldest alerts of each technology have to go
// for one of this technology and size, with bounds on the number of its
// technology and on the bytes of all.
func (x *index) displaced(technology string, size, most, maxBytes int) map[string]int {
	out := make(map[string]int)
	weight := make(map[string]int)
	for t, k := range x.kinds {
		weight[t] = k.bytes
	}
	bytes := x.bytes + size
	take := func(t string) {
		e := x.kinds[t].entries[out[t]]
		out[t]++
		weight[t] -= e.size
		bytes -= e.size
	}
	if k := x.kinds[technology]; k != nil {
		for out[technology] < len(k.entries) && len(k.entries)-out[technology]+1 > most {
			take(technology)
		}
	}
	for bytes > maxBytes {
		heaviest := ""
		for t, w := range weight {
			if w > weight[heaviest] || w == weight[heaviest] && t < heaviest {
				heaviest = t
			}
		}
		if heaviest == "" {
			break // it is larger than all that may be kept
		}
		take(heaviest)
	}
	return out
}

// after returns the numbers of at most limit alerts behind a number, in order,
// of some technologies (none: all).
func (x *index) after(id int64, technologies []string, limit int) []int64 {
	var ids []int64
	for technology, k := range x.kinds {
		if len(technologies) > 0 && !slices.Contains(technologies, technology) {
			continue
		}
		from, found := k.find(id)
		if found {
			from++
		}
		for _, e := range k.entries[from:min(len(k.entries), from+limit)] {
			ids = append(ids, e.id)
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), limit)]
}

// chosen is an alert that a filter selects.
type chosen struct {
	id     int64
	weight int // of its importance
}

// choose returns the numbers of alerts that a filter may select, as far as the
// index knows, in the order that it asks for.
func (x *index) choose(f acts.AlertFilter) []int64 {
	var found []chosen
	importance, system := unique.Make(f.Importance), unique.Make(f.System)
	weigh := newScale()
	for technology, k := range x.kinds {
		if f.Technology != "" && f.Technology != technology {
			continue
		}
		for i := range k.entries {
			e := &k.entries[i]
			if f.State != "" && f.State != e.state || f.Importance != "" && e.importance != importance || f.System != "" && e.system != system ||
				!f.Since.IsZero() && e.created.Before(f.Since) || !f.Until.IsZero() && e.created.After(f.Until) {
				continue
			}
			found = append(found, chosen{e.id, weigh.of(e.importance)})
		}
	}
	slices.SortFunc(found, orderOf(f.Sort))
	ids := make([]int64, len(found))
	for i, e := range found {
		ids[i] = e.id
	}
	return ids
}

// total counts alerts.
func (x *index) total() (n int) {
	for _, k := range x.kinds {
		n += len(k.entries)
	}
	return n
}

// orderOf gives the order of a table, the newest first where none is named.
func orderOf(by acts.AlertSort) func(a, b chosen) int {
	newest := func(a, b chosen) int { return cmp.Compare(b.id, a.id) }
	switch by {
	case acts.AlertsByID:
		return func(a, b chosen) int { return cmp.Compare(a.id, b.id) }
	case acts.AlertsByImportance:
		return func(a, b chosen) int { return cmp.Or(cmp.Compare(a.weight, b.weight), newest(a, b)) }
	case "-" + acts.AlertsByImportance:
		return func(a, b chosen) int { return cmp.Or(cmp.Compare(b.weight, a.weight), newest(a, b)) }
	default:
		return newest
	}
}

// scale weighs words of importance. One that is not known weighs more than all
// others, so that nobody overlooks it.
type scale map[unique.Handle[string]]int

func newScale() scale {
	s := make(scale)
	for i, word := range slices.Backward(acts.AlertImportances()) {
		s[unique.Make(word)] = -i
	}
	return s
}

func (s scale) of(word unique.Handle[string]) int {
	if weight, known := s[word]; known {
		return weight
	}
	return 1
}

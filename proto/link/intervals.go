package link

import (
	"slices"
	"sort"
)

// intervals is a set of stream ids that is small while ids are nearly dense.
type intervals []struct{ lo, hi uint32 }

// has says whether id is in the set.
func (s intervals) has(id uint32) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].hi >= id })
	return i < len(s) && s[i].lo <= id
}

// add puts id, which is not in the set, into it.
func (s *intervals) add(id uint32) {
	v := *s
	i := sort.Search(len(v), func(i int) bool { return v[i].hi >= id })
	left := i > 0 && v[i-1].hi+1 == id
	right := i < len(v) && v[i].lo == id+1
	switch {
	case left && right:
		v[i-1].hi = v[i].hi
		v = slices.Delete(v, i, i+1)
	case left:
		v[i-1].hi = id
	case right:
		v[i].lo = id
	default:
		v = slices.Insert(v, i, struct{ lo, hi uint32 }{id, id})
	}
	*s = v
}

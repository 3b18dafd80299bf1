package spool

import "sync"

// Quota bounds the bytes that objects may take, in all and by owner. It counts
// what has really arrived, never what was announced.
type Quota struct {
	limit, share int64
	reserve      int64 // of limit, for those who have little

	mu   sync.Mutex // guards what follows
	used int64
	by   map[string]int64
}

// NewQuota makes a quota of limit bytes of which one owner may take share. An
// eighth of it is a reserve, for owners that have no more than their even share
// of that: what others have beyond it keeps nobody out.
func NewQuota(limit, share int64) *Quota {
	return &Quota{limit: limit, share: share, reserve: limit / 8, by: make(map[string]int64)}
}

// Take counts n bytes of an owner, or reports that there is no room for them:
// then nothing is counted. A favoured owner may always use all of the quota.
func (q *Quota) Take(owner string, n int64, favoured bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	have, known := q.by[owner]
	owners := int64(len(q.by))
	if !known {
		owners++
	}
	limit := q.limit
	if !favoured && have+n > q.reserve/owners {
		limit -= q.reserve
	}
	if q.used+n > limit || have+n > q.share {
		return false
	}
	q.add(owner, n)
	return true
}

// Hold counts n bytes of an owner that are there already, room or not.
func (q *Quota) Hold(owner string, n int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(owner, n)
}

// Give takes n bytes off the account of an owner.
func (q *Quota) Give(owner string, n int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(owner, -n)
}

func (q *Quota) add(owner string, n int64) {
	q.used += n
	if q.by[owner] += n; q.by[owner] == 0 {
		delete(q.by, owner)
	}
}

// Used is what is counted now, in all.
func (q *Quota) Used() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.used
}

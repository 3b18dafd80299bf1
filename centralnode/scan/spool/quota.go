package spool

import "sync"

// Quota bounds the bytes that objects may take, in all and by owner. It counts
// what has really arrived, never what was announced.
type Quota struct {
	limit, share int64

	mu   sync.Mutex // guards what follows
	used int64
	by   map[string]int64
}

// NewQuota makes a quota of limit bytes of which one owner may take share.
func NewQuota(limit, share int64) *Quota {
	return &Quota{limit: limit, share: share, by: make(map[string]int64)}
}

// Take counts n bytes of an owner, or reports that there is no room for them:
// then nothing is counted.
func (q *Quota) Take(owner string, n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used+n > q.limit || q.by[owner]+n > q.share {
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

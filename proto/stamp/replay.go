package stamp

import "time"

// replayWindow is how far behind the newest packet another one may come: at 20
// a second 51 s.
const replayWindow = 1024

// window knows which packets of a session came. Numbers do not begin again: a
// session that has used up its 2^32 is over, after a year at the most packets
// that are answered.
type window struct {
	next uint64                    // the number after the newest that came
	came [replayWindow / 64]uint64 // a bit for each of the numbers before next
}

// fresh reports whether the packet of a number did not come yet, and is not too
// old to know.
func (w *window) fresh(n uint32) bool {
	if uint64(n) >= w.next {
		return true
	}
	return w.next-uint64(n) <= replayWindow && w.came[n/64%uint32(len(w.came))]>>(n%64)&1 == 0
}

// take notes that the packet of a number came.
func (w *window) take(n uint32) {
	if uint64(n) >= w.next {
		if uint64(n)-w.next >= replayWindow {
			clear(w.came[:])
		} else {
			for i := w.next; i <= uint64(n); i++ {
				w.came[i/64%uint64(len(w.came))] &^= 1 << (i % 64)
			}
		}
		w.next = uint64(n) + 1
	}
	w.came[n/64%uint32(len(w.came))] |= 1 << (n % 64)
}

// The most packets of a session that are answered: so many a second, and at
// once.
const (
	maxRate  = 100
	maxBurst = 100
)

// rate bounds answers.
type rate struct{ full time.Time } // when it will have its whole burst again

// take takes a place now, where there is one.
func (r *rate) take(now time.Time) bool {
	const each = time.Second / maxRate
	ahead := r.full.Sub(now)
	switch {
	case ahead <= 0, ahead > maxBurst*each: // rested; or the clock was set back
		r.full = now.Add(each)
	case ahead > (maxBurst-1)*each:
		return false
	default:
		r.full = r.full.Add(each)
	}
	return true
}

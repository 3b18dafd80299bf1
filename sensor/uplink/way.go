package uplink

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"vedette/proto/link"
)

// errSwallowed is a way on which small packets pass and large ones vanish,
// without the ICMP message by which the kernel would learn of it.
var errSwallowed = errors.New("large packets are lost on the way without notice")

// segmentSizes are tried one after the other while large packets vanish: what
// the interface allows, what fits the least MTU of IPv6, and of IPv4 (RFC 8200
// section 5, RFC 9293 section 3.7.1).
var segmentSizes = []int{0, 1220, 536}

// The full size is tried again after retrySize, and after twice as long each
// time that it fails, up to retryMost.
const (
	retrySize = time.Hour
	retryMost = 24 * time.Hour
	maxWays   = 64
	// littleCarried is for a lane to have carried when large segments can never
	// have passed: its handshake and some small frames.
	littleCarried = 64 << 10
)

// ways remembers the ways on which large packets vanish, by the address at
// their end. The nil ways remembers nothing.
type ways struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]way
}

// way is one on which segments have to be small.
type way struct {
	step  int           // of segmentSizes
	wait  time.Duration // until the full size is tried
	again time.Time
}

func newWays(now func() time.Time) *ways { return &ways{now: now, known: make(map[string]way)} }

// first is the step of segmentSizes to begin with.
func (w *ways) first(address string) int {
	if w.due(address) {
		return 0
	}
	return w.step(address)
}

// step is the present one of a way.
func (w *ways) step(address string) int {
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[address].step
}

// due says that it is time to try the full size again.
func (w *ways) due(address string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.known[address]
	return ok && !w.now().Before(known.again)
}

// size bounds the segments on the way to an address; 0: nothing does.
func (w *ways) size(address string) int { return segmentSizes[w.step(address)] }

// passed notes that a handshake went through with segments of a step, and with
// none before it.
func (w *ways) passed(address string, step int) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.known[address]
	switch {
	case step == 0:
		delete(w.known, address)
	case ok && known.step == step && w.now().Before(known.again):
	default:
		w.bound(address, step)
	}
}

// bound keeps segments small on a way. The caller holds mu.
func (w *ways) bound(address string, step int) {
	known := w.known[address]
	if len(w.known) >= maxWays {
		clear(w.known) // they are found again
	}
	known.step, known.wait = step, min(max(retrySize, 2*known.wait), retryMost)
	known.again = w.now().Add(known.wait)
	w.known[address] = known
}

// stuck takes the end of a lane that did not get on. If all that waited was
// large and the lane never carried much, the next ones have smaller segments.
func (w *ways) stuck(address string, t link.TCP) {
	if t.SegmentSize == 0 || t.UnderWay() < uint64(t.SegmentSize) || t.AckedBytes > littleCarried {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// Options of TCP take a part of a segment's size.
	if step := w.known[address].step + 1; step < len(segmentSizes) && (step == 1 || t.SegmentSize <= segmentSizes[step-1]) && t.SegmentSize > segmentSizes[step] {
		w.bound(address, step)
	}
}

const (
	lookAtShake  = 200 * time.Millisecond
	swallowTime  = 2 * time.Second // for the first bytes to come, when later ones have
	swallowTrips = 20
)

// swallowed looks at a connection in its handshake until ctx ends or it shows
// that large packets vanish: either side's first segment is full, its second not.
func swallowed(ctx context.Context, conn net.Conn) bool {
	tick := time.NewTicker(lookAtShake)
	defer tick.Stop()
	var early time.Duration // since later bytes came without the first
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		t, ok := link.Inspect(conn)
		if !ok {
			return false
		}
		if early += lookAtShake; t.Early == 0 || t.ReceivedBytes > 0 {
			early = 0
		}
		// Ours: sent three times and more, while what is behind it arrives.
		ours := t.UnderWay() >= uint64(t.SegmentSize) && (t.Backoff >= 3 && t.Sacked > 0 || t.Backoff >= 4)
		if ours || early >= max(swallowTime, swallowTrips*t.RTT) {
			return true
		}
	}
}

package link

import (
	"context"
	"testing"
	"time"
)

// leftovers lists what an end still holds besides its lanes.
func leftovers(e *end) map[string]int {
	found := map[string]int{}
	for what, n := range map[string]int{
		"streams": len(e.streams), "resetting": e.resetting, "retained": e.retained, "resets": e.resets.len(), "finals": e.finals.len(),
		"urgent": e.urgent.len(), "lazy": e.lazy.len(), "starved": e.starved.len(), "lingering": e.lingering.len(), "gaps between ids": max(0, len(e.ended)-1),
	} {
		if n != 0 {
			found[what] = n
		}
	}
	for _, l := range e.lanes {
		if n := l.unacked + l.resets.len(); n != 0 || l.own[Small].first() != nil || l.own[Bulk].first() != nil {
			found["of a lane"] = n
		}
	}
	for class := range e.shared {
		if e.shared[class].first() != nil {
			found["shared"]++
		}
	}
	return found
}

// TestStreamsThatAreResetAnywhereLeaveNothing resets streams at every moment of
// a short life, at either end, with and without a lane that dies.
func TestStreamsThatAreResetAnywhereLeaveNothing(t *testing.T) {
	for name, reset := range map[string]func(ends [2]*end, s *stream, move func()){
		"before OPEN is sent": func(ends [2]*end, s *stream, _ func()) { ends[0].reset(s, CodeCancel, "") },
		"after OPEN":          func(ends [2]*end, s *stream, move func()) { move(); ends[0].reset(s, CodeCancel, "") },
		"by the other end": func(ends [2]*end, s *stream, move func()) {
			move()
			ends[1].reset(ends[1].streams[s.id], CodeCancel, "")
		},
		"by both": func(ends [2]*end, s *stream, move func()) {
			move()
			ends[0].reset(s, CodeCancel, "")
			ends[1].reset(ends[1].streams[s.id], CodeCancel, "")
		},
	} {
		for _, dies := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				ends, lanes, move := pairOfEnds(t, testLimits)
				growth := [2]uint64{ends[0].growth, ends[1].growth}
				for i := range 200 {
					s := ends[0].open(nil, uint64(i%7), 0)
					if _, err := ends[0].write(s, make([]byte, 100*i), 0); err != nil {
						t.Fatal(err)
					}
					reset(ends, s, move)
					if dies && i == 100 {
						for _, e := range ends {
							e.laneDown(e.lanes[1], 0)
							lanes[0][Small].drainSent, lanes[1][Small].drainSent = true, true // it is read and written no more
						}
					}
					move()
				}
				move()
				for i, e := range ends {
					if e.err != nil {
						t.Fatal(e.err)
					}
					if left := leftovers(e); len(left) > 0 || e.growth != growth[i] {
						t.Errorf("end %d holds %v, and %d bytes of credit", i, left, growth[i]-e.growth)
					}
				}
			})
		}
	}
}

// TestShortStreamsTakeNoPlace opens and resets more streams than may live, while
// nobody accepts any.
func TestShortStreamsTakeNoPlace(t *testing.T) {
	const most = 50
	r := newRig(t, overTCP, Config{MaxStreams: most}, Small, Small, Bulk, Bulk)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for range 60 * most { // at the highest speed, which must be no flood to the other end
		s, err := r.dial.Open(ctx, Meta{})
		if err != nil {
			t.Fatal(err)
		}
		s.Reset(CodeCancel, "")
	}
	eventually(t, "no stream is left", func() bool { return r.dial.Stats().Streams+r.accept.Stats().Streams == 0 })
	r.accept.mu.Lock()
	waiting := r.accept.accepts.len()
	r.accept.mu.Unlock()
	if waiting > 2*most+1 {
		t.Errorf("%d dead streams wait to be accepted", waiting)
	}
	for range most {
		if _, err := r.dial.Open(ctx, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	for range most {
		if _, err := r.accept.Accept(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAStreamKeptForALaneLeavesWithIt queues a first and a later frame for one
// lane only, and then slows, drains or ends that lane.
func TestAStreamKeptForALaneLeavesWithIt(t *testing.T) {
	const size = 20 << 10
	for name, c := range map[string]struct {
		change func(e *end, l *lane)
		alone  bool // the lane itself carries on
	}{
		"slow":   {func(_ *end, l *lane) { l.waited(0) }, true},
		"drains": {func(e *end, l *lane) { e.drain(l, 0) }, false},
		"dies":   {func(e *end, l *lane) { e.laneDown(l, 0) }, false},
	} {
		t.Run("first frame, "+name, func(t *testing.T) {
			e := newEnd(true, testLimits, 1<<30, 1<<30)
			a, b := e.laneUp(1, Small, 0), e.laneUp(2, Small, 0)
			e.gather(a, 0)
			e.gather(b, 0)
			s := e.open(nil, 1, 0)
			e.gather(a, 0) // OPEN
			if _, err := e.write(s, make([]byte, 100), 0); err != nil || s.queue != &a.own[Small] {
				t.Fatalf("the frame does not wait for the lane of OPEN: %v", err)
			}
			c.change(e, a)
			if all := goes(e, a, s); all != c.alone {
				t.Errorf("the lane carries it: %v", all)
			}
			if !goes(e, b, s) || s.out.sent != 100 || (s.openLane == b.id) == c.alone {
				t.Errorf("sent %d of 100 bytes, OPEN on lane %d", s.out.sent, s.openLane)
			}
		})
		t.Run("bulk, "+name, func(t *testing.T) {
			e := newEnd(true, testLimits, 1<<30, 1<<30)
			a, b := e.laneUp(1, Bulk, 0), e.laneUp(2, Bulk, 0)
			e.gather(a, 0)
			e.gather(b, 0)
			s := e.open(nil, 1, 0)
			e.gather(a, 0)
			e.confirm(s, 0)
			s.allow = allowance{} // what it sends is bulk
			s.out.credit = 10 * size
			for range 2 {
				if _, err := e.write(s, make([]byte, size), 0); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				e.gather(a, 0)
			}
			if s.out.sent == 0 || s.queue != nil && s.queue != &a.own[Bulk] {
				t.Fatalf("%d bytes are sent, and the rest does not wait for the same lane", s.out.sent)
			}
			if _, err := e.write(s, make([]byte, size), 0); err != nil || s.queue != &a.own[Bulk] {
				t.Fatalf("what follows does not wait for the same lane: %v", err)
			}
			c.change(e, a)
			if all := goes(e, a, s); all != c.alone {
				t.Errorf("the lane carries it: %v", all)
			}
			if !goes(e, b, s) || s.out.sent != 3*size {
				t.Errorf("sent %d of %d bytes", s.out.sent, 3*size)
			}
		})
	}
}

// goes gathers all that a lane may take, and says whether all of a stream is on
// its way then.
func goes(e *end, l *lane, s *stream) bool {
	for e.lanes[l.id] == l && e.ready(l) {
		b, held := e.gather(l, 0)
		if held != nil {
			held.release()
		}
		if len(b) == 0 {
			break
		}
	}
	return s.queue == nil && s.out.pending() == nil && (s.confirmed || s.openLane != 0)
}

func TestAStreamWaitsOnceForBuffers(t *testing.T) {
	ends, _, move := pairOfEnds(t, testLimits)
	e := ends[0]
	s := e.open(nil, 1, 0)
	if _, err := e.write(s, make([]byte, 100), 0); err != nil {
		t.Fatal(err)
	}
	e.retainCap = 1
	for range 1000 { // each WINDOW wakes the program, which tries again
		if n, err := e.write(s, make([]byte, 100), 0); n != 0 || err != nil || e.room(s) != 0 {
			t.Fatalf("%d bytes were taken beyond the cap: %v", n, err)
		}
	}
	if n := e.starved.len(); n != 1 {
		t.Errorf("one stream waits %d times", n)
	}
	woken := 0
	e.wake = func(_ *stream, w wake) {
		if w == wakeWrite {
			woken++
		}
	}
	move()
	if woken == 0 || e.starved.len() != 0 {
		t.Errorf("it was woken %d times and waits %d times", woken, e.starved.len())
	}
	if n, _ := e.write(s, make([]byte, 100), 0); n != 100 {
		t.Errorf("%d bytes were taken", n)
	}
}

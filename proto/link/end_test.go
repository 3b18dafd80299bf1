package link

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// pairOfEnds returns two ends joined by one lane of each class, and a function that moves every record there is.
func pairOfEnds(t *testing.T, l limits) (ends [2]*end, lanes [2][2]*lane, move func()) {
	t.Helper()
	for i := range ends {
		ends[i] = newEnd(i == 0, l, 1<<30, 1<<30)
		for class := range lanes[i] {
			lanes[i][class] = ends[i].laneUp(uint16(class+1), Class(class), 0)
		}
	}
	var now time.Duration
	return ends, lanes, func() {
		t.Helper()
		now += 30 * time.Millisecond
		for moved := true; moved; {
			moved = false
			for from := range ends {
				for class, l := range lanes[from] {
					b, held := ends[from].gather(l, now)
					for rest := b; len(rest) > 0; moved = true {
						f, ok, err := decodeOne(rest)
						if err != nil || !ok {
							t.Fatal(err)
						}
						if err := ends[1-from].receive(lanes[1-from][class], f, now); err != nil {
							ends[1-from].close(err)
						}
						h, _ := parseHeader(rest)
						rest = rest[headerSize+h.length:]
					}
					if held != nil {
						held.release()
					}
				}
				ends[from].flushAcks()
			}
		}
	}
}

var testLimits = limits{initWindow: 32 << 10, maxStreams: 100, maxLanes: 8}

func TestEndOfTheLinkEndsEveryStream(t *testing.T) {
	ends, _, move := pairOfEnds(t, testLimits)
	s := ends[0].open(nil, 1, 0)
	if _, err := ends[0].write(s, make([]byte, 5000), 0); err != nil {
		t.Fatal(err)
	}
	ends[0].close(&Error{Code: CodeShutdown})
	move()
	var e *Error
	if _, err := ends[0].write(s, []byte("x"), 0); !errors.As(err, &e) || e.Code != CodeShutdown {
		t.Errorf("write: %v", err)
	}
	if _, _, err := ends[0].read(s, make([]byte, 1), 0); !errors.As(err, &e) {
		t.Errorf("read: %v", err)
	}
	if ends[0].retained != 0 || len(ends[0].streams) != 0 {
		t.Errorf("%d bytes and %d streams are left", ends[0].retained, len(ends[0].streams))
	}
}

func TestGoAwayRefusesNewStreamsOnly(t *testing.T) {
	ends, _, move := pairOfEnds(t, testLimits)
	old := ends[0].open(nil, 1, 0)
	move()
	ends[1].leaveLink(CodeShutdown)
	late := ends[0].open(nil, 1, 0) // before the news
	move()
	if ends[0].peerAway != CodeShutdown {
		t.Error("GOAWAY did not arrive")
	}
	var r *ResetError
	if !errors.As(late.err, &r) || r.Code != CodeShutdown || !r.Remote {
		t.Errorf("late stream: %v", late.err)
	}
	if old.err != nil || ends[1].streams[old.id] == nil {
		t.Errorf("old stream: %v", old.err)
	}
}

func TestOneStreamOnUnequalLanesStaysBelowTheLimitOfGaps(t *testing.T) {
	var ends [2]*end
	var lanes [2][2]*lane
	for i := range ends {
		ends[i] = newEnd(i == 0, limits{initWindow: 4 << 20, maxStreams: 4, maxLanes: 8}, 1<<30, 1<<30)
		for n := range lanes[i] {
			lanes[i][n] = ends[i].laneUp(uint16(n+1), Bulk, 0)
		}
	}
	move := func(l int, deliver bool, late *[][]byte) bool {
		b, held := ends[0].gather(lanes[0][l], 0)
		if held != nil {
			defer held.release()
		}
		if !deliver {
			*late = append(*late, bytes.Clone(b))
			return len(b) > 0
		}
		return receiveAll(t, ends[1], lanes[1][l], b)
	}
	s := ends[0].open(nil, 1, 0)
	move(0, true, nil)
	b, _ := ends[1].gather(lanes[1][0], 0)
	receiveAll(t, ends[0], lanes[0][0], b)
	if n, err := ends[0].write(s, make([]byte, 4<<20), 0); n != 4<<20 || err != nil {
		t.Fatal(n, err)
	}
	var late [][]byte
	for move(0, false, &late) || move(1, true, nil) {
		move(1, true, nil)
	}
	for _, b := range late {
		receiveAll(t, ends[1], lanes[1][0], b)
	}
	if got := ends[1].streams[1].in.next; got != 4<<20 {
		t.Errorf("%d bytes came", got)
	}
}

func receiveAll(t *testing.T, e *end, l *lane, b []byte) bool {
	t.Helper()
	return receiveAt(t, e, l, b, 0)
}

func receiveAt(t *testing.T, e *end, l *lane, b []byte, now time.Duration) bool {
	t.Helper()
	some := len(b) > 0
	for len(b) > 0 {
		f, _, err := decodeOne(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.receive(l, f, now); err != nil {
			t.Fatal(err)
		}
		h, _ := parseHeader(b)
		b = b[headerSize+h.length:]
	}
	return some
}

func TestStreamThatWasLeftIsResetAfterHalfAMinute(t *testing.T) {
	ends, _, move := pairOfEnds(t, testLimits)
	s, done := ends[0].open(nil, 1, 0), ends[0].open(nil, 1, 0)
	move()
	ends[0].leave(s, 0)
	ends[0].leave(done, 0)
	if err := ends[1].closeWrite(ends[1].streams[done.id], 0); err != nil {
		t.Fatal(err)
	}
	move()
	ends[0].tick(lingerTime - 1)
	if s.err != nil || !done.closed || ends[0].lingering.len() != 1 {
		t.Errorf("too early: %v, %v, %d lingering", s.err, done.closed, ends[0].lingering.len())
	}
	ends[0].tick(lingerTime)
	far := ends[1].streams[s.id]
	move()
	var r *ResetError
	if !errors.As(far.err, &r) || r.Code != CodeTimeout || len(ends[0].streams)+len(ends[1].streams)+ends[0].lingering.len() != 0 {
		t.Errorf("afterwards: %v, %d and %d streams", far.err, len(ends[0].streams), len(ends[1].streams))
	}
}

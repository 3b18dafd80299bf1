package link

import (
	"bytes"
	"testing"
	"time"
)

// TestOneStreamFillsALongLine has one program write and the other read as fast
// as they can, over a clean line of 20 Mbit/s with 50 ms each way.
func TestOneStreamFillsALongLine(t *testing.T) {
	const (
		tick    = time.Millisecond
		oneWay  = 50 * time.Millisecond
		perTick = 20_000_000 / 8 / 1000
		most    = 3 * time.Second
	)
	type record struct {
		at    time.Duration // of its arrival
		class int
		bytes []byte
	}
	ends, lanes, _ := pairOfEnds(t, testLimits)
	var theirs *stream
	ends[1].offer = func(s *stream, _ Meta) { theirs = s }
	ours := ends[0].open(nil, 1, 0)
	var way [2][]record
	var budget [2]int
	sink, block, got := make([]byte, 64<<10), bytes.Repeat([]byte{1}, 64<<10), 0
	for now := time.Duration(0); now < most; now += tick {
		if _, err := ends[0].write(ours, block, now); err != nil {
			t.Fatal(err)
		}
		for from := range ends {
			budget[from] = min(budget[from]+perTick, 2*maxFrame)
			for class, l := range lanes[from] {
				for budget[from] > 0 {
					b, held := ends[from].gather(l, now)
					if len(b) == 0 {
						break
					}
					way[from] = append(way[from], record{now + oneWay, class, bytes.Clone(b)})
					budget[from] -= len(b)
					if held != nil {
						held.release()
					}
				}
			}
			if now%ackDelay == 0 {
				ends[from].flushAcks()
			}
			for len(way[from]) > 0 && way[from][0].at <= now {
				r := way[from][0]
				way[from] = way[from][1:]
				receiveAt(t, ends[1-from], lanes[1-from][r.class], r.bytes, now)
			}
			if now%time.Second == 0 {
				ends[from].tick(now)
			}
		}
		for theirs != nil {
			n, _, err := ends[1].read(theirs, sink, now)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			if now >= most-time.Second {
				got += n
			}
		}
	}
	if rate := 8 * float64(got) / 1e6; rate < 18 {
		t.Errorf("%.1f Mbit/s in the third second, the window is %d KiB", rate, theirs.in.window>>10)
	}
}

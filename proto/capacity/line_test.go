package capacity

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is one direction of an emulated channel, in the time of a bubble: packets wait in a queue for their turn at a
// rate, then travel. Whoever writes is held up when too many wait, as a stream's credit does.
type line struct {
	delay time.Duration
	most  int // bytes under way

	mu     sync.Mutex
	rate   float64   // bytes a second; 0: no limit
	free   time.Time // when the last byte that was written leaves the queue
	parts  []part
	under  int
	log    []wrote
	closed error
	loss   float64 // share of parts that are lost, each time that they are sent
	chance *rand.Rand
	last   time.Time     // when the part before is there: what comes behind a lost one waits for it
	acks   []ack         // to come
	off    time.Duration // its mean deviation
	round  time.Duration // smoothed, as TCP does
	came   int           // bytes of the link, as the sender's TCP knows
	sent   int           // of these, how many were sent at all
	given  int           // and how many were agents'
	again  int           // parts that were sent again
	until  [2]time.Time  // deadlines of the reader and of the writer
	moved  chan struct{}
}

// wrote is one call of Write.
type wrote struct {
	n  int
	at time.Time
}

// ack is what the sender's TCP learns at a time.
type ack struct {
	at    time.Time
	waits time.Duration // in the queue; negative: it was sent again, and so says nothing
	bytes int
}

type part struct {
	bytes []byte
	due   time.Time
}

func newLine(bits float64, delay time.Duration, most int) *line {
	return &line{chance: rand.New(rand.NewPCG(1, 2)), rate: bits / 8, delay: delay, most: most, moved: make(chan struct{})}
}

func (l *line) move() {
	close(l.moved)
	l.moved = make(chan struct{})
}

// await waits until ready says so; it needs mu.
func (l *line) await(side int, ready func() (ok bool, wake time.Time)) error {
	for {
		ok, wake := ready()
		now, until := time.Now(), l.until[side]
		if !until.IsZero() && !now.Before(until) {
			return os.ErrDeadlineExceeded
		}
		if ok {
			return nil
		}
		if wake.IsZero() || !until.IsZero() && until.Before(wake) {
			wake = until
		}
		var due <-chan time.Time
		if !wake.IsZero() {
			t := time.NewTimer(wake.Sub(now))
			defer t.Stop()
			due = t.C
		}
		moved := l.moved
		l.mu.Unlock()
		select {
		case <-moved:
		case <-due:
		}
		l.mu.Lock()
	}
}

func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, wrote{len(p), time.Now()})
	for n := 0; n < len(p); {
		if err := l.await(1, func() (bool, time.Time) { return l.closed != nil || l.under < l.most, time.Time{} }); err != nil {
			return n, err
		}
		if l.closed != nil {
			return n, io.ErrClosedPipe
		}
		one := p[n:min(n+1400, len(p))]
		now := time.Now()
		if l.free.Before(now) {
			l.free = now
		}
		if l.rate > 0 {
			l.free = l.free.Add(time.Duration(float64(len(one)) / l.rate * float64(time.Second)))
		}
		due, waits := l.free.Add(l.delay), l.free.Sub(now)
		for l.loss > 0 && l.chance.Float64() < l.loss {
			due, waits = due.Add(2*l.delay), -1
			l.again++
			if l.rate > 0 { // it needs the line again, about now
				l.free = l.free.Add(time.Duration(float64(len(one)) / l.rate * float64(time.Second)))
			}
		}
		l.acks = append(l.acks, ack{due.Add(l.delay), waits, len(one)})
		l.sent += len(one)
		if due.Before(l.last) {
			due = l.last
		}
		l.last = due
		l.parts = append(l.parts, part{append([]byte(nil), one...), due})
		l.under += len(one)
		n += len(one)
		l.move()
	}
	return len(p), nil
}

func (l *line) Read(p []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.await(0, func() (bool, time.Time) {
		if len(l.parts) == 0 {
			return l.closed != nil, time.Time{}
		}
		return !time.Now().Before(l.parts[0].due), l.parts[0].due
	})
	if err != nil {
		return 0, err
	}
	if len(l.parts) == 0 {
		return 0, l.closed
	}
	for n < len(p) && len(l.parts) > 0 && !time.Now().Before(l.parts[0].due) {
		m := copy(p[n:], l.parts[0].bytes)
		n += m
		if l.parts[0].bytes = l.parts[0].bytes[m:]; len(l.parts[0].bytes) == 0 {
			l.parts = l.parts[1:]
		}
	}
	l.under -= n
	l.move()
	return n, nil
}

// waits is how long a packet that was written now would wait.
func (l *line) waits() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(time.Until(l.free), 0)
}

func (l *line) set(side int, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until[side] = t
	l.move()
}

// end closes the direction: err is what the reader hears after what is under way, which a reset drops.
func (l *line) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil || err == errReset {
		l.closed = err
	}
	if err == errReset {
		l.parts, l.under = nil, 0
	}
	l.move()
}

// side is one end of a channel of two lines.
type side struct{ in, out *line }

func (s side) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s side) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s side) SetDeadline(t time.Time) error {
	s.in.set(0, t)
	s.out.set(1, t)
	return nil
}

// reset ends both directions with an error.
func (s side) reset() {
	s.in.end(errReset)
	s.out.end(errReset)
}

var errReset = errors.New("reset")

// channel is a pair of sides over an emulated channel of a rate and a round trip.
func channel(bits float64, roundTrip time.Duration) (sensor, central side) {
	to, back := newLine(bits, roundTrip/2, 8<<20), newLine(bits, roundTrip/2, 8<<20)
	return side{back, to}, side{to, back}
}

// looks is what TCP says of the channel: what answers have told so far.
func (s side) looks(roundTrip time.Duration) Look {
	return s.looksStale(roundTrip, roundTrip)
}

// looksStale is the same of a way whose least round trip was another one, by as many segments as OverLanes wants.
func (s side) looksStale(roundTrip, least time.Duration) Look {
	l := s.out
	return func() (w Way, ok bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := time.Now()
		l.acks = slices.DeleteFunc(l.acks, func(a ack) bool {
			if a.at.After(now) {
				return false
			}
			if l.came += a.bytes; a.waits >= 0 && l.round == 0 {
				l.round = roundTrip + a.waits
			} else if a.waits >= 0 {
				off := roundTrip + a.waits - l.round
				l.round += off / 16 // two segments an answer
				l.off += (off.Abs() - l.off) / 8
			}
			return true
		})
		w = Way{Now: max(l.round-l.off/2, roundTrip), Least: least, Segment: 1400}
		w.Arrived, w.Under, w.Sent, w.Again = uint64(1+l.came), uint64(l.sent-l.came), uint64(1+l.sent/1400), uint64(l.again)
		return w, l.round > 0 && l.came >= fresh*1400
	}
}

// others puts bytes of somebody else into the queue.
func (l *line) others(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
}

// agents puts bytes of others on the link into the queue.
func (l *line) agents(n int) {
	l.others(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += n
	l.given += n
	l.acks = append(l.acks, ack{l.free.Add(2 * l.delay), -1, n})
}

// crowd has somebody else send until the test is over.
func (l *line) crowd(t *testing.T, send func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				send()
			case <-stop:
				return
			}
		}
	}()
}

// keep has somebody else keep so many bytes under way until the test is over; count says how many have arrived.
func (l *line) keep(t *testing.T, window int) (count func() int) {
	const packet = 1400
	var (
		mu      sync.Mutex
		under   []time.Time // when its sender knows that a packet has arrived
		arrived int
	)
	more := func() int {
		mu.Lock()
		defer mu.Unlock()
		for len(under) > 0 && !under[0].After(time.Now()) {
			arrived, under = arrived+packet, under[1:]
		}
		for len(under)*packet < window {
			l.others(packet)
			under = append(under, time.Now().Add(l.waits()+2*l.delay))
		}
		return arrived
	}
	l.crowd(t, func() { more() })
	return more
}

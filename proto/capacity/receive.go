package capacity

import (
	"encoding/binary"
	"fmt"
	"time"
)

const (
	reportEvery = 20 * time.Millisecond
	readSize    = 64 << 10
)

// receiver counts what comes, says so, and holds the sender to what was agreed on.
type receiver struct {
	stream Stream
	spec   Spec
	began  time.Time // before the sender could know that it may send
	look   Look      // nil at the Central Node, whose result nobody asks for
	crowd  crowd

	have   uint64
	header [headerSize]byte
	partly int    // bytes of header that are there
	rest   uint64 // bytes of the present frame that are still to come
	ended  bool
}

// run receives until End, and returns what it has reported.
func (r *receiver) run() (series, error) {
	var all series
	buf := make([]byte, readSize)
	for reported := r.began; !r.ended; {
		n, err := r.stream.Read(buf)
		if err != nil {
			return all, err
		}
		at := time.Since(r.began)
		if err := r.take(buf[:n], at); err != nil {
			return all, err
		}
		if r.ended || time.Since(reported) >= reportEvery {
			reported = time.Now()
			all = append(all, newSample(report{r.have, at}, r.seen(), true))
			if _, err := r.stream.Write(appendReport(nil, all.last().report)); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// seen looks at the way.
func (r *receiver) seen() (w Way) {
	if r.look == nil {
		return w
	}
	w, ok := r.look()
	if ok {
		r.crowd.see(w, time.Duration(startWindow*assumed/float64(r.have+1)*float64(time.Since(r.began))))
	}
	return w
}

// take counts bytes that have come by a time.
func (r *receiver) take(b []byte, at time.Duration) error {
	r.have += uint64(len(b))
	if r.have > r.spec.most(at) {
		return fmt.Errorf("%w: %d bytes within %v", ErrExcess, r.have, at.Round(time.Millisecond))
	}
	for len(b) > 0 {
		if r.ended {
			return fmt.Errorf("%w: something follows the end", ErrProtocol)
		}
		if r.rest > 0 {
			n := min(r.rest, uint64(len(b)))
			b, r.rest = b[n:], r.rest-n
			continue
		}
		n := copy(r.header[r.partly:], b)
		b = b[n:]
		if r.partly += n; r.partly < headerSize {
			return nil
		}
		r.partly = 0
		length := binary.BigEndian.Uint16(r.header[1:])
		switch kind := r.header[0]; {
		case kind == kindData && length > 0 && length <= maxFrame-headerSize:
			r.rest = uint64(length)
		case kind == kindEnd && length == 0:
			r.ended = true
		default:
			return fmt.Errorf("%w: a frame of kind %d with %d bytes", ErrProtocol, kind, length)
		}
	}
	return nil
}

// most is how many bytes may have come by a time: the rate, a burst, and 2 % for two clocks that do not agree.
func (s Spec) most(at time.Duration) uint64 {
	bytes := float64(s.Rate) / 8
	return uint64(1.02*bytes*min(at, s.Duration+time.Second).Seconds()+2*bytes*maxBurst.Seconds()) + 2*maxFrame
}

package capacity

import (
	"fmt"
	"io"
	"time"
)

// Bounds and defaults of a test.
const (
	MinDuration     = time.Second
	MaxDuration     = 30 * time.Second
	DefaultDuration = 5 * time.Second
	MinRate         = 100_000       // bit/s
	MaxRate         = 1_000_000_000 // bit/s
)

const (
	answerTime = 5 * time.Second  // for the request, and for the answer
	endTime    = time.Second      // for the end of the stream after the last report
	graceTime  = 10 * time.Second // for what is under way when the sender ends
)

// Stream is what a test runs on: a stream of the link, or anything like it. The caller closes it, in order after a test
// without an error and with a reset otherwise.
type Stream interface {
	io.Reader
	io.Writer
	SetDeadline(time.Time) error
}

// Spec is what to test. Zero fields take the defaults.
type Spec struct {
	Duration time.Duration // of sending, MinDuration to MaxDuration; 0: DefaultDuration
	Rate     uint64        // bit/s that the sender never exceeds, MinRate to MaxRate; 0: MaxRate
	Back     bool          // from the Central Node to the Sensor
}

// Check fills in the defaults, and returns an ErrSpec for what is out of bounds.
func (s Spec) Check() (Spec, error) {
	if s.Duration == 0 {
		s.Duration = DefaultDuration
	}
	if s.Rate == 0 {
		s.Rate = MaxRate
	}
	if s.Duration < MinDuration || s.Duration > MaxDuration {
		return s, fmt.Errorf("%w: duration of %v, it can be %v to %v", ErrSpec, s.Duration, MinDuration, MaxDuration)
	}
	if s.Rate < MinRate || s.Rate > MaxRate {
		return s, fmt.Errorf("%w: rate of %d bit/s, it can be %d to %d", ErrSpec, s.Rate, uint64(MinRate), uint64(MaxRate))
	}
	return s, nil
}

// whole is when all of a test is over at the latest, from its answer on.
func (s Spec) whole() time.Duration { return s.Duration + graceTime }

// Way is what TCP says of the packets of a link.
type Way struct {
	// Now is their mean round trip less half of its mean deviation: what a queue makes is the same for all for a while, and what
	// a busy machine makes is not. Least is the least of late.
	Now, Least time.Duration
	// Segment is how many bytes of data a full packet has. Receivers answer two of
	// them at once, and fewer only after a while.
	Segment int
	// Of all that the link carries: how many bytes are known to have come, in whatever order, from any beginning (0: not known),
	// how many are under way or wait for it, how many segments were sent, and how many of these again.
	Arrived, Under, Sent, Again uint64
	// Came is how many bytes have come from the other end, from any beginning.
	Came uint64
	// Agents is how many of the bytes in the direction of the test were agents', as far as who looks knows.
	Agents uint64
}

// Look looks at the way. ok is false when nothing is known of round trips. The sender looks some five hundred times a second.
type Look func() (w Way, ok bool)

package emulink

import (
	"errors"
	"fmt"
	"time"
)

// Direction is how a link treats what goes one way. The zero value changes
// nothing.
type Direction struct {
	Delay time.Duration `json:"delay_ns"` // of the way, without the time in the queue and on the line
	// Jitter is the most that a packet is delayed beyond Delay, evenly spread. No
	// packet overtakes another unless Reorder is set.
	Jitter  time.Duration `json:"jitter_ns,omitempty"`
	Reorder bool          `json:"reorder,omitempty"`
	Rate    uint64        `json:"rate,omitempty"` // of the line, bit/s of IP packets; zero: no line is in the way
	// Queue is how many bytes wait for the line at most; what comes beyond is
	// dropped. A Rate needs one.
	Queue int     `json:"queue,omitempty"`
	Loss  float64 `json:"loss,omitempty"` // share of packets, 0 to 1, that are lost behind the line
	// Burst is the mean number of packets lost in a row (Gilbert's model); 0 and 1:
	// each is lost or not by itself.
	Burst float64 `json:"burst,omitempty"`
	// MTU is the largest packet that passes, in bytes; larger ones vanish without
	// an ICMP message. Zero: all pass.
	MTU int `json:"mtu,omitempty"`
	// Seed of loss and jitter. They begin anew whenever a Direction is set.
	Seed uint64 `json:"seed,omitempty"`
}

// Bounds of what can be emulated.
const (
	maxDelay = 10 * time.Second
	maxRate  = 10e9
)

// check says what cannot be emulated.
func (d Direction) check() error {
	var errs []error
	bad := func(when bool, format string, a ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	bad(d.Delay < 0 || d.Delay > maxDelay, "delay %v is not from 0 to %v", d.Delay, maxDelay)
	bad(d.Jitter < 0 || d.Jitter > maxDelay, "jitter %v is not from 0 to %v", d.Jitter, maxDelay)
	bad(d.Rate > maxRate, "rate %d is above %.0f bit/s", d.Rate, maxRate)
	bad(d.Rate > 0 && d.Queue < packetSize, "a line of %d bit/s needs a queue of %d bytes or more", d.Rate, packetSize)
	bad(d.Queue > 0 && d.Rate == 0, "there is no queue without a rate")
	bad(!(d.Loss >= 0 && d.Loss < 1), "loss %v is not from 0 to below 1", d.Loss) // also NaN
	bad(!(d.Burst >= 0), "bursts of %v packets", d.Burst)
	bad(d.Burst > 1 && d.Loss/(1-d.Loss) > d.Burst, "loss %v is too much for bursts of %v packets", d.Loss, d.Burst)
	bad(d.MTU < 0, "an MTU of %d", d.MTU)
	return errors.Join(errs...)
}

// lineTime is how long the line needs for a packet.
func (d Direction) lineTime(bytes int) time.Duration {
	if d.Rate == 0 {
		return 0
	}
	return time.Duration(uint64(bytes) * 8e9 / d.Rate)
}

// queueTime is how long the line needs for a full queue.
func (d Direction) queueTime() time.Duration { return d.lineTime(d.Queue) }

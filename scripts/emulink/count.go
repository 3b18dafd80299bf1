package emulink

import "sync/atomic"

// Class is a kind of packet that is counted by itself.
type Class int

// Classes of packets.
const (
	TCP Class = iota
	UDP
	Other
	classes
)

// classOf reads the protocol of an IP packet.
func classOf(packet []byte) Class {
	protocol := byte(0)
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		protocol = packet[9]
	case len(packet) >= 40 && packet[0]>>4 == 6:
		protocol = packet[6]
	}
	switch protocol {
	case 6:
		return TCP
	case 17:
		return UDP
	default:
		return Other
	}
}

// Count is what happened to the packets of a class. What is under way is taken
// and neither delivered nor dropped.
type Count struct {
	Taken     uint64 `json:"taken"` // from the sender's device
	Delivered uint64 `json:"delivered"`
	Bytes     uint64 `json:"bytes"` // of those delivered, IP headers included
	Lost      uint64 `json:"lost"`  // by Loss
	Queued    uint64 `json:"queue"` // dropped before a full queue
	TooLarge  uint64 `json:"too_large"`
	Refused   uint64 `json:"refused"` // by the receiver's device, or for want of memory: a fault of the emulation
}

// Dropped is how many packets did not arrive.
func (c Count) Dropped() uint64 { return c.Lost + c.Queued + c.TooLarge + c.Refused }

// Plus is both together.
func (c Count) Plus(o Count) Count {
	return Count{c.Taken + o.Taken, c.Delivered + o.Delivered, c.Bytes + o.Bytes, c.Lost + o.Lost, c.Queued + o.Queued, c.TooLarge + o.TooLarge, c.Refused + o.Refused}
}

// Minus is what happened since before.
func (c Count) Minus(before Count) Count {
	return Count{
		c.Taken - before.Taken, c.Delivered - before.Delivered, c.Bytes - before.Bytes, c.Lost - before.Lost,
		c.Queued - before.Queued, c.TooLarge - before.TooLarge, c.Refused - before.Refused,
	}
}

// Counts are those of one direction, by Class.
type Counts [classes]Count

// All is the sum of the classes.
func (c Counts) All() (sum Count) {
	for _, one := range c {
		sum = sum.Plus(one)
	}
	return sum
}

// Minus is what happened since before.
func (c Counts) Minus(before Counts) Counts {
	for i := range c {
		c[i] = c[i].Minus(before[i])
	}
	return c
}

// counters are the counts of a forwarder that runs.
type counters [classes]struct {
	taken, delivered, bytes, lost, queued, tooLarge, refused atomic.Uint64
}

func (c *counters) read() (out Counts) {
	for i := range c {
		n := &c[i]
		// What happens to a packet is read before that it was taken, so that no
		// look has more of the one than of the other.
		out[i] = Count{
			Delivered: n.delivered.Load(), Bytes: n.bytes.Load(), Lost: n.lost.Load(),
			Queued: n.queued.Load(), TooLarge: n.tooLarge.Load(), Refused: n.refused.Load(),
		}
		out[i].Taken = n.taken.Load()
	}
	return out
}

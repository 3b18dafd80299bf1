package emulink

import "time"

// packet is one that is under way.
type packet struct {
	due   time.Duration // when it arrives, since the forwarder began
	class Class
	bytes []byte
}

// packetSize is the largest packet: the MTU of the devices.
const packetSize = 1500

// maxHeld bounds the packets under way in one direction: 60 MiB.
const maxHeld = 40_000

// underway holds packets in the order in which they arrive: a ring that grows,
// and buffers that are used again.
type underway struct {
	ring        []packet // its length is a power of two
	first, held int
	free        [][]byte
}

// buffer returns room for a packet, or nil when too many are under way.
func (u *underway) buffer() []byte {
	if n := len(u.free); n > 0 {
		b := u.free[n-1]
		u.free = u.free[:n-1]
		return b
	}
	if u.held >= maxHeld {
		return nil
	}
	return make([]byte, packetSize)
}

// release takes a buffer back.
func (u *underway) release(b []byte) { u.free = append(u.free, b[:packetSize]) }

func (u *underway) at(i int) *packet { return &u.ring[(u.first+i)&(len(u.ring)-1)] }

// put adds a packet, behind those that are due earlier or at the same time.
func (u *underway) put(p packet) {
	if u.held == len(u.ring) {
		grown := make([]packet, max(64, 2*len(u.ring)))
		for i := range u.held {
			grown[i] = *u.at(i)
		}
		u.ring, u.first = grown, 0
	}
	i := u.held
	for u.held++; i > 0 && u.at(i-1).due > p.due; i-- {
		*u.at(i) = *u.at(i - 1)
	}
	*u.at(i) = p
}

// next is the packet that arrives next, nil when none is under way.
func (u *underway) next() *packet {
	if u.held == 0 {
		return nil
	}
	return u.at(0)
}

// drop forgets the packet that arrives next, and takes its buffer back.
func (u *underway) drop() {
	p := u.at(0)
	u.release(p.bytes)
	*p = packet{}
	u.first = (u.first + 1) & (len(u.ring) - 1)
	u.held--
}

package reflector

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"vedette/proto/stamp"
)

// Config is what a Reflector works with.
type Config struct {
	// Address is where packets come in by UDP, host:port.
	Address string
	// Unauthenticated are the networks whose packets without a key are answered.
	Unauthenticated []netip.Prefix
	Logger          *slog.Logger
	Now             func() time.Time
}

// Reflector answers test packets.
type Reflector struct {
	c        Config
	socket   *door
	sessions *stamp.Reflector
	unsent   atomic.Uint64
	beside   side // of the packet that Run looks at
}

// New listens. Run answers.
func New(c Config) (*Reflector, error) {
	s, err := listen(c.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for STAMP: %w", err)
	}
	return &Reflector{c: c, socket: s, sessions: stamp.NewReflector(c.Unauthenticated...)}, nil
}

// Address is where packets come in.
func (r *Reflector) Address() netip.AddrPort { return r.socket.address }

// Add begins a session with whoever has the address, under a random id and a
// random key, and says at which port packets are answered. No session, 0, is
// there when all 65,535 are in use.
func (r *Reflector) Add(peer netip.Addr) (session uint16, key [32]byte, port uint16) {
	var raw [2]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	_, _ = rand.Read(raw[:])
	first := binary.BigEndian.Uint16(raw[:])
	for i := range 1 << 16 {
		id := first + uint16(i)
		if r.sessions.Add(stamp.Session{ID: id, Key: &key}, peer) {
			return id, key, r.socket.address.Port()
		}
	}
	return 0, [32]byte{}, 0
}

// Remove ends a session: nothing of it is answered any more.
func (r *Reflector) Remove(session uint16) { r.sessions.Remove(session) }

// Seen is how many packets of a session were answered, and how many bore its id
// but came from another address.
func (r *Reflector) Seen(session uint16) (answered, strays uint32) { return r.sessions.Seen(session) }

// Counts are since the start.
type Counts struct {
	stamp.Counts
	Sessions int
	Unsent   uint64 // answers that the kernel did not take
}

// Counts is what was done so far.
func (r *Reflector) Counts() Counts {
	return Counts{Counts: r.sessions.Counts(), Sessions: r.sessions.Len(), Unsent: r.unsent.Load()}
}

// Close gives the address back when Run was never called.
func (r *Reflector) Close() error { return r.socket.Close() }

// maxArrival is the oldest time of arrival that the kernel is believed.
const maxArrival = 10 * time.Second

// pause is how long packets gather after some that are not answered: a flood then
// costs a wake for a hundred packets and not for each. What a true one among them
// waits is the reflector's time and not the way's, as the kernel says when it came.
const pause = time.Millisecond

// Run answers until ctx ends.
func (r *Reflector) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.socket.Close() }) // which ends the read
	defer stop()
	defer r.socket.Close()
	var out [stamp.AuthenticatedLen]byte
	for {
		n, more, err := r.socket.Receive()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		answered := 0
		for i := range n {
			if r.answer(i, out[:]) {
				answered++
			}
		}
		switch {
		case err != nil:
			r.c.Logger.Warn("receive STAMP packets", "error", err)
			r.socket.Rest(time.Second)
		case answered < n && !more:
			r.socket.Rest(pause)
		}
	}
}

// answer answers a packet that came, or says that it is not to be.
func (r *Reflector) answer(i int, out []byte) bool {
	in := r.socket.Octets(i)
	if r.sessions.Sift(in, r.socket.From(i)) != stamp.NotRefused {
		return false
	}
	p := &r.beside
	r.socket.look(i, p)
	now := r.c.Now()
	if since := now.Sub(p.At); since < 0 || since > maxArrival {
		p.At = now // the kernel did not say, or a clock was set meanwhile
	}
	reply, why := r.sessions.Take(in, p.Arrival, now, out)
	if why != stamp.NotRefused {
		return false
	}
	if err := r.socket.answer(i, reply, p); err != nil {
		r.unsent.Add(1)
	}
	return true
}

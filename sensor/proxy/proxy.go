package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/internal/door"
	"vedette/internal/share"
	"vedette/pki"
	"vedette/proto/about"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
)

// MaxIngress is the documented bound on what agents may send through one
// Sensor, in bits a second.
const MaxIngress = 1_000_000_000

// times are what an agent has. One that was let in may stay silent between two
// syncs, which are at most an hour apart.
type times struct {
	first time.Duration // from the handshake to the first bytes
	open  time.Duration // to get a stream
	idle  time.Duration // without a byte in either direction
	write time.Duration // to take what is sent to it
	end   time.Duration // without a byte, once the other direction has ended
	drain time.Duration // to end when the Sensor does

	// silence is when an agent that sends nothing is waited for without buffers,
	// and how often deadlines move on: setting one costs as much as a small write.
	silence time.Duration

	header time.Duration // to send a request that is refused
	linger time.Duration // to read the refusal
}

func defaultTimes() times {
	return times{
		first: 5 * time.Second, open: 5 * time.Second, idle: 75 * time.Minute,
		write: time.Minute, end: time.Minute, drain: 5 * time.Second,
		silence: time.Second,
		header:  5 * time.Second, linger: 3 * time.Second,
	}
}

// Link is what carries the agents' streams.
type Link interface {
	// Open opens a stream. It fails at once while agents are not carried.
	Open(context.Context, link.Meta) (*link.Stream, error)
	// Refusal is nil while agents are carried, else the answer for them.
	Refusal() *problem.Problem
}

// Limits is what the door lets through at once. Zero fields take the defaults.
type Limits struct {
	Connections         int // let in, all together: 12,000, as many as a link has streams
	Strangers           int // not yet let in, all together: 4,096
	StrangersPerAddress int // not yet let in, from one address (IPv6: one /64): 256
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.Connections, 12_000)
	set(&l.Strangers, 4096)
	set(&l.StrangersPerAddress, 256)
	return l
}

// Config is what a Proxy needs.
type Config struct {
	Address      string     // host:port to listen on
	Certificate  pki.Source // the server certificate, swapped under us
	Limits       Limits
	IngressLimit uint64 // bit/s from all agents together, at most MaxIngress; 0: MaxIngress
	Link         Link
	About        func(pin pki.Fingerprint) about.Answer // what a fingerprint is here
	Logger       *slog.Logger
	Now          func() time.Time
}

// Proxy is the door. Make one with New, then Run it.
type Proxy struct {
	config  Config
	times   times
	log     *slog.Logger
	door    *door.Listener
	live    *door.Index[*agent]
	ingress *share.Share[owner]

	policy   atomic.Pointer[policy] // nil before the first Apply
	applying sync.Mutex             // taken before anything else

	carrying sync.WaitGroup // the goroutines of agents that were let in
	ending   atomic.Bool
	refused  atomic.Uint64
	received atomic.Uint64
	given    atomic.Uint64
}

// owner is who shares the ingress: a leaf, else an address. The zero owner is
// everybody who is refused.
type owner struct {
	leaf    pki.Fingerprint
	address netip.Addr
}

func ownerOf(c *door.Conn) owner {
	if !c.Leaf.IsZero() {
		return owner{leaf: c.Leaf}
	}
	return owner{address: c.Remote.Addr()}
}

// New listens, so that an address in use is an error here and not a log line
// later.
func New(c Config) (*Proxy, error) {
	if c.IngressLimit == 0 {
		c.IngressLimit = MaxIngress
	}
	if c.IngressLimit > MaxIngress {
		return nil, fmt.Errorf("ingress limit of %d bit/s: a Sensor takes at most %d", c.IngressLimit, uint64(MaxIngress))
	}
	limits := c.Limits.withDefaults()
	listener, err := door.Listen(door.Config{
		Address: c.Address, TLS: pki.ServerConfig(c.Certificate, "http/1.1", about.ALPN), Logger: c.Logger, Now: c.Now,
		Limits: door.Limits{Admitted: limits.Connections, Strangers: limits.Strangers, StrangersPerAddress: limits.StrangersPerAddress},
	})
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	rate := c.IngressLimit / 8
	return &Proxy{
		config: c, times: defaultTimes(), log: c.Logger, door: listener, live: door.NewIndex[*agent](),
		ingress: share.New[owner](rate, int(rate/20), c.Now), // 50 ms of it at once
	}, nil
}

// Address is where the proxy listens.
func (p *Proxy) Address() net.Addr { return p.door.Addr() }

// Close gives the address back when Run was never called.
func (p *Proxy) Close() error { return p.door.Close() }

// Connected counts the connections of a leaf that were let in.
func (p *Proxy) Connected(leaf pki.Fingerprint) int { return len(p.live.Of(leaf)) }

// Agents lists where the connections come from that were let in.
func (p *Proxy) Agents() []netip.Addr {
	all := p.live.All()
	from := make([]netip.Addr, len(all))
	for i, a := range all {
		from[i] = a.conn.Remote.Addr()
	}
	return from
}

// Counts is a look at a Proxy.
type Counts struct {
	Agents       int           // connections that were let in
	Strangers    int           // connections that were not
	Refused      uint64        // callers refused by policy since start
	IngressBytes uint64        // bytes taken from agents and from those who are refused since start, without TLS
	EgressBytes  uint64        // bytes given to agents that were let in since start, without TLS
	Rate         uint64        // of the last second, in bit/s
	Held         bool          // the ingress limit held agents back within the last second
	HeldFor      time.Duration // in which it did so since start
}

// Counts returns the present figures.
func (p *Proxy) Counts() Counts {
	c := Counts{
		Refused: p.refused.Load(), IngressBytes: p.received.Load(), EgressBytes: p.given.Load(),
		Rate: 8 * p.ingress.Rate(), Held: p.ingress.Held(), HeldFor: p.ingress.HeldFor(),
	}
	c.Agents, c.Strangers = p.door.Counts()
	return c
}

// Run serves until ctx ends, then lets streams finish for a while and cuts the
// rest. All goroutines of the proxy have ended when it returns.
func (p *Proxy) Run(ctx context.Context) error {
	tiny := newTiny(p)
	done := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(done)
		defer p.carrying.Wait() // nobody is let in any more
		defer tiny.handed.Close()
		return p.door.Run(ctx, func(c *door.Conn) { p.serve(ctx, c, tiny) })
	})
	group.Go(tiny.serve)
	group.Go(func() error {
		<-ctx.Done()
		p.ending.Store(true)
		// The context that ended cannot bound the drain.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.times.drain)
		defer cancel()
		err := tiny.shutdown(drain)
		select {
		case <-done:
		case <-drain.Done():
		}
		for _, a := range p.live.All() {
			a.cut(controlv1.CodeAgent, "the Sensor ends")
		}
		return err
	})
	return group.Wait()
}

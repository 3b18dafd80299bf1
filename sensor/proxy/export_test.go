package proxy

import (
	"time"

	"vedette/internal/share"
)

// Unlimited takes the limit of the ingress away, before Run, so that benchmarks
// measure what the code can do.
func (p *Proxy) Unlimited() { p.ingress = share.New[owner](1<<40, 1<<30, p.config.Now) }

// Times are what tests want shorter; zero keeps the default.
type Times struct{ First, Open, Idle, Write, End, Drain, Silence, Header, Linger time.Duration }

// Hurry sets times, before Run.
func (p *Proxy) Hurry(t Times) {
	for _, x := range []struct {
		of *time.Duration
		to time.Duration
	}{
		{&p.times.first, t.First},
		{&p.times.open, t.Open},
		{&p.times.idle, t.Idle},
		{&p.times.write, t.Write},
		{&p.times.end, t.End},
		{&p.times.drain, t.Drain},
		{&p.times.silence, t.Silence},
		{&p.times.header, t.Header},
		{&p.times.linger, t.Linger},
	} {
		if x.to != 0 {
			*x.of = x.to
		}
	}
}

// Streams counts the streams of a leaf's agents.
func (p *Proxy) Streams(leaf [32]byte) (n int) {
	for _, a := range p.live.Of(leaf) {
		a.mu.Lock()
		if a.stream != nil && !a.over {
			n++
		}
		a.mu.Unlock()
	}
	return n
}

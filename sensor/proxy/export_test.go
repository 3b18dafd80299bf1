package proxy

import "time"

// Hurry shortens the times of agents, before Run.
func (p *Proxy) Hurry(write, end, idle time.Duration) {
	p.times.write, p.times.end, p.times.idle = write, end, idle
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

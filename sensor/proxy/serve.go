package proxy

import (
	"context"
	"net/http"
	"sync"
	"time"

	"vedette/internal/door"
	"vedette/proto/about"
	"vedette/proto/link"
	"vedette/proto/problem"
)

// firstSize is how much of what an agent says first is read before it has a
// stream: mostly the header of its first request.
const firstSize = 2 << 10

var firstBuffers = sync.Pool{New: func() any { return new([firstSize]byte) }}

// serve takes one connection after its handshake to its stream, or to the
// reason why it gets none.
func (p *Proxy) serve(ctx context.Context, c *door.Conn, tiny *tiny) {
	state := c.ConnectionState()
	if state.NegotiatedProtocol == about.ALPN {
		if err := about.Serve(c, func(asked [32]byte) about.Answer { return p.config.About(asked) }); err != nil {
			p.door.Log().Debug("question about this server", "remote", c.Remote.Addr().String(), "error", err)
		}
		_ = c.Close() // the answer is on its way
		return
	}
	if why := p.refusal(c.Leaf); why != nil {
		p.refuse(c, nil, why, tiny)
		return
	}

	buffer := firstBuffers.Get().(*[firstSize]byte)
	defer firstBuffers.Put(buffer)
	_ = c.SetReadDeadline(time.Now().Add(p.times.first)) // fails only together with the Read
	n, err := c.Read(buffer[:min(firstSize, p.ingress.Most())])
	if n == 0 {
		p.door.Log().Debug("agent said nothing", "remote", c.Remote.Addr().String(), "error", err)
		_ = c.Close() // nothing was asked
		return
	}
	if !c.Admit() {
		p.refuse(c, buffer[:n], problem.Full(), tiny)
		return
	}
	a := newAgent(p, c)
	defer a.cutOnPanic()
	p.live.Add(c.Number, c.Leaf, a)
	c.OnEnd(func() { p.live.Remove(c.Number) })
	if c.Outdated() || ctx.Err() != nil { // CutAll or the end may have come before it was indexed
		a.cut(link.CodeCancel, "")
		return
	}
	why := p.refusal(c.Leaf)
	if why == nil {
		meta := link.Meta{Address: c.Remote, TLSVersion: state.Version, ALPN: state.NegotiatedProtocol}
		if c.Certificate != nil {
			meta.Leaf = c.Certificate.Raw
		}
		why = a.open(ctx, meta)
	}
	if why == nil {
		c.ForgetCertificate() // the Central Node has it now
	}
	switch {
	case a.ended(): // cut meanwhile: there is nobody to answer
	case why != nil:
		p.refuse(c, buffer[:n], why, tiny)
	default:
		a.carry(buffer[:n])
	}
}

// refuse answers a caller and counts it when the policy was the reason. The
// tiny server owns the connection from now on; first is copied.
func (p *Proxy) refuse(c *door.Conn, first []byte, why *problem.Problem, tiny *tiny) {
	attrs := []any{"code", why.Code, "remote", c.Remote.Addr().String()}
	if c.Certificate != nil {
		attrs = append(attrs, "leaf", c.Leaf.String())
	}
	p.door.Log().Info("agent refused", attrs...)
	if why.Status == http.StatusUnauthorized {
		p.refused.Add(1)
	}
	tiny.answer(c, first, why)
}

package sensors

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"

	"vedette/centralnode/trust"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// Bounds on the streams that a Sensor opens while it is not Accepted.
const (
	// maxEarly is for a link that was never Accepted; an orderly Sensor opens
	// none there.
	maxEarly = 16
	// maxStreams is how many streams a link has at a time. As many may be on
	// their way when a Sensor hears that it is not Accepted any more.
	maxStreams = 12_000
)

// carry takes the streams of a link. It never waits for one of them.
func (p *linked) carry(ctx context.Context) error {
	for {
		s, err := p.link.Accept(ctx)
		if err != nil {
			return err
		}
		snapshot := p.room.c.Door.Trust()
		if !p.isIntroduced() || p.standing(snapshot) != controlv1.Authorisation_STATE_ACCEPTED {
			s.Reset(controlv1.CodeNotAccepted, "")
			if !p.mayErr() {
				return errStreams
			}
			continue
		}
		if s.Meta().Measure {
			p.test(ctx, s)
			continue
		}
		c, err := p.caller(s.Meta(), snapshot)
		if err != nil {
			p.room.log.Warn("stream refused", "sensor", trust.SensorID(p.id), "remote", p.remote, "error", err)
			s.Reset(link.CodeProtocol, "")
			continue
		}
		p.room.c.Door.Carry(s, c, controlv1.CodeWithdrawn)
	}
}

// mayErr counts a stream that was refused.
func (p *linked) mayErr() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare--
	return p.spare >= 0
}

// caller is whom a stream carries. The fingerprint is that of the certificate
// which came with it, never what anybody says it is.
func (p *linked) caller(m link.Meta, snapshot *trust.Snapshot) (trust.Caller, error) {
	if !m.Address.IsValid() {
		return trust.Caller{}, fmt.Errorf("it says no address")
	}
	c := trust.Caller{Way: trust.SensorID(p.id), Sensor: p.id, Remote: netip.AddrPortFrom(m.Address.Addr().Unmap(), m.Address.Port())}
	if len(m.Leaf) == 0 {
		return c, nil
	}
	c.Leaf = pki.FingerprintOf(m.Leaf)
	if snapshot.Listed(c.Leaf) {
		return c, nil // the very bytes were checked when they came on the list
	}
	leaf, err := x509.ParseCertificate(m.Leaf)
	if err == nil {
		err = pki.CheckLeaf(leaf)
	}
	return c, err
}

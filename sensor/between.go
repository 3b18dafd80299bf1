package sensor

import (
	"net"
	"net/netip"
	"time"

	"vedette/pki"
	"vedette/proto/about"
	controlv1 "vedette/proto/control/v1"
	"vedette/sensor/uplink"
)

// maxAddresses is how many of its addresses a Sensor tells.
const maxAddresses = 16

// introduce is what the Sensor says about itself on each new link.
func (s *Sensor) introduce() uplink.Introduction {
	return uplink.Introduction{
		Name: s.config.Name, Version: s.config.Version, Addresses: addresses(s.config.Address),
		ServerCertificate: s.base.Serving.Pair().Fingerprint(),
	}
}

// addresses are where agents may find the Sensor: the address that is listened
// on, or those of this server when that is all of them.
func addresses(listen string) []string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	if a, err := netip.ParseAddr(host); host != "" && (err != nil || !a.IsUnspecified()) {
		return []string{host}
	}
	var out []string
	all, _ := net.InterfaceAddrs() // none when the kernel does not say
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if err == nil && prefix.Addr().IsGlobalUnicast() && len(out) < maxAddresses {
			out = append(out, prefix.Addr().String())
		}
	}
	return out
}

// apply puts a policy of the Central Node in force.
func (s *Sensor) apply(p *controlv1.Policy) (cut int) { return s.proxy.Apply(p) }

// report counts for the Central Node.
func (s *Sensor) report() *controlv1.Report {
	c := s.proxy.Counts()
	return &controlv1.Report{Agents: uint32(c.Agents), IngressBytes: c.IngressBytes, Refused: c.Refused}
}

// measured is what the Central Node is told of the link's quality.
func (s *Sensor) measured(since time.Time) (*controlv1.Quality, time.Time) {
	return s.quality.Wire(since)
}

// about says what a fingerprint is here, to somebody who pinned the wrong one.
func (s *Sensor) about(asked pki.Fingerprint) about.Answer {
	answer := about.Answer{Role: about.RoleSensor}
	switch asked {
	case s.base.Serving.Pair().Fingerprint():
		answer.Pin = about.PinOwn
	case s.uplink.State().Expected:
		if !asked.IsZero() {
			answer.Pin = about.PinCentralNode
		}
	}
	return answer
}

package proxy

import (
	"net/http"
	"time"

	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/problem"
)

// policy is who may come in. It never changes.
type policy struct {
	validation        bool
	listed, withdrawn map[pki.Fingerprint]struct{}
}

func newPolicy(p *controlv1.Policy) *policy {
	set := func(all []controlv1.Fingerprint) map[pki.Fingerprint]struct{} {
		m := make(map[pki.Fingerprint]struct{}, len(all))
		for _, f := range all {
			m[f] = struct{}{}
		}
		return m
	}
	return &policy{validation: p.Validation, listed: set(p.Listed), withdrawn: set(p.Withdrawn)}
}

// refuses returns why a leaf, zero for none, may not come in; empty when it may.
func (p *policy) refuses(leaf pki.Fingerprint) problem.Code {
	if !p.validation {
		return ""
	}
	if leaf.IsZero() {
		return problem.NoCertificate
	}
	if _, ok := p.listed[leaf]; ok {
		return ""
	}
	if _, ok := p.withdrawn[leaf]; ok {
		return problem.Withdrawn
	}
	return problem.CertificateUnknown
}

// refusal returns what a caller with this leaf has to be answered now, nil when
// it may come in.
func (p *Proxy) refusal(leaf pki.Fingerprint) *problem.Problem {
	if why := p.config.Link.Refusal(); why != nil {
		return why
	}
	inForce := p.policy.Load()
	if inForce == nil {
		return notNow()
	}
	if code := inForce.refuses(leaf); code != "" {
		return problem.Refusal(code)
	}
	return nil
}

// notNow is the answer between two states of the link.
func notNow() *problem.Problem {
	return &problem.Problem{
		Title: "No connection to the Central Node", Status: http.StatusServiceUnavailable, Code: problem.LinkDown,
		Detail: "The Sensor is about to connect to its Central Node.", RetryAfter: 2 * time.Second,
	}
}

// Apply puts a policy in force, cuts every agent that it refuses, and returns
// how many, when they are cut: nothing of theirs is forwarded from then on.
// Before the first Apply nobody is let in.
func (p *Proxy) Apply(new *controlv1.Policy) (cut int) {
	p.applying.Lock()
	defer p.applying.Unlock()
	inForce := newPolicy(new)
	p.policy.Store(inForce)
	for _, a := range p.live.All() {
		if inForce.refuses(a.conn.Leaf) != "" {
			a.cut(controlv1.CodeWithdrawn, "refused by policy")
			cut++
		}
	}
	p.log.Info("policy in force", "revision", new.Revision, "validation", new.Validation, "listed", len(new.Listed), "cut", cut)
	return cut
}

// CutAll cuts every agent, also those still in their handshake, and returns how
// many there were. They come back and meet the certificate that is shown from
// now on.
func (p *Proxy) CutAll() (cut int) {
	p.door.NewEpoch()
	all := p.live.All()
	for _, a := range all {
		a.cut(controlv1.CodeAgent, "cut by the Sensor")
	}
	return len(all)
}

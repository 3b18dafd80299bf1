package sensors

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/foreign"
	"vedette/internal/machine"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// Bounds of what a Sensor says of itself; what is longer is cut.
const (
	maxName      = 255
	maxTitle     = 64 // as it is shown
	maxSoftware  = 64
	maxAddresses = 32
	maxAddress   = 64

	requestSize = 16
)

// listen reads control messages.
func (p *linked) listen(ctx context.Context) error {
	first, cancel := context.WithTimeoutCause(ctx, introductionTime, errSilent)
	defer cancel()
	m, err := p.receive(first)
	if err != nil {
		return err
	}
	in := m.GetIntroduction()
	if in == nil {
		return nonsense("the first message is no introduction")
	}
	if err := p.meet(ctx, in); err != nil {
		return err
	}
	close(p.introduced)
	for {
		p.poke()
		if m, err = p.receive(ctx); err != nil {
			return err
		}
		if err := p.heed(ctx, m); err != nil {
			return err
		}
	}
}

// receive returns the next message.
func (p *linked) receive(ctx context.Context) (*controlv1.FromSensor, error) {
	raw, err := p.link.Receive(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
			return nil, cause
		}
		return nil, err
	}
	if _, ok := p.messages.Allow(struct{}{}); !ok {
		return nil, errTalkative
	}
	m := new(controlv1.FromSensor)
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, nonsense("a message cannot be read")
	}
	return m, nil
}

// heed acts on a message after the first. What is not known is skipped.
func (p *linked) heed(ctx context.Context, m *controlv1.FromSensor) error {
	switch m := m.GetMessage().(type) {
	case *controlv1.FromSensor_Introduction:
		return p.meet(ctx, m.Introduction)
	case *controlv1.FromSensor_PolicyTaken:
		return p.took(m.PolicyTaken)
	case *controlv1.FromSensor_Report:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ingress, p.refused = m.Report.GetIngressBytes(), m.Report.GetRefused()
		if p.reporting.IsZero() {
			p.reporting = p.room.c.Now()
		}
	case *controlv1.FromSensor_Quality:
		return p.assess(m.Quality)
	}
	return nil
}

// took notes that a policy is in force at the Sensor.
func (p *linked) took(m *controlv1.PolicyTaken) error {
	revision := m.GetVersion().GetRevision()
	p.mu.Lock()
	if m.GetVersion().GetStoreId() != p.room.c.StoreID || !p.whole.covers(revision) {
		p.mu.Unlock()
		return nonsense("a policy was taken that was not sent")
	}
	if !p.taken.covers(revision) {
		p.taken, p.since = version{true, revision}, time.Time{}
		p.wake()
	}
	p.mu.Unlock()
	p.room.noteTaken(p)
	p.room.c.Logger.Debug("policy taken", "sensor", trust.SensorID(p.id), "revision", revision, "cut", m.GetCut())
	return nil
}

// meet takes an Introduction: what a Sensor says of itself, and that it asks.
func (p *linked) meet(ctx context.Context, m *controlv1.Introduction) error {
	contact, server, err := introduction(m)
	if err != nil {
		return err
	}
	r := p.room
	contact.Fingerprint, contact.Address, contact.Last = p.id, p.remote, r.c.Now()
	contact.SameServer = server == r.c.Server
	p.mu.Lock()
	p.beside = contact.SameServer
	p.mu.Unlock()
	return r.met(ctx, p, contact)
}

// introduction reads what a Sensor says of itself. Texts stay foreign.
func introduction(m *controlv1.Introduction) (c store.SensorContact, server machine.Digest, err error) {
	request, digest, certificate := m.GetRequest(), m.GetServer(), m.GetServerCertificate()
	if len(request) != requestSize || len(digest) != len(server) || len(certificate) != len(c.ServerCertificate) && len(certificate) != 0 {
		return c, server, nonsense("an introduction with fields of another length")
	}
	c = store.SensorContact{Name: text(m.GetName(), maxName), Software: text(m.GetVersion(), maxSoftware), Request: slices.Clone(request), Addresses: []string{}}
	if len(certificate) > 0 {
		c.ServerCertificate = pki.Fingerprint(certificate)
	}
	for _, a := range m.GetAddresses()[:min(len(m.GetAddresses()), maxAddresses)] {
		c.Addresses = append(c.Addresses, text(a, maxAddress))
	}
	return c, machine.Digest(digest), nil
}

func text(s string, most int) string {
	return strings.ToValidUTF8(foreign.Bounded(strings.TrimSpace(s), most), "\uFFFD")
}

// leave asks the Sensor to open nothing more on the link.
func (p *linked) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// Whoever does not hear it finds out when the link ends.
	_ = p.say(ctx, &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Drain{Drain: &controlv1.Drain{}}})
	p.link.GoAway(errStopping.code)
}

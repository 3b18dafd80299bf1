// Package doctor finds out why an Endpoint Agent cannot deliver: one check
// after the other, from the settings to the answer of the Central Node, each
// with one line and, when it fails, the fix. It makes connections of its own
// and changes nothing, whether the agent runs or not: its question to the
// server carries no agent_id, so no host comes into being there. It also asks
// who the server is (proto/about), for hints alone.
package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"vedette/agent"
	"vedette/agent/policy"
	"vedette/agent/uplink"
	"vedette/pki"
	"vedette/proto/about"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

// Outcome of a check.
type Outcome string

// Outcomes. Only Failed makes the whole fail.
const (
	OK      Outcome = "ok"
	Warning Outcome = "warning"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // an earlier check failed
)

// Check is one line.
type Check struct {
	Server  string  `json:"server,omitempty"`
	Name    string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Code    string  `json:"code,omitempty"` // of a fault, as in status and log
	Text    string  `json:"text"`
	Fix     string  `json:"fix,omitempty"`
}

// Names of checks, in their order.
const (
	Settings    = "settings"
	Certificate = "client certificate"
	Name        = "name"
	TCP         = "tcp"
	TLS         = "tls"
	Pin         = "pin"
	Clock       = "clock"
	Authorised  = "authorisation"
)

// Options are what a doctor needs.
type Options struct {
	Config agent.Config
	Now    func() time.Time // nil: time.Now
}

type doctor struct {
	o      Options
	checks []Check
}

func (d *doctor) add(c Check) { d.checks = append(d.checks, c) }

// Run makes all checks and reports whether none failed.
func Run(ctx context.Context, o Options) ([]Check, bool) {
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &doctor{o: o}
	p, err := policy.Load(o.Config.Files())
	switch {
	case err != nil:
		d.add(Check{Name: Settings, Outcome: Failed, Text: strings.ReplaceAll(err.Error(), "\n", "; "), Fix: "correct the settings that are named"})
	case !p.Enabled:
		d.add(Check{Name: Settings, Outcome: Failed, Text: "integration is off", Fix: "turn it on: --message-broker=enable, or in the policy"})
	default:
		d.add(Check{Name: Settings, Outcome: OK, Text: "integration is on, servers " + strings.Join(p.Servers, ", ")})
	}
	if err == nil && p.Enabled {
		d.certificate(p)
		for _, server := range p.Servers {
			d.server(ctx, p, server)
		}
	}
	for _, c := range d.checks {
		if c.Outcome == Failed {
			return d.checks, false
		}
	}
	return d.checks, true
}

func (d *doctor) certificate(p *policy.Policy) {
	if p.Client == nil {
		d.add(Check{Name: Certificate, Outcome: OK, Text: "none is set; the Central Node demands one when it validates agents"})
		return
	}
	text := "has its key, " + p.Client.Fingerprint().String()
	if w, ok := pki.ExpiryWarning(p.Client.Leaf(), d.o.Now()); ok {
		d.add(Check{Name: Certificate, Outcome: Warning, Text: text + "; " + w.Text, Fix: "dates cut nobody off; ask the administrator for a new agent certificate in time"})
		return
	}
	d.add(Check{Name: Certificate, Outcome: OK, Text: text})
}

// server goes on as far as it gets.
func (d *doctor) server(ctx context.Context, p *policy.Policy, server string) {
	rest := []string{Name, TCP, TLS, Pin, Clock, Authorised}
	pass := func(o Outcome, text, fix string) {
		d.add(Check{Server: server, Name: rest[0], Outcome: o, Text: text, Fix: fix})
		rest = rest[1:]
	}
	fail := func(err error, fix ...string) {
		f := uplink.Explain(server, err)
		if len(fix) == 0 {
			fix = []string{f.Next}
		}
		d.add(Check{Server: server, Name: rest[0], Outcome: Failed, Code: f.Code, Text: f.Text, Fix: fix[0]})
		for _, name := range rest[1:] {
			d.add(Check{Server: server, Name: name, Outcome: Skipped, Text: "not reached"})
		}
	}
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		fail(err)
		return
	}
	addresses, err := d.resolve(ctx, p, host)
	if err != nil {
		fail(err)
		return
	}
	pass(OK, host+" is "+strings.Join(addresses, ", "), "")

	raw, err := (&net.Dialer{Timeout: p.Timeout}).DialContext(ctx, "tcp", server)
	if err != nil {
		fail(err)
		return
	}
	defer raw.Close()
	pass(OK, "connected to "+raw.RemoteAddr().String(), "")

	state, err := d.handshake(ctx, p, raw)
	if err != nil {
		fail(err)
		return
	}
	pass(OK, tls.VersionName(state.Version)+", "+state.CurveID.String(), "")

	pins, err := d.pins(p)
	if err != nil {
		fail(err)
		return
	}
	leaf := state.PeerCertificates[0]
	met := pki.FingerprintOf(leaf.Raw)
	who := d.about(ctx, p, server, met)
	switch err := pki.PinTo(pins...)(met); {
	case !p.UsePinned:
		pass(Warning, "use_pinned_certificate is off: whoever answers is taken for the server; met "+met.String(), "turn use_pinned_certificate on and add the server certificate")
	case err != nil:
		fix := mixedUp(host, who)
		if fix == "" {
			fix = elsewhere(who) + intercepted(p, leaf.Issuer.String(), leaf.Subject.String()) + uplink.Explain(server, err).Next
		}
		fail(err, fix)
		return
	default:
		text := "expected and met " + met.String()
		if who.Role == about.RoleSensor {
			text += "; the server is a Sensor"
		}
		if w, ok := pki.ExpiryWarning(leaf, d.o.Now()); ok {
			pass(Warning, text+"; "+w.Text, "dates cut nobody off; the administrator should replace the server certificate in time")
		} else {
			pass(OK, text, "")
		}
	}
	date, err := d.ask(ctx, p, server, pins)
	if offset := date.Sub(d.o.Now()); date.IsZero() {
		pass(Skipped, "the server did not tell its time", "")
	} else if offset.Abs() > agent.MaxClockOffset {
		pass(Warning, fmt.Sprintf("this host's clock differs from the server's by %s", offset.Round(time.Second)), "set this host's clock, best by NTP; nothing is refused for it, but times of events are wrong")
	} else {
		pass(OK, "like the server's", "")
	}
	if err != nil {
		fail(err)
		return
	}
	// Only a Central Node answers like this; through a Sensor it said so too.
	text := "the Central Node takes this agent's events"
	if who.Role == about.RoleSensor {
		text += ", through this Sensor"
	}
	pass(OK, text, "")
}

// intercepted hints at what a foreign certificate may mean.
func intercepted(p *policy.Policy, issuer, subject string) string {
	if p.Certificate != nil && subject == p.Certificate.Subject.String() && issuer == p.Certificate.Issuer.String() {
		return "same names as the pinned certificate: it was replaced, or is imitated; "
	}
	if issuer != subject {
		return fmt.Sprintf("it was issued by %q: something that inspects TLS may stand in between; ", issuer)
	}
	return ""
}

func (d *doctor) resolve(ctx context.Context, p *policy.Policy, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	return net.DefaultResolver.LookupHost(ctx, host)
}

// handshake takes any server certificate, to show it.
func (d *doctor) handshake(ctx context.Context, p *policy.Policy, raw net.Conn) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var client *tls.Certificate
	if p.Client != nil {
		c := p.Client.TLS()
		client = &c
	}
	conn := tls.Client(raw, pki.ClientConfig(func(pki.Fingerprint) error { return nil }, client))
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	state := conn.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return state, errors.New("the server shows no certificate")
	}
	return state, nil
}

func (d *doctor) pins(p *policy.Policy) ([]pki.Fingerprint, error) {
	pins, err := uplink.OpenPins(d.o.Config.PinsPath(), p.Pin)
	if err != nil {
		return nil, err
	}
	return pins.List(), nil
}

// ask sends a Sync without agent_id: a Central Node that lets the agent in
// calls it malformed, one that does not says why before it looks at it.
func (d *doctor) ask(ctx context.Context, p *policy.Policy, server string, pins []pki.Fingerprint) (time.Time, error) {
	check := pki.PinTo(pins...)
	if !p.UsePinned {
		check = func(pki.Fingerprint) error { return nil }
	}
	c := uplink.NewClient(uplink.ClientOptions{Address: server, Pins: check, Client: p.Client, Timeout: p.Timeout})
	defer c.Close()
	seen := &dated{next: c.Transport}
	service := agentv1connect.NewAgentServiceClient(&http.Client{Transport: seen}, "https://"+server, connect.WithReadMaxBytes(uplink.MaxBody))
	_, err := service.Sync(ctx, &agentv1.SyncRequest{})
	if connect.CodeOf(err) == connect.CodeInvalidArgument {
		err = nil
	}
	return seen.date, err
}

// dated notes the server's time.
type dated struct {
	next http.RoundTripper
	date time.Time
}

func (d *dated) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := d.next.RoundTrip(r)
	header := http.Header{}
	if refusal := (*uplink.Refusal)(nil); errors.As(err, &refusal) {
		header = refusal.Header
	} else if err == nil {
		header = res.Header
	}
	if t, parseErr := http.ParseTime(header.Get("Date")); parseErr == nil {
		d.date = t
	}
	return res, err
}

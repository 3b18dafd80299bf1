package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

func (f fakeSensor) Status(ctx context.Context, _ acts.Actor) (acts.SensorStatus, error) {
	if err := f.begin(ctx, "Status"); err != nil {
		return acts.SensorStatus{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	link := f.link
	link.CentralNode = f.central
	return acts.SensorStatus{
		Daemon: "sensor", Version: "0.4.0", Started: time.Now().Add(-36 * time.Hour), Address: "192.0.2.1:443", StoreID: "store-1", Revision: f.revision,
		SSH: acts.SSHDoor{Address: ":22", HostKey: "SHA256:" + strings.Repeat("k", 43), Sessions: 1}, Certificate: f.certificate.Certificate, Link: link,
		Problems: slices.Clone(f.problems),
	}, nil
}

func (f fakeSensor) CentralNode(ctx context.Context, _ acts.Actor) (acts.CentralNode, error) {
	if err := f.begin(ctx, "CentralNode"); err != nil {
		return acts.CentralNode{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.central, nil
}

func (f fakeSensor) PreviewSetCentralNode(ctx context.Context, _ acts.Actor, in acts.SetCentralNode) (acts.Preview, error) {
	if err := f.begin(ctx, "PreviewSetCentralNode"); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if in.Address == "" || strings.Contains(in.Address, " ") {
		return acts.Preview{}, &acts.Error{Code: acts.Invalid, Text: "this is no address", Hint: "give a name or an IP address, with :port where it is not 443"}
	}
	p := acts.Preview{
		Act: "central-node set", Fingerprint: fingerprint(in.Address), Revision: f.central.Revision, Asks: true,
		Lines: []string{
			"Central Node address: " + in.Address + ":443", "Fingerprint (SHA-256): " + fingerprint(in.Address).String(), "Subject: " + f.met,
			"Valid from: 1999-06-01T00:00:00Z", "Valid until: 2009-06-01T00:00:00Z",
			"Make sure that the displayed certificate matches the Central Node component certificate.",
		},
	}
	if f.central.Address != "" {
		p.Lines = append(p.Lines, "It takes the place of the Central Node at "+f.central.Address+".",
			"Expected: "+f.central.Expected.String()+", the certificate confirmed before.", "Met: "+p.Fingerprint.String()+", another one. Confirm it only when you know why it changed.")
		p.Consequences = []acts.Consequence{{Text: "The link begins anew: agents that are carried now are disconnected.", InUse: true, Count: f.link.Ingress.Agents}}
	}
	p.Lines = append(p.Lines, "The Sensor becomes active after an administrator of the Central Node has accepted it; its link identity is "+f.central.LinkIdentity.String()+".")
	return p, nil
}

func (f fakeSensor) SetCentralNode(ctx context.Context, who acts.Actor, in acts.SetCentralNode) (acts.CentralNode, error) {
	if err := f.begin(ctx, "SetCentralNode"); err != nil {
		return acts.CentralNode{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.central.Revision, "the Central Node"); err != nil {
		return acts.CentralNode{}, err
	}
	if in.Fingerprint != fingerprint(in.Address) {
		return acts.CentralNode{}, &acts.Error{Code: acts.Refused, Text: "another certificate was confirmed"}
	}
	f.record(who, "central-node set", in.Address)
	f.central = acts.CentralNode{Address: in.Address, State: acts.LinkPending, Since: time.Now(), Next: "An administrator of the Central Node has to accept this Sensor.", Expected: in.Fingerprint, LinkIdentity: f.central.LinkIdentity, Revision: f.revision}
	return f.central, nil
}

func (f fakeSensor) Link(ctx context.Context, _ acts.Actor) (acts.Link, error) {
	if err := f.begin(ctx, "Link"); err != nil {
		return acts.Link{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	link := f.link
	link.CentralNode, link.Time = f.central, time.Now()
	return link, nil
}

func (f fakeCentral) Status(ctx context.Context, _ acts.Actor) (acts.Status, error) {
	if err := f.begin(ctx, "Status"); err != nil {
		return acts.Status{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var sensors acts.SensorCounts
	agents := acts.AgentCounts{Hosts: len(f.agents), Strangers: 2}
	for _, v := range f.servers {
		switch v.State {
		case acts.Pending:
			sensors.Pending++
		case acts.Rejected:
			sensors.Rejected++
		case acts.Accepted:
			sensors.Accepted++
			if v.Connected {
				sensors.Connected++
			}
		}
	}
	for _, c := range f.agents {
		agents.Connections += c.Connected
	}
	scan := f.scan
	scan.MaximumScanPriority = f.priority
	return acts.Status{
		Daemon: "centralnode", Version: "0.4.0", Started: time.Now().Add(-36 * time.Hour), Address: "192.0.2.2:443", StoreID: "store-2", Revision: f.revision,
		SSH: acts.SSHDoor{Address: ":22", HostKey: "SHA256:" + strings.Repeat("k", 43), Sessions: 1}, Certificate: f.certificate.Certificate, Validation: f.validation,
		Agents: agents, Sensors: sensors, Events: f.events, Problems: slices.Clone(f.problems),
		Systems: f.systemCounts(), Scan: scan, Alerts: f.alerts,
	}, nil
}

func (f fakeCentral) SensorServers(ctx context.Context, _ acts.Actor) (acts.SensorServerList, error) {
	if err := f.begin(ctx, "SensorServers"); err != nil {
		return acts.SensorServerList{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return acts.SensorServerList{Servers: slices.Clone(f.servers), PolicyRevision: 4, Revision: f.revision}, nil
}

func (f fakeCentral) previewDecision(ctx context.Context, method, act string, in acts.DecideSensorServer) (acts.Preview, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.servers {
		if s.ID == in.Which || s.Fingerprint.String() == in.Which {
			p := acts.Preview{Act: act, Revision: f.revision, Asks: true, Fingerprint: s.Fingerprint, Lines: []string{
				"Sensor server: " + s.Name + ", which connects from " + s.Address + ".", "Fingerprint of its link identity: " + s.Fingerprint.String(), "State: " + string(s.State) + ".",
			}}
			if act == "sensor accept" {
				p.Lines = append(p.Lines, "Compare the fingerprint with the one that the Sensor itself shows (on it: sensor central-node show). Accept it only if they are equal.")
				return p, nil
			}
			p.Consequences = []acts.Consequence{{Text: "Agents' connections through this Sensor that are cut at once.", InUse: true, Count: s.Agents}}
			return p, nil
		}
	}
	return acts.Preview{}, notFound("the Sensor " + in.Which)
}

func (f fakeCentral) decide(ctx context.Context, who acts.Actor, method, act string, in acts.DecideSensorServer, state acts.RequestState) (acts.SensorServerDecision, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.SensorServerDecision{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.revision, "the list of Sensor servers"); err != nil {
		return acts.SensorServerDecision{}, err
	}
	for i, s := range f.servers {
		if s.ID != in.Which && s.Fingerprint.String() != in.Which {
			continue
		}
		if in.Fingerprint != s.Fingerprint {
			return acts.SensorServerDecision{}, &acts.Error{Code: acts.Refused, Text: "another fingerprint was compared"}
		}
		cut := 0
		if state != acts.Accepted {
			cut, s.Agents = s.Agents, 0
		}
		f.record(who, act, s.Fingerprint.String())
		s.State, s.Decided, s.DecidedBy = state, time.Now(), who.Account
		f.servers[i] = s
		if state == "" {
			f.servers = slices.Delete(f.servers, i, i+1)
		}
		return acts.SensorServerDecision{Server: s, Revision: f.revision, Cut: cut, Took: 7 * time.Millisecond}, nil
	}
	return acts.SensorServerDecision{}, notFound("the Sensor " + in.Which)
}

func (f fakeCentral) PreviewAcceptSensorServer(ctx context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return f.previewDecision(ctx, "PreviewAcceptSensorServer", "sensor accept", in)
}

func (f fakeCentral) AcceptSensorServer(ctx context.Context, who acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return f.decide(ctx, who, "AcceptSensorServer", "sensor accept", in, acts.Accepted)
}

func (f fakeCentral) PreviewRejectSensorServer(ctx context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return f.previewDecision(ctx, "PreviewRejectSensorServer", "sensor reject", in)
}

func (f fakeCentral) RejectSensorServer(ctx context.Context, who acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return f.decide(ctx, who, "RejectSensorServer", "sensor reject", in, acts.Rejected)
}

func (f fakeCentral) PreviewDeleteSensorServer(ctx context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return f.previewDecision(ctx, "PreviewDeleteSensorServer", "sensor delete", in)
}

func (f fakeCentral) DeleteSensorServer(ctx context.Context, who acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return f.decide(ctx, who, "DeleteSensorServer", "sensor delete", in, "")
}

func (f fakeCentral) AgentCertificates(ctx context.Context, _ acts.Actor, in acts.AgentCertificateFilter) (acts.AgentCertificateList, error) {
	if err := f.begin(ctx, "AgentCertificates"); err != nil {
		return acts.AgentCertificateList{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := acts.AgentCertificateList{Validation: f.validation, Revision: f.revision}
	for _, c := range f.agents {
		if c.Fingerprint.Contains(in.Fingerprint) && c.Serial.Contains(in.Serial) {
			out.Certificates = append(out.Certificates, c)
		}
	}
	return out, nil
}

func (f fakeCentral) PreviewDeleteAgentCertificates(ctx context.Context, _ acts.Actor, in acts.DeleteAgentCertificates) (acts.Preview, error) {
	if err := f.begin(ctx, "PreviewDeleteAgentCertificates"); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := acts.Preview{Act: "agent-certificate delete", Revision: f.revision, Asks: true}
	connected := 0
	for _, c := range f.agents {
		if slices.Contains(in.Fingerprints, c.Fingerprint) {
			p.Lines = append(p.Lines, fmt.Sprintf("%s: %d connected agents use this certificate.", c.Fingerprint, c.Connected))
			connected += c.Connected
		}
	}
	p.Consequences = []acts.Consequence{{Text: "Connections that are cut at once.", InUse: true, Count: connected}}
	return p, nil
}

func (f fakeCentral) DeleteAgentCertificates(ctx context.Context, who acts.Actor, in acts.DeleteAgentCertificates) (acts.Withdrawal, error) {
	if err := f.begin(ctx, "DeleteAgentCertificates"); err != nil {
		return acts.Withdrawal{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.revision, "the list of certificates"); err != nil {
		return acts.Withdrawal{}, err
	}
	out := acts.Withdrawal{Fingerprints: in.Fingerprints, Took: 12 * time.Millisecond, Sensors: 1, Late: f.late}
	f.agents = slices.DeleteFunc(f.agents, func(c acts.AgentCertificate) bool {
		if !slices.Contains(in.Fingerprints, c.Fingerprint) {
			return false
		}
		out.Cut += c.Connected
		return true
	})
	f.record(who, "agent-certificate delete")
	out.Revision = f.revision
	return out, nil
}

func (f fakeCentral) PreviewSetValidation(ctx context.Context, _ acts.Actor, in acts.SetValidation) (acts.Preview, error) {
	if err := f.begin(ctx, "PreviewSetValidation"); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := acts.Preview{Act: "agent-certificate validation", Lines: []string{"Certificates of agents will not be checked."}, Revision: f.revision, Asks: true}
	switch {
	case in.On == f.validation:
		p.Lines, p.Asks = []string{"Validation is " + onOff(in.On) + " already."}, false
	case in.On:
		p.Lines = []string{"Only agents with a listed certificate will be let in."}
		p.Consequences = []acts.Consequence{{Text: "Connections that are cut at once because they show no listed certificate.", InUse: true, Count: f.unlisted}}
	}
	return p, nil
}

func (f fakeCentral) SetValidation(ctx context.Context, who acts.Actor, in acts.SetValidation) (acts.Withdrawal, error) {
	if err := f.begin(ctx, "SetValidation"); err != nil {
		return acts.Withdrawal{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.revision, "the switch"); err != nil {
		return acts.Withdrawal{}, err
	}
	f.validation = in.On
	f.record(who, "agent-certificate validation")
	return acts.Withdrawal{Revision: f.revision, Cut: f.unlisted, Took: 1200 * time.Millisecond, Sensors: 1, Late: f.late}, nil
}

// fleet gives a Central Node some Sensors and agent certificates.
func (f *fake) fleet() {
	f.change(func(f *fake) {
		now := time.Now()
		for i, state := range []acts.RequestState{acts.Accepted, acts.Pending, acts.Rejected} {
			name := "branch-" + string(rune('1'+i))
			fp := fingerprint(name)
			f.servers = append(f.servers, acts.SensorServer{
				ID: strings.ToLower(strings.ReplaceAll(fp.String(), ":", "")[:16]), Fingerprint: fp, Name: name, Version: "0.4.0", Address: "192.0.2." + string(rune('1'+i)),
				Type: acts.TypeRemote, State: state, Requested: now, Connected: i == 0, Agents: 12 * (1 - min(i, 1)),
			})
		}
		for i := range 30 {
			fp := fingerprint("agent " + string(rune('A'+i)))
			f.agents = append(f.agents, acts.AgentCertificate{Fingerprint: fp, Serial: pki.Serial(strings.ReplaceAll(fp.String(), ":", "")[:16]), Subject: "CN=agent-" + string(rune('A'+i)), NotBefore: now, NotAfter: now.Add(365 * 24 * time.Hour), Key: "ECDSA P-256", Origin: acts.OriginGenerated, Added: now, Connected: i % 3})
		}
	})
}

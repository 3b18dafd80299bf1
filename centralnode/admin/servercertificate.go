package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vedette/centralnode/external"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// replacing lists the documented consequences of replacing the server
// certificate of the Central Node (seed document, "Generating a TLS
// certificate for the Central Node server"), with today's numbers. What has no
// counterpart in this product is said to be not in use.
func (a *Admin) replacing(ctx context.Context) ([]acts.Consequence, error) {
	t, err := a.concerned(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(t.sensors, t.systems, t.hosts)
	return []acts.Consequence{
		{Text: "The certificate in use is removed at once. The new certificate must be entered everywhere the old one was used.", InUse: true, Count: t.hostCount + t.sensorCount + t.systemCount, Who: conduct.Some(all)},
		{Text: "Traffic forwarding from Endpoint Agents and their trusted connection must be reconfigured: every agent that pins the old certificate stops delivering events until it has the new one. Agents keep what they collect meanwhile.", InUse: true, Count: t.hostCount, Who: t.hosts},
		{Text: "Every Sensor stops until its administrator has compared and confirmed the new certificate (central-node set)." + t.behindSensors(), InUse: t.sensorCount > 0, Count: t.sensorCount, Who: t.sensors},
		{Text: "Mail sensors and other external systems stay accepted: they are known by their own certificates. But each must be given the new certificate, or it refuses to talk to the Central Node and nothing of it is scanned.", InUse: t.systemCount > 0, Count: t.systemCount, Who: t.systems},
		{Text: "The connection of the Central Node, PCN, and SCN to Sandbox must be reconfigured."},
		{Text: "The new certificate must be uploaded to Active Directory."},
		{Text: "Endpoint Agent host isolation rules must be deleted first: isolated hosts are out of control afterwards."},
	}, nil
}

// followUps say what those consequences leave to be done.
func (a *Admin) followUps(ctx context.Context) ([]acts.FollowUp, error) {
	t, err := a.concerned(ctx)
	if err != nil {
		return nil, err
	}
	return []acts.FollowUp{
		{Whom: "Endpoint Agents that connect directly", Count: t.hostCount, Who: t.hosts, Step: "Download the new certificate and give it to them, in the policy or with --pinned-certificate. Until then they refuse the Central Node and keep what they collect. Endpoint Agents behind a Sensor pin the certificate of the Sensor: nothing changes for them."},
		{Whom: "Sensors", Count: t.sensorCount, Who: t.sensors, Step: "On each of them open Program settings, Configure Central Node (or use central-node set) and compare the fingerprint. Until then its Endpoint Agents are not served." + t.behindSensors()},
		{Whom: "Mail sensors and other external systems", Count: t.systemCount, Who: t.systems, Step: "Give their administrators the new certificate. They stay accepted, but one that checks the certificate submits nothing before it has the new one."},
	}, nil
}

// concerned is who has to do with the server certificate: how many, and the
// names of some.
type concerned struct {
	hosts, sensors, systems             []string
	hostCount, sensorCount, systemCount int
	behind                              int // hosts that come through those Sensors
}

// behindSensors says how many hosts their Sensors keep from the Central Node.
func (t concerned) behindSensors() string {
	switch t.behind {
	case 0:
		return ""
	case 1:
		return " 1 Endpoint Agent connects through them today."
	}
	return fmt.Sprintf(" %d Endpoint Agents connect through them today.", t.behind)
}

func (a *Admin) concerned(ctx context.Context) (t concerned, err error) {
	rows, _, err := a.sensorServers(ctx)
	if err != nil {
		return t, err
	}
	if t.systemCount, t.systems, err = a.acceptedSystems(ctx); err != nil {
		return t, err
	}
	t.sensorCount = a.c.Door.Trust().AcceptedSensors()
	var sensors, hosts []string
	carries := make(map[string]bool)
	for _, row := range rows {
		if row.shown.State == acts.Accepted {
			sensors = append(sensors, cmp.Or(row.shown.Name, row.shown.ID))
			carries[row.shown.ID] = true
		}
	}
	for _, h := range a.c.Hosts.Hosts() {
		switch {
		case h.Way == trust.Direct:
			hosts = append(hosts, cmp.Or(h.Name, h.AgentID))
		case carries[h.Way]: // it pins the certificate of its Sensor, and waits for it
			t.behind++
		}
	}
	t.hostCount, t.sensors, t.hosts = len(hosts), conduct.Some(sensors), conduct.Some(hosts)
	return t, nil
}

// acceptedSystems counts the external systems that are let in, and names some of
// them, mail sensors first.
func (a *Admin) acceptedSystems(ctx context.Context) (n int, some []string, err error) {
	kept, _, err := a.c.Store.ExternalSystems(ctx)
	if err != nil {
		return 0, nil, err
	}
	var mail, others []string
	for _, v := range kept {
		if v.State != store.Accepted {
			continue
		}
		n++
		name := v.ID
		if title := external.Title(v.Name); title != "" && title != v.ID {
			name += " (" + title + ")"
		}
		if v.Type == acts.MailSensor {
			mail = append(mail, name)
		} else {
			others = append(others, name)
		}
	}
	return n, append(conduct.Some(mail), conduct.Some(others)...), nil
}

// replaced ends what was begun with the server certificate of before: agents'
// connections and the links of Sensors.
func (a *Admin) replaced() (cut int) {
	cut = a.c.Door.CutAll()
	a.c.Logger.Info("links cut, their Sensors pin another certificate", "links", a.c.Sensors.CutAll())
	return cut
}

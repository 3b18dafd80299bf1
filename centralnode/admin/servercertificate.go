package admin

import (
	"cmp"
	"context"
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
	rows, _, err := a.sensorServers(ctx)
	if err != nil {
		return nil, err
	}
	accepted := a.c.Door.Trust().AcceptedSensors()
	systems, named, err := a.acceptedSystems(ctx)
	if err != nil {
		return nil, err
	}
	var sensors, hosts []string
	for _, row := range rows {
		if row.shown.State == acts.Accepted {
			sensors = append(sensors, cmp.Or(row.shown.Name, row.shown.ID))
		}
	}
	for _, h := range a.c.Hosts.Hosts() {
		if h.Way == trust.Direct { // the others pin the certificate of their Sensor
			hosts = append(hosts, cmp.Or(h.Name, h.AgentID))
		}
	}
	all := slices.Concat(conduct.Some(sensors), named, conduct.Some(hosts))
	return []acts.Consequence{
		{Text: "The certificate in use is removed at once. The new certificate must be entered everywhere the old one was used.", InUse: true, Count: len(hosts) + accepted + systems, Who: conduct.Some(all)},
		{Text: "Traffic forwarding from Endpoint Agents and their trusted connection must be reconfigured: every agent that pins the old certificate stops delivering events until it has the new one. Agents keep what they collect meanwhile.", InUse: true, Count: len(hosts), Who: conduct.Some(hosts)},
		{Text: "Every Sensor stops until its administrator has compared and confirmed the new certificate (central-node set).", InUse: accepted > 0, Count: accepted, Who: conduct.Some(sensors)},
		{Text: "Mail sensors and other external systems stay accepted: they are known by their own certificates. But each must be given the new certificate, or it refuses to talk to the Central Node and nothing of it is scanned.", InUse: systems > 0, Count: systems, Who: named},
		{Text: "The connection of the Central Node to Sandbox must be reconfigured."},
		{Text: "The new certificate must be uploaded to Active Directory."},
		{Text: "Endpoint Agent host isolation rules must be deleted first: isolated hosts are out of control afterwards."},
	}, nil
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

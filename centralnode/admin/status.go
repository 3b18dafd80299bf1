package admin

import (
	"context"

	"vedette/internal/acts"
)

// Status says what the Central Node is doing, and what needs a person.
func (a *Admin) Status(ctx context.Context, actor acts.Actor) (acts.Status, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewStatus); err != nil {
		return acts.Status{}, err
	}
	s, err := a.status(ctx, actor)
	if err != nil {
		return acts.Status{}, a.desk.Failed(ctx, actor, acts.ActViewStatus, nil, err)
	}
	return s, nil
}

func (a *Admin) status(ctx context.Context, actor acts.Actor) (acts.Status, error) {
	certificate, err := a.c.Base.Serving.Show(ctx)
	if err != nil {
		return acts.Status{}, err
	}
	trust, events := a.c.Door.Trust(), a.c.Events.State()
	admitted, strangers := a.c.Door.Counts()
	s := acts.Status{
		Daemon: "centralnode", Version: a.c.Version, Started: a.started, Address: a.c.Address,
		StoreID: a.c.Base.State.ID(), Revision: uint64(a.c.Store.Revision()),
		SSH: a.c.Base.SSHDoor(a.c.SSHAddress), Web: a.c.WebAddress, Certificate: certificate.Certificate, Validation: trust.Validation,
		Agents: acts.AgentCounts{Hosts: a.c.Hosts.Len(), Strangers: strangers},
		Events: acts.EventState{
			Degraded: events.Degraded, Reason: events.Reason, Packages: events.Messages, Bytes: events.Bytes,
			Oldest: events.Oldest, Store: string(events.Kind), Durability: events.Durability, Refused: a.c.RefusedPackages(),
		},
		Alerts: a.c.Alerts.Counts(), Scan: a.scanStatus(ctx),
	}
	n := needs{admin: a, actor: actor, now: a.c.Now()}
	// What is worst comes first.
	n.server()
	n.events(events)
	var ofSystems int
	var systems []string
	if s.Systems, ofSystems, systems, err = a.systemCounts(ctx); err != nil {
		return acts.Status{}, err
	}
	n.scan(s.Scan, s.Systems != acts.SystemCounts{})
	if s.Sensors, err = n.sensors(ctx); err != nil {
		return acts.Status{}, err
	}
	n.systems(s.Systems, systems)
	// What is no agent's may end between the looks.
	s.Agents.Connections = max(0, admitted-a.c.Sensors.Lanes()-ofSystems)
	n.certificate(certificate)
	n.eventWarnings(events)
	if err := n.hosts(ctx); err != nil {
		return acts.Status{}, err
	}
	n.alerts(s.Alerts)
	if err := n.agentCertificates(ctx, s.Validation); err != nil {
		return acts.Status{}, err
	}
	s.Needs, s.Problems = n.sorted(), n.problems
	return s, nil
}

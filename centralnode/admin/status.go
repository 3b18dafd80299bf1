package admin

import (
	"context"
	"fmt"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// Status says what the Central Node is doing, and what needs a person.
func (a *Admin) Status(ctx context.Context, actor acts.Actor) (acts.Status, error) {
	if err := a.desk.Permit(ctx, actor, actViewStatus); err != nil {
		return acts.Status{}, err
	}
	certificate, err := a.c.Base.Serving.Show(ctx)
	if err != nil {
		return acts.Status{}, a.desk.Failed(ctx, actor, actViewStatus, nil, err)
	}
	trust, events := a.c.Door.Trust(), a.c.Events.State()
	admitted, strangers := a.c.Door.Counts()
	s := acts.Status{
		Daemon: "centralnode", Version: a.c.Version, Started: a.started, Address: a.c.Address,
		StoreID: a.c.Base.State.ID(), Revision: uint64(a.c.Store.Revision()),
		SSH: a.c.Base.SSHDoor(a.c.SSHAddress), Certificate: certificate.Certificate, Validation: trust.Validation,
		Agents: acts.AgentCounts{Hosts: a.c.Hosts.Len(), Strangers: strangers},
		Events: acts.EventState{
			Degraded: events.Degraded, Reason: events.Reason, Packages: events.Messages, Bytes: events.Bytes,
			Oldest: events.Oldest, Store: string(events.Kind), Durability: events.Durability, Refused: a.c.RefusedPackages(),
		},
	}
	var sensors, systems []string
	var ofSystems int
	if s.Sensors, sensors, err = a.sensorCounts(ctx); err == nil {
		s.Systems, ofSystems, systems, err = a.systemCounts(ctx)
	}
	if err != nil {
		return acts.Status{}, a.desk.Failed(ctx, actor, actViewStatus, nil, err)
	}
	// What is no agent's may end between the looks.
	s.Agents.Connections = max(0, admitted-a.c.Sensors.Lanes()-ofSystems)
	s.Scan, s.Alerts = a.scanStatus(ctx), a.c.Alerts.Counts()
	if reason := a.c.StateDegraded(); reason != "" {
		s.Problems = append(s.Problems, "The state file takes no writes: "+reason)
	}
	if events.Degraded {
		s.Problems = append(s.Problems, "Events are not taken: "+events.Reason)
	}
	s.Problems = append(s.Problems, scanProblems(s.Scan, s.Systems != acts.SystemCounts{}, a.c.Now())...)
	if mayDo(actor.Role, actViewSensors) {
		s.Problems = append(s.Problems, sensors...)
	}
	if mayDo(actor.Role, actViewSystems) {
		s.Problems = append(s.Problems, systems...)
	}
	s.Problems = append(s.Problems, certificate.Warnings...)
	s.Problems = append(s.Problems, events.Warnings...)
	for _, h := range a.c.Hosts.Hosts() {
		if h.Conflict != "" {
			s.Problems = append(s.Problems, fmt.Sprintf("Host %s (%s): %s.", foreign.Line(h.Name), h.AgentID, h.Conflict))
		}
	}
	return s, nil
}

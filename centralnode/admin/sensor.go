package admin

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/sensors"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/internal/kv"
	"vedette/pki"
)

// Sensors is the room of Sensors.
type Sensors interface {
	Look(f pki.Fingerprint) sensors.Look
	// History is what a Sensor found of its link, by the minute.
	History(f pki.Fingerprint, from, to time.Time) []acts.QualityMinute
	Name(id string) string
	// Distribute has the connected Sensors take the policy in force.
	Distribute(ctx context.Context) (taken int, late []string)
	// Decided tells a Sensor what was decided about it.
	Decided(f pki.Fingerprint)
	CutAll() int
	// Lanes counts connections at the door that are no agents'.
	Lanes() int
}

// SensorServers shows the table of Sensor servers, requests and all.
func (a *Admin) SensorServers(ctx context.Context, actor acts.Actor) (acts.SensorServerList, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewSensors); err != nil {
		return acts.SensorServerList{}, err
	}
	rows, revision, err := a.sensorServers(ctx)
	if err != nil {
		return acts.SensorServerList{}, a.desk.Failed(ctx, actor, acts.ActViewSensors, nil, err)
	}
	list := acts.SensorServerList{PolicyRevision: a.c.Door.Trust().Policy, Revision: uint64(revision), Servers: []acts.SensorServer{}}
	for _, row := range rows {
		list.Servers = append(list.Servers, row.shown)
	}
	return list, nil
}

// SensorServer shows one Sensor server.
func (a *Admin) SensorServer(ctx context.Context, actor acts.Actor, which string) (acts.SensorServer, error) {
	return viewOne(ctx, a, actor, acts.ActViewSensors, which, func() (acts.SensorServer, error) {
		row, _, err := a.findSensor(ctx, which)
		return row.shown, err
	})
}

// SensorServerByID shows one Sensor server, by the fingerprint of its link
// identity or by its id: by nothing that a Sensor can call itself, so that an
// address of a page always means the same one.
func (a *Admin) SensorServerByID(ctx context.Context, actor acts.Actor, id string) (acts.SensorServer, error) {
	return viewOne(ctx, a, actor, acts.ActViewSensors, id, func() (acts.SensorServer, error) {
		rows, _, err := a.sensorServers(ctx)
		if err != nil {
			return acts.SensorServer{}, err
		}
		row, found, err := identified(rows, id)
		if err == nil && !found {
			err = unknownSensor(id)
		}
		return row.shown, err
	})
}

// sensorRow is a Sensor server as it is kept, and as it is shown.
type sensorRow struct {
	kept  store.SensorServer
	look  sensors.Look
	since time.Time // the server certificate is in use
	shown acts.SensorServer
}

// sensorServers reads the table, the oldest request first.
func (a *Admin) sensorServers(ctx context.Context) ([]sensorRow, kv.Revision, error) {
	kept, revision, err := a.c.Store.SensorServers(ctx)
	if err != nil {
		return nil, 0, err
	}
	since, err := a.c.Base.Serving.Since(ctx)
	if err != nil {
		return nil, 0, err
	}
	carried, policy := a.c.Door.Carried(), a.c.Door.Trust().Policy
	rows := make([]sensorRow, 0, len(kept))
	for _, v := range kept {
		look := a.c.Sensors.Look(v.Fingerprint)
		rows = append(rows, sensorRow{v, look, since, describeSensor(v, look, carried[v.Fingerprint], policy, since)})
	}
	slices.SortFunc(rows, func(x, y sensorRow) int {
		return cmp.Or(x.kept.Requested.Compare(y.kept.Requested), strings.Compare(x.shown.ID, y.shown.ID))
	})
	return rows, revision, nil
}

// describeSensor shows a Sensor server; policy is the revision in force, since
// when the server certificate came into use.
func describeSensor(v store.SensorServer, look sensors.Look, agents int, policy uint64, since time.Time) acts.SensorServer {
	c := look.Contact
	s := acts.SensorServer{
		ID: trust.SensorID(v.Fingerprint), Fingerprint: v.Fingerprint,
		Name: sensors.Title(c.Name), Version: foreign.Line(c.Software), Addresses: []string{}, Address: cmp.Or(c.Address, v.Address),
		Type: acts.TypeRemote, State: stateOf(v.State), Problem: strings.Join(look.Problems, " "),
		ServerCertificate: c.ServerCertificate, Requested: v.Requested, Decided: v.Decided, DecidedBy: foreign.Line(v.DecidedBy), LastContact: c.Last,
		Revision:  uint64(v.Version),
		Connected: look.Connected, Lanes: look.Lanes, Agents: agents,
		PolicyRevision: look.Policy, PolicyBehind: v.State == store.Accepted && look.Connected && look.Policy != policy,
		RTT: look.RTT, Quality: look.Quality, Mute: look.Mute, IngressBytes: look.Ingress, Refused: look.Refused,
	}
	for _, address := range c.Addresses {
		s.Addresses = append(s.Addresses, foreign.Line(address))
	}
	if c.SameServer {
		s.Type = acts.TypeSameServer
	}
	s.NextStep = nextSensorStep(s, since)
	return s
}

func stateOf(s store.RequestState) acts.RequestState {
	switch s {
	case store.Accepted:
		return acts.Accepted
	case store.Rejected:
		return acts.Rejected
	default:
		return acts.Pending
	}
}

// findSensor finds the one Sensor server that an administrator named: by
// fingerprint, id, address or name, and in this order, so that no Sensor can
// take the place of another by what it calls itself.
func (a *Admin) findSensor(ctx context.Context, which string) (sensorRow, kv.Revision, error) {
	which = strings.TrimSpace(which)
	if which == "" {
		return sensorRow{}, 0, conduct.Invalid("no Sensor server was named", "name it by fingerprint, id, address or name; the list shows them")
	}
	rows, revision, err := a.sensorServers(ctx)
	if err != nil {
		return sensorRow{}, 0, err
	}
	if row, found, err := identified(rows, which); found || err != nil {
		return row, revision, err
	}
	var found []sensorRow
	for _, row := range rows {
		if answersTo(row.shown, which) {
			found = append(found, row)
		}
	}
	switch len(found) {
	case 1:
		return found[0], revision, nil
	case 0:
		return sensorRow{}, 0, unknownSensor(which)
	}
	candidates := make([]string, len(found))
	for i, row := range found {
		candidates[i] = fmt.Sprintf("%s (%s, %s)", row.shown.ID, row.shown.Name, row.shown.Address)
	}
	return sensorRow{}, 0, conduct.Invalid(fmt.Sprintf("%d Sensor servers answer to \"%s\": %s", len(found), foreign.Line(which), strings.Join(candidates, ", ")),
		"name one by its id or fingerprint")
}

func unknownSensor(which string) *acts.Error {
	return &acts.Error{Code: acts.NotFound, Text: "no Sensor server \"" + foreign.Line(which) + "\" is known", Hint: "the list shows the Sensors that asked"}
}

// identified finds a Sensor server by what it cannot choose: the fingerprint of
// its link identity, or its id. An id is but a part of that, so two made for it
// can share one.
func identified(rows []sensorRow, which string) (sensorRow, bool, error) {
	fingerprint, notOne := pki.ParseFingerprint(which)
	id := strings.ToLower(which)
	var found []sensorRow
	for _, row := range rows {
		if notOne == nil && row.kept.Fingerprint == fingerprint {
			return row, true, nil
		}
		if row.shown.ID == id {
			found = append(found, row)
		}
	}
	switch len(found) {
	case 0:
		return sensorRow{}, false, nil
	case 1:
		return found[0], true, nil
	}
	candidates := make([]string, len(found))
	for i, row := range found {
		candidates[i] = row.kept.Fingerprint.String()
	}
	return sensorRow{}, false, conduct.Invalid(fmt.Sprintf("%d Sensor servers have the id %s: %s", len(found), id, strings.Join(candidates, ", ")),
		"name one by its whole fingerprint; nobody gets two that share an id by chance")
}

func answersTo(s acts.SensorServer, which string) bool {
	if host, _, err := net.SplitHostPort(which); err == nil {
		which = host
	}
	return s.Address == which || slices.Contains(s.Addresses, which) || strings.EqualFold(s.Name, which)
}

// sensorName is what the Sensor of a way calls itself.
func (a *Admin) sensorName(way string) string {
	if way == trust.Direct {
		return ""
	}
	return a.c.Sensors.Name(way)
}

// sensorCounts counts Sensor servers, and says what needs a person. judged are
// those whose links are measured.
func (a *Admin) sensorCounts(ctx context.Context) (c acts.SensorCounts, problems []string, judged []acts.SensorServer, err error) {
	rows, _, err := a.sensorServers(ctx)
	if err != nil {
		return c, nil, nil, err
	}
	for _, row := range rows {
		s := row.shown
		c = countSensor(c, s)
		if s.State == acts.Accepted && !s.Connected {
			problems = append(problems, "Sensor server "+named(s)+" is not connected.")
		}
		if s.State == acts.Rejected {
			continue // that is settled, whatever is wrong with it
		}
		for _, problem := range row.look.Problems {
			problems = append(problems, "Sensor server "+named(s)+": "+problem)
		}
		if s.Quality != nil {
			judged = append(judged, s)
		}
	}
	switch c.Pending {
	case 0:
	case 1:
		problems = append(problems, "1 Sensor server waits for Accept or Reject.")
	default:
		problems = append(problems, fmt.Sprintf("%d Sensor servers wait for Accept or Reject.", c.Pending))
	}
	return c, problems, judged, nil
}

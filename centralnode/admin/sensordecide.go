package admin

import (
	"context"
	"fmt"
	"strings"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/kv"
	"vedette/pki"
)

// PreviewAcceptSensorServer shows whom accepting would let in, and the
// fingerprint that has to be compared.
func (a *Admin) PreviewAcceptSensorServer(ctx context.Context, actor acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return a.previewSensor(ctx, actor, acts.ActAcceptSensor, in)
}

// AcceptSensorServer lets a Sensor carry agents.
func (a *Admin) AcceptSensorServer(ctx context.Context, actor acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return a.decideSensor(ctx, actor, acts.ActAcceptSensor, in)
}

// PreviewRejectSensorServer says whom rejecting would cut off.
func (a *Admin) PreviewRejectSensorServer(ctx context.Context, actor acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return a.previewSensor(ctx, actor, acts.ActRejectSensor, in)
}

// RejectSensorServer takes a Sensor's right to carry agents away, or refuses
// it. When it returns, every agent's connection through it is cut and nothing
// that came through it was taken after the returned revision.
func (a *Admin) RejectSensorServer(ctx context.Context, actor acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return a.decideSensor(ctx, actor, acts.ActRejectSensor, in)
}

// PreviewDeleteSensorServer says whom deleting would cut off.
func (a *Admin) PreviewDeleteSensorServer(ctx context.Context, actor acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return a.previewSensor(ctx, actor, acts.ActDeleteSensor, in)
}

// DeleteSensorServer forgets a Sensor, with the effect of rejecting it. One
// that connects again asks anew.
func (a *Admin) DeleteSensorServer(ctx context.Context, actor acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return a.decideSensor(ctx, actor, acts.ActDeleteSensor, in)
}

// sensorToDecide finds the Sensor that an act is about, and says when it cannot
// be done.
func (a *Admin) sensorToDecide(ctx context.Context, act string, in acts.DecideSensorServer) (sensorRow, uint64, error) {
	row, revision, err := a.findSensor(ctx, in.Which)
	if acts.CodeOf(err) == acts.NotFound && !in.Fingerprint.IsZero() {
		err = conduct.Gone(in.Revision, acts.ActDeleteSensor, in.Fingerprint.String(), err)
	}
	if err == nil {
		err = conduct.Seen(in.Revision, row.kept.Version)
	}
	if err == nil && !in.Fingerprint.IsZero() && in.Fingerprint != row.kept.Fingerprint {
		err = &acts.Error{Code: acts.Refused, Text: "the Sensor server " + row.shown.ID + " has another fingerprint than the one that was compared: nothing was done", Hint: "compare " + row.kept.Fingerprint.String() + " with what the Sensor itself shows"}
	}
	if err == nil && (act == acts.ActAcceptSensor && row.kept.State == store.Accepted || act == acts.ActRejectSensor && row.kept.State == store.Rejected) {
		err = &acts.Error{Code: acts.Refused, Text: fmt.Sprintf("the Sensor server %s is %s already: nothing was done", row.shown.ID, row.shown.State), Hint: "the list shows what was decided, when and by whom"}
	}
	return row, uint64(revision), err
}

func (a *Admin) previewSensor(ctx context.Context, actor acts.Actor, act string, in acts.DecideSensorServer) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, act, in.Which); err != nil {
		return acts.Preview{}, err
	}
	row, revision, err := a.sensorToDecide(ctx, act, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, act, []string{in.Which}, err)
	}
	s := row.shown
	p := acts.Preview{Act: act, Revision: revision, Asks: true, Fingerprint: s.Fingerprint, Lines: []string{
		fmt.Sprintf("Sensor server: %s, which connects from %s.", named(s), s.Address),
		"It says that its addresses are " + listed(s.Addresses) + ".",
		"Fingerprint of its link identity: " + s.Fingerprint.String(),
		fmt.Sprintf("State: %s.", s.State),
	}}
	cut := acts.Consequence{Text: "Agents' connections through this Sensor that are cut at once.", InUse: true, Count: s.Agents}
	switch act {
	case acts.ActAcceptSensor:
		p.Lines = append(p.Lines, "Compare the fingerprint with the one that the Sensor itself shows (on it: sensor central-node show). Accept it only if they are equal.")
		if s.Problem != "" {
			p.Lines = append(p.Lines, s.Problem)
		}
	case acts.ActRejectSensor:
		p.Lines = append(p.Lines, "It may ask again only after its administrator has confirmed this Central Node once more.")
		p.Consequences = []acts.Consequence{cut}
	case acts.ActDeleteSensor:
		p.Lines = append(p.Lines, "It is forgotten. If it connects again it makes a new request; to keep it away, reject it.")
		p.Consequences = []acts.Consequence{cut}
	}
	return p, nil
}

func named(s acts.SensorServer) string {
	if s.Name == "" {
		return s.ID
	}
	return s.Name + " (" + s.ID + ")"
}

func listed(parts []string) string {
	if len(parts) == 0 {
		return "not known"
	}
	return strings.Join(parts, ", ")
}

func (a *Admin) decideSensor(ctx context.Context, actor acts.Actor, act string, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	var none acts.SensorServerDecision
	if err := a.desk.Permit(ctx, actor, act, in.Which); err != nil {
		return none, err
	}
	row, _, err := a.sensorToDecide(ctx, act, in)
	if err != nil {
		return none, a.desk.Failed(ctx, actor, act, []string{in.Which}, err)
	}
	id, kept, state := row.kept.Fingerprint, row.kept, trust.Unknown
	kept.Decided, kept.DecidedBy, kept.Request = a.c.Now(), actor.Account, nil
	var change store.Change
	switch act {
	case acts.ActAcceptSensor:
		kept.State, state = store.Accepted, trust.Accepted
		change.PutSensorServer(kept)
	case acts.ActRejectSensor:
		// What it has drawn so far is answered by this.
		kept.State, kept.Request, state = store.Rejected, row.look.Contact.Request, trust.Rejected
		change.PutSensorServer(kept)
	case acts.ActDeleteSensor:
		change.DeleteSensorServer(kept)
	}
	done, err := a.change(ctx, actor, deed{act: act, subject: []string{id.String(), row.shown.Name}}, trust.Scope{Sensors: []pki.Fingerprint{id}}, change,
		func(s *trust.Snapshot) *trust.Snapshot { return s.WithSensor(id, state) })
	if err != nil {
		return none, err
	}
	a.c.Sensors.Decided(id)
	kept.Version = kv.Revision(done.Revision)
	result := acts.SensorServerDecision{Server: row.shown, Revision: done.Revision, Cut: done.Cut, Took: done.Took}
	if act != acts.ActDeleteSensor {
		result.Server = describeSensor(kept, a.c.Sensors.Look(id), a.c.Door.Carried()[id], a.c.Door.Trust().Policy, row.since)
	}
	return result, nil
}

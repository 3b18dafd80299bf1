package admin

import (
	"context"
	"strings"

	"vedette/centralnode/agents"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// defaultLimit is how many rows a view shows when nobody says.
const defaultLimit = 1000

// viewOne shows the one thing that somebody named, if they may see it.
func viewOne[T any](ctx context.Context, a *Admin, actor acts.Actor, act, which string, find func() (T, error)) (T, error) {
	var none T
	if err := a.desk.Permit(ctx, actor, act); err != nil {
		return none, err
	}
	found, err := find()
	switch acts.CodeOf(err) {
	case "":
		return found, nil
	case acts.NotFound, acts.Invalid:
		return none, err // a slip of the pen is no matter of the audit
	default:
		return none, a.desk.Failed(ctx, actor, act, []string{which}, err)
	}
}

// Hosts shows the table of hosts.
func (a *Admin) Hosts(ctx context.Context, actor acts.Actor, f acts.HostFilter) ([]acts.Host, error) {
	if err := a.desk.Permit(ctx, actor, actViewHosts); err != nil {
		return nil, err
	}
	part := strings.ToLower(f.Host)
	out := []acts.Host{}
	for _, h := range a.c.Hosts.Hosts() {
		text := strings.ToLower(strings.Join(append([]string{h.Name, h.AgentID}, h.Addresses...), "\n"))
		if strings.Contains(text, part) {
			out = append(out, a.describeHost(h))
		}
	}
	return out, nil
}

func (a *Admin) describeHost(h agents.Host) acts.Host {
	d := acts.Host{
		AgentID: h.AgentID, Name: foreign.Line(h.Name), Addresses: h.Addresses,
		OSFamily: foreign.Line(h.OSFamily), OSName: foreign.Line(h.OSName), OSVersion: foreign.Line(h.OSVersion),
		AgentVersion: foreign.Line(h.AgentVersion), Collector: foreign.Line(h.Collector),
		Way: h.Way, Sensor: a.sensorName(h.Way), Remote: h.Remote, Certificate: h.Leaf, FirstContact: h.First, LastContact: h.Last,
		Connected: a.c.Door.Live(h.Connection), Conflict: h.Conflict, Suppressed: h.Suppressed, ClockSkew: h.ClockSkew,
	}
	for reason, n := range h.Dropped {
		if d.Dropped == nil {
			d.Dropped = make(map[string]uint64)
		}
		d.Dropped[foreign.Line(reason)] = n
	}
	return d
}

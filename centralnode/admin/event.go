package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"vedette/centralnode/eventlog"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	agentv1 "vedette/proto/agent/v1"
)

// Events shows the newest events that match, oldest first.
func (a *Admin) Events(ctx context.Context, actor acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error {
	if err := a.desk.Permit(ctx, actor, actViewEvents); err != nil {
		return err
	}
	filter, err := eventFilter(f)
	if err != nil {
		return err
	}
	limit := f.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	// The log reads oldest first; the newest are the last of a ring.
	ring := make([]eventlog.Record, 0, min(limit, defaultLimit))
	at := 0
	err = a.c.Events.List(ctx, filter, func(r eventlog.Record) bool {
		if len(ring) < limit {
			ring = append(ring, r)
		} else {
			ring[at%limit] = r
			at++
		}
		return true
	})
	var bound *eventlog.BoundError
	if err != nil && !errors.As(err, &bound) {
		return a.eventError(err)
	}
	for i := range ring {
		if !yield(a.Describe(ring[(at+i)%len(ring)])) {
			return nil
		}
	}
	if bound != nil {
		return &acts.Error{Code: acts.Refused, Text: bound.Error(), Hint: "narrow the search by host, kind or time", Err: err}
	}
	return nil
}

// WatchEvents shows events as they are made durable, until ctx ends.
func (a *Admin) WatchEvents(ctx context.Context, actor acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error {
	if err := a.desk.Permit(ctx, actor, actViewEvents); err != nil {
		return err
	}
	filter, err := eventFilter(f)
	if err != nil {
		return err
	}
	err = a.c.Events.Watch(ctx, filter, func(r eventlog.Record) bool { return yield(a.Describe(r)) })
	if ctx.Err() != nil {
		return nil // the administrator has seen enough
	}
	return a.eventError(err)
}

func (a *Admin) eventError(err error) error {
	if err == nil {
		return nil
	}
	a.c.Logger.Warn("read events", "error", err)
	return &acts.Error{Code: acts.Unavailable, Text: "events cannot be read now", Hint: "status has the state of the event log", Err: err}
}

func eventFilter(f acts.EventFilter) (eventlog.Filter, error) {
	if f.Kind != "" && !slices.Contains(acts.EventKinds(), f.Kind) {
		return eventlog.Filter{}, conduct.Invalid("kind \""+foreign.Line(f.Kind)+"\" is not known", "the kinds are "+strings.Join(acts.EventKinds(), ", "))
	}
	out := eventlog.Filter{Kind: eventlog.Kind(f.Kind), Text: f.Text, Since: f.Since, Until: f.Until}
	if agentv1.ValidID(f.Host) {
		out.AgentID = f.Host
	} else {
		out.Host = f.Host
	}
	return out, nil
}

// Describe gives an event its ECS form, cleaned of what could move a screen.
func (a *Admin) Describe(r eventlog.Record) acts.Event {
	e := r.Event
	created := r.Received
	if e.GetTime().IsValid() {
		created = e.GetTime().AsTime()
	}
	out := acts.Event{
		Time:  created,
		Event: acts.EventMeta{ID: foreign.Line(e.GetId()), Action: string(eventlog.KindOf(e)), Kind: "event", Created: created, Ingested: r.Received},
		Host:  acts.EventHost{Name: foreign.Line(r.Host)}, Agent: acts.EventAgent{ID: r.AgentID},
		Vedette: acts.EventWay{Way: r.Way, Sensor: a.sensorName(r.Way), Remote: r.Remote, PolicyRevision: r.PolicyRevision, Seq: r.PackageSeq},
	}
	if !r.Leaf.IsZero() {
		out.Vedette.Certificate = r.Leaf.String()
	}
	switch k := e.GetKind().(type) {
	case *agentv1.Event_ProcessStart:
		p := k.ProcessStart
		out.Event.Category, out.Event.Type = []string{"process"}, []string{"start"}
		out.Process = &acts.EventProcess{
			PID: p.GetPid(), Executable: foreign.Clean(p.GetExecutable()), WorkingDirectory: foreign.Clean(p.GetWorkingDirectory()),
			Parent: &acts.EventProcess{PID: p.GetParentPid(), Executable: foreign.Clean(p.GetParentExecutable())},
		}
		for _, arg := range p.GetArgs() {
			out.Process.Args = append(out.Process.Args, foreign.Clean(arg))
		}
		out.User = &acts.EventUser{ID: foreign.Line(p.GetUserId()), Name: foreign.Line(p.GetUserName())}
		out.Vedette.Incomplete = p.GetIncomplete()
	case *agentv1.Event_ProcessExit:
		p, code := k.ProcessExit, k.ProcessExit.GetExitCode()
		out.Event.Category, out.Event.Type = []string{"process"}, []string{"end"}
		out.Process = &acts.EventProcess{PID: p.GetPid(), Executable: foreign.Clean(p.GetExecutable()), ExitCode: &code}
	case *agentv1.Event_CollectorNotice:
		n := k.CollectorNotice
		out.Message = foreign.Clean(n.GetText())
		out.Vedette.Notice, out.Vedette.Count = foreign.Line(n.GetCode()), n.GetCount()
	}
	if r.Skipped > 0 {
		out.Vedette.Skipped = r.Skipped
	}
	return out
}

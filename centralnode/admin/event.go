package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/centralnode/eventlog"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	agentv1 "vedette/proto/agent/v1"
)

// Events is the event log.
type Events interface {
	Search(ctx context.Context, q eventlog.Search) (eventlog.Found, error)
	Record(ctx context.Context, at eventlog.Cursor) (_ eventlog.Record, found bool, err error)
	Watch(ctx context.Context, f eventlog.Filter, yield func(eventlog.Record) bool) error
	State() eventlog.State
}

const (
	// pageBytes bounds what is read for one page of events, in bytes of packages.
	pageBytes = 16 << 20
)

// EventPage searches from the end of the log back, or from a place of it: back
// where the filter has Before, and to newer events where it has After.
func (a *Admin) EventPage(ctx context.Context, actor acts.Actor, f acts.EventFilter) (acts.EventPage, error) {
	var none acts.EventPage
	if err := a.desk.Permit(ctx, actor, acts.ActViewEvents); err != nil {
		return none, err
	}
	q, err := eventSearch(f, pageBytes)
	if err != nil {
		return none, err
	}
	found, err := a.c.Events.Search(ctx, q)
	if err != nil {
		return none, a.eventError(err)
	}
	p := acts.EventPage{
		Events: make([]acts.Event, len(found.Records)), Newest: eventPlace(found.Newest), Oldest: eventPlace(found.Oldest), Older: found.Older, Newer: found.Newer,
	}
	if !found.Stopped.IsZero() {
		p.Stopped = &acts.EventBound{Packages: found.Packages, At: found.Stopped}
	}
	for i, r := range found.Records {
		p.Events[i] = a.Describe(r)
	}
	return p, nil
}

// Event shows one event by its place.
func (a *Admin) Event(ctx context.Context, actor acts.Actor, place acts.EventPlace) (acts.Event, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewEvents); err != nil {
		return acts.Event{}, err
	}
	gone := &acts.Error{Code: acts.NotFound, Text: "this event is not in the log", Hint: "events are removed when they are old or the log is full; search for it again"}
	at, err := eventlog.ParseCursor(string(place))
	if err != nil {
		return acts.Event{}, gone
	}
	r, found, err := a.c.Events.Record(ctx, at)
	if err != nil {
		return acts.Event{}, a.eventError(err)
	}
	if !found {
		return acts.Event{}, gone
	}
	return a.Describe(r), nil
}

// WatchEvents shows events as they are made durable, until ctx ends.
func (a *Admin) WatchEvents(ctx context.Context, actor acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error {
	if err := a.desk.Permit(ctx, actor, acts.ActViewEvents); err != nil {
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
	if errors.Is(err, eventlog.ErrCursor) {
		return &acts.Error{Code: acts.NotFound, Text: "this place is not in the log", Hint: "the log was replaced, or has lost its end; search from its end", Err: err}
	}
	a.c.Logger.Warn("read events", "error", err)
	return &acts.Error{Code: acts.Unavailable, Text: "events cannot be read now", Hint: "status has the state of the event log", Err: err}
}

// eventSearch makes ready what somebody asks for.
func eventSearch(f acts.EventFilter, bytes int) (eventlog.Search, error) {
	filter, err := eventFilter(f)
	if err != nil {
		return eventlog.Search{}, err
	}
	if f.Limit < 0 {
		return eventlog.Search{}, conduct.Invalid(fmt.Sprintf("limit %d is negative", f.Limit), "0 stands for the newest "+strconv.Itoa(defaultLimit))
	}
	if f.Before != "" && f.After != "" {
		return eventlog.Search{}, conduct.Invalid("a search goes one way: before a place or behind one", "give one of them")
	}
	q := eventlog.Search{Filter: filter, Newer: f.After != "", Limit: f.Limit, MaxBytes: bytes}
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	return q, nil
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
	if place := cmp.Or(f.Before, f.After); place != "" {
		var err error
		if out.From, err = eventlog.ParseCursor(string(place)); err != nil {
			return out, conduct.Invalid("this is not a place in the log", "search from its end")
		}
	}
	return out, nil
}

// eventPlace writes a place.
func eventPlace(c eventlog.Cursor) acts.EventPlace { return acts.EventPlace(c.String()) }

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
		Place:   eventPlace(r.Cursor()), Behind: eventPlace(r.Behind()),
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

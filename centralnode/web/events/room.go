package events

import (
	"context"
	"embed"
	"html/template"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// Backend performs the acts on events.
type Backend interface {
	EventPage(context.Context, acts.Actor, acts.EventFilter) (acts.EventPage, error)
	Event(ctx context.Context, who acts.Actor, place acts.EventPlace) (acts.Event, error)
	WatchEvents(ctx context.Context, who acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error
}

// The addresses of the room.
const (
	front    = "/events"
	oneEvent = front + "/{place}"
	follow   = front + "/follow"

	title = "Events"
)

//go:embed all:templates
var templates embed.FS

// room is the handlers with what they need.
type room struct {
	backend Backend
	rows    *template.Template
	now     func() time.Time
	places  chan struct{} // of those who follow
}

// Register gives the pages of events to the Kit. now is the clock that times ago
// are counted from.
func Register(k *page.Kit, b Backend, now func() time.Time) error {
	if err := k.Templates("events", templates); err != nil {
		return err
	}
	m := &room{backend: b, now: now, places: make(chan struct{}, mostFollow)}
	// The rows of the page and those of the stream are made by one template.
	var err error
	if m.rows, err = template.ParseFS(templates, "templates/_rows.html"); err != nil {
		return err
	}
	k.Get(front, acts.ActViewEvents, m.search)
	k.Get(oneEvent, acts.ActViewEvents, m.event)
	k.Stream(follow, acts.ActViewEvents, m.follow)
	return nil
}

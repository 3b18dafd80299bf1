package events

import (
	"bytes"
	"encoding/json"
	"net/url"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// event is one event's page.
type event struct {
	acts.Event
	Server          string
	HostPath        string
	CertificatePath string // the page of certificates filtered by the event's
	Around          string // the search that begins right behind the event
	JSON            string // its ECS form
}

func (m *room) event(r *page.Request) (page.View, error) {
	e, err := m.backend.Event(r.Context(), r.Actor, acts.EventPlace(r.PathValue("place")))
	if err != nil {
		return page.View{}, err
	}
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	if err := to.Encode(e); err != nil {
		return page.View{}, err
	}
	d := event{
		Event: e, Server: way(e.Vedette), HostPath: "/endpoint-agents/" + e.Agent.ID, JSON: text.String(),
		Around: front + "?" + url.Values{byHost: {e.Agent.ID}, before: {string(e.Behind)}}.Encode(),
	}
	if e.Vedette.Certificate != "" {
		d.CertificatePath = "/settings/certificates?fingerprint=" + url.QueryEscape(e.Vedette.Certificate)
	}
	return page.View{Template: "events/event.html", Title: "Event", Above: []page.Link{{Text: title, Path: front}}, Data: d}, nil
}

// Lines are the arguments with their numbers.
func (e event) Lines() []string {
	if e.Process == nil {
		return nil
	}
	return e.Process.Args
}

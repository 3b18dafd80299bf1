package endpoints

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// recent is how many events a host's page shows, and maxWhat bounds what a row
// tells of one, in bytes.
const (
	recent  = 50
	maxWhat = 200
)

// host is one host's page.
type host struct {
	acts.Host
	Server string
	// CertificatePath is the page of certificates filtered by the host's.
	CertificatePath string
	Clock           string // how far off it is; empty: it is right
	Dropped         []dropped
	Events          []event
	EventsPath      string // the search for all of them
	EventsFault     string // why they cannot be shown; empty: they can
	Searched        string // how far back was looked, when that was not all
}

// dropped is how many events an agent did not keep, and what that means.
type dropped struct {
	Reason  string
	Meaning string
	Events  uint64
}

// event is a row of a host's events.
type event struct {
	acts.Event
	What string
	Path string // of its page
}

func (m *room) host(r *page.Request) (page.View, error) {
	h, err := m.backend.Host(r.Context(), r.Actor, r.PathValue("agent"))
	if err != nil {
		return page.View{}, err
	}
	d := host{Host: h, Server: server(h.Way, h.Sensor), EventsPath: "/events?host=" + url.QueryEscape(h.AgentID)}
	if !h.Certificate.IsZero() {
		d.CertificatePath = "/settings/certificates?fingerprint=" + url.QueryEscape(h.Certificate.String())
	}
	if h.ClockSkew.Abs() >= tolerated {
		d.Clock = skew(h.ClockSkew)
	}
	for _, reason := range slices.Sorted(maps.Keys(h.Dropped)) {
		if n := h.Dropped[reason]; n > 0 {
			d.Dropped = append(d.Dropped, dropped{Reason: reason, Meaning: meanings[reason], Events: n})
		}
	}
	found, err := m.backend.EventPage(r.Context(), r.Actor, acts.EventFilter{Host: h.AgentID, Limit: recent})
	if err != nil {
		// The host is known all the same.
		d.EventsFault = acts.Sentence(err.Error())
	}
	if found.Stopped != nil {
		d.Searched = found.Stopped.At.UTC().Format(time.DateTime) + " UTC"
	}
	for _, e := range found.Events {
		d.Events = append(d.Events, event{Event: e, What: foreign.Bounded(e.What(), maxWhat), Path: "/events/" + string(e.Place)})
	}
	name := h.Name
	if name == "" {
		name = "Host " + h.AgentID
	}
	return page.View{Template: "endpoints/host.html", Title: name, Above: above(), Data: d, Live: true}, nil
}

// meanings of the reasons why agents drop events.
var meanings = map[string]string{
	"queue-full":        "The agent's queue was full, because it could not send for a long time: its oldest events made room.",
	"throttled":         "More events of one kind came in an hour than the agent's policy lets through.",
	"kernel-overrun":    "The kernel told of processes faster than the agent could read.",
	"damaged":           "Packages in the agent's queue were damaged on its disk.",
	"cloned-disk":       "They were those of the machine that this one's disk was copied from.",
	"refused-by-server": "The Central Node called the packages malformed.",
}

// tolerated is how far a host's clock may be off before its page says so.
const tolerated = 5 * time.Second

func skew(d time.Duration) string {
	way := "ahead of"
	if d < 0 {
		way = "behind"
	}
	return fmt.Sprintf("%s %s the Central Node's", d.Abs().Round(time.Second), way)
}

package events

import (
	"fmt"
	"net/url"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// perPage is how many events a page shows, and followed how many rows a page
// keeps that follows them.
const (
	perPage  = 100
	followed = 200
)

// The parameters of the search's address.
const (
	byHost   = "host"
	byKind   = "kind"
	byText   = "text"
	byPeriod = "period" // a preset, counted back from now
	bySince  = "since"
	byUntil  = "until"
	before   = "before"
	after    = "after"
)

// search is the page as the person wants it.
type search struct {
	Host, Kind, Text string
	Since, Until     string // as fields for times take them
	Period           string // the preset that is chosen
	Presets          []preset
	Kinds            []string
	Faults           map[string]string // by parameter

	Rows     []Row
	Nothing  string // said where there are no rows
	Older    string // the page of older events; empty: there are none
	Newer    string
	Newest   string // the page from the end of the log
	Searched string // how far back was looked, when that was not all of it
	Packages uint64 // that were read for it
	Further  string // the page that goes on searching there
	Follow   string // where new rows come from; empty: this page does not follow
	Followed int
	Clear    string // the page without any filter; empty: none is set
	// Again is this page, for those without script.
	Again string
}

// preset is a period counted back from now.
type preset struct {
	Text, Path string
	Chosen     bool
}

// periods are the presets by their words.
var periods = []struct {
	word, text string
	length     time.Duration
}{{"15m", "Last 15 minutes", 15 * time.Minute}, {"1h", "Last hour", time.Hour}, {"24h", "Last 24 hours", 24 * time.Hour}}

func (m *room) search(r *page.Request) (page.View, error) {
	f, s := m.filter(r)
	v := page.View{Template: "events/search.html", Title: title, Data: s}
	if len(s.Faults) > 0 {
		v.Status = 422
		return v, nil
	}
	f.Limit = perPage
	found, err := m.backend.EventPage(r.Context(), r.Actor, f)
	if err != nil {
		return page.View{}, err
	}
	s.Rows = rowsOf(found.Events)
	s.Followed = followed
	if found.Older {
		s.Older = page.Query(r, before, string(found.Oldest), after, "")
	}
	if found.Newer {
		s.Newer = page.Query(r, after, string(found.Newest), before, "")
	}
	atEnd := f.Before == "" && f.After == ""
	if !atEnd {
		s.Newest = page.Query(r, before, "", after, "")
	}
	if b := found.Stopped; b != nil {
		s.Searched, s.Packages = clock(b.At), b.Packages
		if f.After != "" {
			s.Further, s.Newer = s.Newer, ""
		} else {
			s.Further, s.Older = s.Older, ""
		}
	}
	if !found.Newer && f.Until.IsZero() {
		s.Follow = follow + "?" + url.Values{byHost: {f.Host}, byKind: {f.Kind}, byText: {f.Text}, after: {string(found.Newest)}}.Encode()
	}
	s.Nothing = nothing(s, f)
	return v, nil
}

// nothing says why there are no rows.
func nothing(s *search, f acts.EventFilter) string {
	switch {
	case s.Further != "":
		return "No event matches in what was searched."
	case f.After != "":
		return "No newer event matches."
	case f.Before != "":
		return "No older event matches."
	case s.Clear != "":
		return "No event matches. Clear a filter, or all of them."
	}
	return "The log holds no events yet. They come as soon as an Endpoint Agent sends some."
}

// filter reads the page's address. What cannot be understood is told beside its
// field.
func (m *room) filter(r *page.Request) (acts.EventFilter, *search) {
	f := acts.EventFilter{
		Host: r.Param(byHost), Kind: r.Param(byKind), Text: r.Param(byText), Before: acts.EventPlace(r.Param(before)), After: acts.EventPlace(r.Param(after)),
	}
	s := &search{
		Host: f.Host, Kind: f.Kind, Text: f.Text, Since: r.Param(bySince), Until: r.Param(byUntil), Kinds: acts.EventKinds(),
		Faults: make(map[string]string), Again: page.Query(r, before, "", after, ""),
	}
	chosen := r.Param(byPeriod)
	if s.Since+s.Until != "" {
		chosen = "" // times of one's own take its place
	}
	s.Period = chosen
	all := preset{Text: "All that is kept", Path: page.Query(r, byPeriod, "", bySince, "", byUntil, "", before, "", after, ""), Chosen: chosen == "" && s.Since == "" && s.Until == ""}
	for _, p := range periods {
		if chosen == p.word {
			f.Since = m.now().Add(-p.length)
		}
		s.Presets = append(s.Presets, preset{
			Text: p.text, Path: page.Query(r, byPeriod, p.word, bySince, "", byUntil, "", before, "", after, ""), Chosen: chosen == p.word,
		})
	}
	s.Presets = append(s.Presets, all)
	if chosen != "" && f.Since.IsZero() {
		s.Faults[bySince] = fmt.Sprintf("The period %q is not known: choose one of those above.", chosen)
	}
	if own := r.Period(bySince, byUntil, s.Faults); s.Since+s.Until != "" {
		f.Since, f.Until, s.Since, s.Until = own.Since, own.Until, own.SinceText, own.UntilText
	}
	for _, value := range []string{s.Host, s.Kind, s.Text, chosen, s.Since, s.Until} {
		if value != "" {
			s.Clear = front
		}
	}
	return f, s
}

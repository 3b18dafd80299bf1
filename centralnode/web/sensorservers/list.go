package sensorservers

import (
	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// perPage is how many rows a page of the table has.
const perPage = 100

// listData is what the page of the table shows.
type listData struct {
	Rows   []server
	Counts acts.SensorCounts
	Filter acts.ServerFilter
	States []page.Option
	Pager  page.Pager
}

// Total is how many Sensor servers there are.
func (d listData) Total() int { return d.Counts.Pending + d.Counts.Accepted + d.Counts.Rejected }

// Filtered says whether some rows may be left out.
func (d listData) Filtered() bool { return d.Filter.State != "" || d.Filter.Text != "" }

// list shows the Server list: who waits comes first.
func (m *room) list(r *page.Request) (page.View, error) {
	f := acts.ServerFilter{State: acts.RequestState(r.Param("state")), Text: r.Param("text"), Offset: r.Offset(), Limit: perPage}
	found, err := m.backend.SensorServerPage(r.Context(), r.Actor, f)
	if err != nil {
		return page.View{}, err
	}
	data := listData{Counts: found.Counts, Filter: f, States: states(f.State)}
	data.Pager = page.NewPager(r, data.Total(), found.Matching, found.Offset, perPage)
	for _, s := range found.Servers {
		data.Rows = append(data.Rows, server{s, found.PolicyRevision})
	}
	return page.View{Template: "sensorservers/list.html", Title: title, Data: data, Live: true}, nil
}

// states are what the filter offers.
func states(chosen acts.RequestState) []page.Option {
	options := []page.Option{{Text: "Any", Chosen: chosen == ""}}
	for _, s := range []acts.RequestState{acts.Pending, acts.Accepted, acts.Rejected} {
		options = append(options, page.Option{Value: string(s), Text: string(s), Chosen: chosen == s})
	}
	return options
}

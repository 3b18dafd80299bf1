package externalsystems

import (
	"errors"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// perPage is how many rows a page of the table has.
const perPage = 100

// listData is what the page of the table shows.
type listData struct {
	ServerCertificate pki.Fingerprint
	Priority          priority
	Rows              []row
	Counts            acts.SystemCounts
	Filter            acts.ServerFilter
	States            []page.Option
	Pager             page.Pager
	Decides           bool // the person may decide about some row
}

// row is a system with what the person may do about it in the table.
type row struct {
	system
	Accept, Reject, Delete bool
}

// Columns is how many the table has.
func (d listData) Columns() int {
	if d.Decides {
		return 8
	}
	return 7
}

// Total is how many external systems there are.
func (d listData) Total() int { return d.Counts.Pending + d.Counts.Accepted + d.Counts.Rejected }

// Filtered says whether some rows may be left out.
func (d listData) Filtered() bool { return d.Filter.State != "" || d.Filter.Text != "" }

// list shows the Server list: who waits comes first.
func (m *room) list(r *page.Request) (page.View, error) {
	f := acts.ServerFilter{State: acts.RequestState(r.Param("state")), Text: r.Param("text"), Offset: r.Offset(), Limit: perPage}
	found, err := m.backend.ExternalSystemPage(r.Context(), r.Actor, f)
	if err != nil {
		return page.View{}, err
	}
	data := listData{ServerCertificate: found.ServerCertificate, Counts: found.Counts, Filter: f, States: states(f.State)}
	if data.Priority, err = m.priority(r, found); err != nil {
		return page.View{}, err
	}
	accept, reject, remove := m.may(r, acts.ActAcceptSystem), m.may(r, acts.ActRejectSystem), m.may(r, acts.ActDeleteSystem)
	data.Decides = accept || reject || remove
	data.Pager = page.NewPager(r, data.Total(), found.Matching, found.Offset, perPage)
	for _, s := range found.Systems {
		waits := s.State == acts.Pending
		data.Rows = append(data.Rows, row{system{s}, accept && waits, reject && waits, remove && !waits})
	}
	return page.View{Template: "externalsystems/list.html", Title: title, Data: data, Live: true}, nil
}

func (m *room) may(r *page.Request, act string) bool { return m.backend.May(r.Actor, act) }

// states are what the filter offers.
func states(chosen acts.RequestState) []page.Option {
	options := []page.Option{{Text: "Any", Chosen: chosen == ""}}
	for _, s := range []acts.RequestState{acts.Pending, acts.Accepted, acts.Rejected} {
		options = append(options, page.Option{Value: string(s), Text: string(s), Chosen: chosen == s})
	}
	return options
}

// priorityName is the documented name of the switch.
const priorityName = "Maximum scan priority"

// priority is the switch, and what turning it over would do, for those who may.
type priority struct {
	On       bool
	May      bool
	Means    []string
	Revision uint64
}

// Turn is what the form asks for.
func (p priority) Turn() string { return onOff(!p.On) }

const on, off = "on", "off"

func onOff(v bool) string {
	if v {
		return on
	}
	return off
}

func (m *room) priority(r *page.Request, found acts.ExternalSystemPage) (priority, error) {
	p := priority{On: found.MaximumScanPriority, Revision: found.PriorityRevision, May: m.may(r, acts.ActSetScanPriority)}
	if !p.May {
		return p, nil
	}
	means, err := m.backend.PreviewSetScanPriority(r.Context(), r.Actor, acts.SetScanPriority{On: !p.On})
	p.Means = means.Lines
	return p, err
}

// setPriority sets the switch. Nothing asks before it, as documented: it takes
// nothing away, and what it does is said beside it.
func (m *room) setPriority(r *page.Request) (page.Outcome, error) {
	want := r.PostFormValue("turn")
	if want != on && want != off {
		return page.Outcome{}, &acts.Error{Code: acts.Invalid, Text: "the form does not say whether " + priorityName + " should be on or off: nothing was done",
			Hint: "open " + title + " and set it there", Err: errors.New("turn is neither on nor off")}
	}
	done, err := m.backend.SetScanPriority(r.Context(), r.Actor, acts.SetScanPriority{On: want == on, Revision: r.Revision()})
	if err != nil {
		return page.Outcome{}, err
	}
	line := "Mail sensors and other systems take turns."
	if done.On {
		line = "Objects of mail sensors are scanned before all others from now on."
	}
	return page.Outcome{To: listPath, Notice: page.Notice{Kind: page.Done, Title: priorityName + " is " + onOff(done.On), Lines: []string{line}}}, nil
}

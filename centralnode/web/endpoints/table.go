package endpoints

import (
	"slices"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// perPage is how many hosts a page shows.
const perPage = 50

// The parameters of the table's address, beside those of the Kit.
const (
	byText     = "q"
	byName     = "host"
	byAddress  = "ip"
	byOS       = "os"
	byVersion  = "version"
	byActivity = "activity"
	byWay      = "server"
)

// parameters are those that filter, in the order of the columns.
var parameters = []string{byText, byName, byAddress, byOS, byVersion, byActivity, byWay}

// table is the table of hosts as the person wants it.
type table struct {
	acts.HostList
	Text    string   // of the quick filter
	Quick   []kept   // what its form carries beside
	Columns []column // the last ones have no filter
	Counts  []count
	Pager   page.Pager
	Sort    string
	// Clear is the page without any filter, Unsearched the one without the quick
	// filter; empty: none is set.
	Clear, Unsearched string
}

// kept is what the address says beside a form's own field.
type kept struct{ Name, Value string }

// column is a header cell. Sort is by which word its table is sorted, Filter the
// parameter that it filters by; both may be empty.
type column struct {
	page.Sorting
	Filter  string
	Label   string // of the field
	Value   string
	Hint    string
	Choices []choice // of a filter that has some
	Keep    []kept
	Clear   string // the page without the filter; empty: it is not set
}

// choice is one of a filter's values.
type choice struct {
	Value, Text string
	Chosen      bool
}

// count is how many hosts have an activity, and the page that shows them.
type count struct {
	Activity acts.Activity
	Hosts    int
	Path     string
	Here     bool
}

func (m *room) table(r *page.Request) (page.View, error) {
	f := acts.HostFilter{
		Text: r.Param(byText), Name: r.Param(byName), Address: r.Param(byAddress), OS: r.Param(byOS), Version: r.Param(byVersion),
		Way: r.Param(byWay), Offset: r.Offset(), Limit: perPage,
	}
	if word := r.Param(byActivity); word != "" {
		activity, err := acts.ParseActivity(word)
		if err != nil {
			return page.View{}, &acts.Error{Code: acts.Invalid, Text: err.Error(), Hint: "choose one of them in the table's header", Err: err}
		}
		f.Activity = activity
	}
	sort, down := r.Sorted(string(acts.HostsByName), words(acts.HostSorts())...)
	if f.Sort = acts.HostSort(sort); down {
		f.Sort = "-" + f.Sort
	}
	list, err := m.backend.Hosts(r.Context(), r.Actor, f)
	if err == nil && f.Offset > 0 && f.Offset >= list.Matching { // fewer match than did
		f.Offset = max(0, list.Matching-1) / perPage * perPage
		list, err = m.backend.Hosts(r.Context(), r.Actor, f)
	}
	if err != nil {
		return page.View{}, err
	}
	t := table{HostList: list, Text: f.Text, Sort: r.Param("sort"), Pager: page.NewPager(r, list.Total, list.Matching, f.Offset, perPage)}
	t.Quick = keep(r, byText)
	if f.Text != "" {
		t.Unsearched = page.Query(r, byText, "", "from", "")
	}
	t.Columns = columns(r, list, f)
	for _, activity := range acts.Activities() {
		t.Counts = append(t.Counts, count{
			Activity: activity, Hosts: list.ByActivity[activity], Path: page.Query(r, byActivity, activityWord(activity), "from", ""), Here: f.Activity == activity,
		})
	}
	if slices.ContainsFunc(parameters, func(p string) bool { return r.Param(p) != "" }) {
		t.Clear = page.Query(r, without(parameters)...)
	}
	return page.View{Template: "endpoints/table.html", Title: title, Data: t, Live: true}, nil
}

// columns are the header cells of the documented table.
func columns(r *page.Request, list acts.HostList, f acts.HostFilter) []column {
	var activities, ways []choice
	for _, a := range acts.Activities() {
		activities = append(activities, choice{activityWord(a), string(a), a == f.Activity})
	}
	for _, w := range list.Ways {
		ways = append(ways, choice{w.Way, server(w.Way, w.Sensor), w.Way == f.Way})
	}
	if f.Way != "" && !slices.ContainsFunc(ways, func(c choice) bool { return c.Chosen }) {
		ways = append(ways, choice{f.Way, f.Way, true}) // hosts came by it once
	}
	out := []column{
		{Sorting: page.Sort(r, string(acts.HostsByName), "Host"), Filter: byName, Label: "Part of the host name", Value: f.Name},
		{Sorting: page.Sort(r, string(acts.HostsByAddress), "IP"), Filter: byAddress, Label: "Part of an address", Value: f.Address},
		{Sorting: page.Sort(r, string(acts.HostsByOS), "OS"), Filter: byOS, Label: "Part of the operating system's name or version", Value: f.OS},
		{Sorting: page.Sort(r, string(acts.HostsByVersion), "Version"), Filter: byVersion, Label: "Part of the agent's version", Value: f.Version},
		{Sorting: page.Sort(r, string(acts.HostsByActivity), "Activity"), Filter: byActivity, Label: "Activity", Value: string(f.Activity), Choices: activities},
		{Sorting: page.Sort(r, string(acts.HostsByLastContact), "Last connection")},
		{Sorting: page.Sort(r, string(acts.HostsByWay), "Server"), Filter: byWay, Label: "Server", Value: f.Way, Choices: ways},
		{Sorting: page.Sorting{Title: "Certificate"}},
	}
	for i := range out {
		c := &out[i]
		if c.Filter == "" {
			continue
		}
		c.Keep = keep(r, c.Filter)
		if c.Value != "" {
			c.Clear = page.Query(r, c.Filter, "", "from", "")
		}
		for _, one := range c.Choices {
			if one.Chosen {
				c.Value = one.Text
			}
		}
	}
	return out
}

// keep is what a filter's form carries so that the others stay as they are.
func keep(r *page.Request, but string) (out []kept) {
	for _, name := range append(slices.Clone(parameters), "sort") {
		if value := r.Param(name); name != but && value != "" {
			out = append(out, kept{name, value})
		}
	}
	return out
}

// without are parameters for page.Query that take some away.
func without(names []string) (out []string) {
	for _, n := range append(slices.Clone(names), "from") {
		out = append(out, n, "")
	}
	return out
}

// activityWord is an activity in an address: the first of its words.
func activityWord(a acts.Activity) string {
	word, _, _ := strings.Cut(strings.ToLower(string(a)), " ")
	return word
}

// server is what a host's connection came through, as the table says it.
func server(way, sensor string) string {
	switch {
	case way == "direct":
		return "Direct"
	case sensor != "":
		return sensor
	}
	return way
}

func words[T ~string](named []T) []string {
	out := make([]string, len(named))
	for i, w := range named {
		out[i] = string(w)
	}
	return out
}

// shortFingerprint is how many characters of a fingerprint a row shows: four
// pairs with their colons.
const shortFingerprint = 11

// Row is a host as a row shows it.
type Row struct {
	acts.Host
	Server string
	More   int    // addresses beside the first
	Short  string // what the fingerprint of its certificate begins with; its page has all of it
}

// Rows are the hosts of this page.
func (t table) Rows() []Row {
	out := make([]Row, len(t.Hosts))
	for i, h := range t.Hosts {
		out[i] = Row{Host: h, Server: server(h.Way, h.Sensor), More: max(0, len(h.Addresses)-1)}
		if !h.Certificate.IsZero() {
			out[i].Short = h.Certificate.String()[:shortFingerprint] + "..."
		}
	}
	return out
}

package alerts

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// pageSize is how many alerts a page shows.
const pageSize = 50

// The parameters of the table.
const (
	byState, byImportance, byTechnology = "state", "importance", "technology"
	bySystem, byText                    = "system", "text"
	bySince, byUntil                    = "since", "until"
)

// filters are the parameters that choose rows.
var filters = [...]string{byState, byImportance, byTechnology, bySystem, byText, bySince, byUntil}

// table is the page of the table.
type table struct {
	Rows  []row
	Pager page.Pager
	Total int

	States                        []acts.AlertState
	Importances                   []word
	Technologies                  []word
	State, Importance, Technology string
	System, Text, Since, Until    string
	Sort                          string            // as the address has it
	Faults                        map[string]string // by parameter
	Filtered                      bool
	Clear                         string // this table without filters
	Back                          string // query of this page, for the form
}

// word is a word of the documented interface, and as a person reads it.
type word struct{ Value, Text string }

// row is an alert in the table.
type row struct {
	acts.Alert
	Path       string
	Select     string // value of its check box: which alert, and as it was seen
	Importance string
	Technology string
	Source     string
	Object     []string // its name, cut to what a table has room for, in pieces between which a line may end
	SystemText string
	SystemPath string // this table, of the system alone
	Names      [][]string
	More       int // detections that are not among them
}

// What strangers choose is cut in the table, so that it pushes nothing else out
// of sight. The whole of it is on the alert's page.
const (
	maxName    = 60 // bytes
	maxNames   = 3
	maxIDShown = 20
)

func (m *room) list(r *page.Request) (page.View, error) {
	f, d := filter(r)
	v := page.View{Template: "alerts/list.html", Title: title, Data: d, Live: true}
	if len(d.Faults) > 0 {
		v.Status, v.Live = 422, false
		return v, nil
	}
	f.Offset, f.Limit = r.Offset(), pageSize
	list, err := m.backend.Alerts(r.Context(), r.Actor, f)
	if err == nil && len(list.Alerts) == 0 && f.Offset > 0 && list.Matching > 0 {
		// The table has become shorter than where somebody was.
		f.Offset = (list.Matching - 1) / pageSize * pageSize
		list, err = m.backend.Alerts(r.Context(), r.Actor, f)
	}
	if err != nil {
		return page.View{}, err
	}
	for _, a := range list.Alerts {
		one := rowOf(a)
		one.SystemPath = page.Query(r, bySystem, a.System, "from", "")
		d.Rows = append(d.Rows, one)
	}
	d.Total = list.Total
	d.Pager = page.NewPager(r, list.Total, list.Matching, f.Offset, pageSize)
	return v, nil
}

// filter reads what the person asks for. What nobody can mean is a fault at its
// field.
func filter(r *page.Request) (acts.AlertFilter, *table) {
	d := &table{
		States: acts.AlertStates(), Importances: importances(), Technologies: technologies(),
		State: r.Param(byState), Importance: r.Param(byImportance), Technology: r.Param(byTechnology), System: r.Param(bySystem), Text: r.Param(byText),
		Faults: make(map[string]string), Clear: front, Sort: r.Param("sort"),
	}
	q := make(url.Values)
	for _, name := range append([]string{"sort", "from"}, filters[:]...) {
		if v := r.Param(name); v != "" {
			q.Set(name, v)
			d.Filtered = d.Filtered || name != "sort" && name != "from"
		}
	}
	d.Back = q.Encode()
	f := acts.AlertFilter{System: d.System, Text: d.Text}
	if d.State != "" {
		var err error
		if f.State, err = acts.ParseAlertState(d.State); err != nil {
			d.Faults[byState] = err.Error()
		}
		d.State = string(f.State)
	}
	f.Importance = known(d.Importance, d.Importances, byImportance, d.Faults)
	f.Technology = known(d.Technology, d.Technologies, byTechnology, d.Faults)
	period := r.Period(bySince, byUntil, d.Faults)
	f.Since, f.Until, d.Since, d.Until = period.Since, period.Until, period.SinceText, period.UntilText
	switch column, descending := r.Sorted("-id", string(acts.AlertsByID), string(acts.AlertsByImportance)); {
	case descending:
		f.Sort = "-" + acts.AlertSort(column)
	default:
		f.Sort = acts.AlertSort(column)
	}
	return f, d
}

func known(value string, words []word, name string, faults map[string]string) string {
	if value == "" {
		return ""
	}
	var all []string
	for _, w := range words {
		if w.Value == value {
			return value
		}
		all = append(all, w.Value)
	}
	faults[name] = fmt.Sprintf("This word is not known; the words are %s.", strings.Join(all, ", "))
	return ""
}

func rowOf(a acts.Alert) row {
	one := row{
		Alert: a, Path: front + "/" + strconv.FormatInt(a.ID, 10), Select: fmt.Sprintf("%d-%d", a.ID, a.Revision),
		Importance: importance(a.Importance), Technology: acts.TechnologyTitle(a.Technology), Source: source(a.Source),
		Object: page.Pieces(foreign.Bounded(a.ObjectName, maxName)), SystemText: foreign.Bounded(a.System, maxIDShown),
	}
	if a.SystemName != "" {
		one.SystemText = foreign.Bounded(a.SystemName, maxIDShown)
	}
	for i, name := range a.Detections {
		if i == maxNames {
			one.More = len(a.Detections) - maxNames
			break
		}
		one.Names = append(one.Names, page.Pieces(foreign.Bounded(name, maxName)))
	}
	return one
}

func importances() (out []word) {
	for _, w := range acts.AlertImportances() {
		out = append(out, word{w, importance(w)})
	}
	return out
}

func technologies() (out []word) {
	for _, w := range acts.AlertTechnologies() {
		out = append(out, word{w, acts.TechnologyTitle(w)})
	}
	return out
}

// importance writes the word of the REST API as a person reads it.
func importance(w string) string {
	switch w {
	case "high":
		return "High"
	case "medium":
		return "Medium"
	case "low":
		return "Low"
	default:
		return w
	}
}

func source(w string) string {
	switch w {
	case "mail":
		return "Mail"
	case "external":
		return "External system"
	default:
		return w
	}
}

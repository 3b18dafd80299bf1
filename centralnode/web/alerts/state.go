package alerts

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// set sets the state of one alert.
func (m *room) set(r *page.Request) (page.Outcome, error) {
	id, err := number(r.PathValue("id"))
	if err != nil {
		return page.Outcome{}, err
	}
	a, err := m.backend.SetAlertState(r.Context(), r.Actor, acts.SetAlertState{
		ID: id, State: acts.AlertState(r.PostFormValue("state")), Revision: r.Revision(),
	})
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{
		To: front + "/" + strconv.FormatInt(id, 10), Notice: page.Notice{Kind: page.Done, Title: fmt.Sprintf("Alert %d is %s", a.ID, a.State)},
	}, nil
}

// chosen is an alert that somebody chose in the table, as it was seen there.
type chosen struct {
	id       int64
	revision uint64
}

// setSeveral sets the state of all that were chosen, each for itself: what
// somebody else has changed meanwhile is left as it is, and told.
func (m *room) setSeveral(r *page.Request) (page.Outcome, error) {
	state, err := acts.ParseAlertState(r.PostFormValue("state"))
	if err != nil {
		return page.Outcome{}, &acts.Error{Code: acts.Invalid, Text: err.Error(), Hint: "choose a state beside the button"}
	}
	all, err := several(r.PostForm["alert"])
	if err != nil {
		return page.Outcome{}, err
	}
	done := 0
	var lines []string
	for _, one := range all {
		_, err := m.backend.SetAlertState(r.Context(), r.Actor, acts.SetAlertState{ID: one.id, State: state, Revision: one.revision})
		if acts.CodeOf(err) == acts.NotAllowed {
			return page.Outcome{}, err // that concerns all of them
		}
		if err != nil {
			lines = append(lines, fmt.Sprintf("Alert %d: %s.", one.id, sentence(err)))
			continue
		}
		done++
	}
	n := page.Notice{Kind: page.Done, Title: fmt.Sprintf("%s now %s", alertsAre(done), state), Lines: lines}
	switch {
	case done == 0:
		n.Kind, n.Title = page.Fault, "No alert was changed"
	case len(lines) > 0:
		n.Kind = page.Caution
		n.Title += fmt.Sprintf(", %d not changed", len(lines))
	}
	return page.Outcome{To: back(r), Notice: n}, nil
}

// sentence is an error without the full stop that is added to it.
func sentence(err error) string {
	var known *acts.Error
	if errors.As(err, &known) {
		return strings.TrimSuffix(known.Text, ".")
	}
	return "this did not work"
}

func alertsAre(n int) string {
	if n == 1 {
		return "1 alert is"
	}
	return fmt.Sprintf("%d alerts are", n)
}

// several reads what was chosen: at most a page of the table.
func several(values []string) ([]chosen, error) {
	switch {
	case len(values) == 0:
		return nil, &acts.Error{Code: acts.Invalid, Text: "no alert was chosen", Hint: "tick the alerts in the table first"}
	case len(values) > pageSize:
		return nil, &acts.Error{Code: acts.Invalid, Text: fmt.Sprintf("%d alerts are too many at once", len(values)), Hint: fmt.Sprintf("choose at most %d", pageSize)}
	}
	out := make([]chosen, len(values))
	for i, v := range values {
		id, revision, _ := strings.Cut(v, "-")
		var err, errRevision error
		out[i].id, err = strconv.ParseInt(id, 10, 64)
		out[i].revision, errRevision = strconv.ParseUint(revision, 10, 64)
		if err != nil || errRevision != nil {
			return nil, &acts.Error{Code: acts.Invalid, Text: "the form names no alert", Hint: "open the table again and repeat it there"}
		}
	}
	return out, nil
}

// back is the table as it was, of which a form may say nothing but parameters.
func back(r *page.Request) string {
	asked, err := url.ParseQuery(r.PostFormValue("back"))
	if err != nil {
		return front
	}
	q := make(url.Values)
	for _, name := range append([]string{"sort", "from"}, filters[:]...) {
		if v := asked.Get(name); v != "" {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return front
	}
	return front + "?" + q.Encode()
}
